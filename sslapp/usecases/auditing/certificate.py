"""The certificate of a project: how many of its labels are right, proven from the log alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.review.audits.audit import ERROR, UNASKED
from sslapp.review.audits.together import Contribution, most_errors_together
from sslapp.review.bounds import Interval, clopper_pearson
from sslapp.store import label_classes, projects
from sslapp.store.database import reading
from sslapp.store.log import audits, events
from sslapp.store.log.audits import LabelsGiven, labels_given
from sslapp.store.people import readers
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.auditing.in_force import InForce, in_force


@dataclass(frozen=True)
class LotShare:
    """What one lot adds to a certificate.

    Attributes:
        audit: its number.
        images: of the lot.
        looks: answers in the answered beginning of its queue.
        mended: errors found, there and ahead of their turn.
        answered: images of it that were answered, in whatever order.
    """

    audit: int
    images: int
    looks: int
    mended: int
    answered: int


@dataclass(frozen=True)
class ClassBound:
    """What is proven about the labels of one class.

    Attributes:
        labels: how many there are.
        blind: of them given singly and blind.
        wrong: at most so many of them are wrong.
        precision: 1 - wrong / labels.
    """

    class_id: int
    name: str
    labels: int
    blind: int
    wrong: int
    precision: float


@dataclass(frozen=True)
class SelfAgreement:
    """How often a reader said the same of an image twice, blind both times.

    Attributes:
        interval: of the share, exact, 95 %; (0, 1) without a repetition.
    """

    reader: str
    repeated: int
    same: int
    interval: Interval


@dataclass(frozen=True)
class Certificate:
    """The statement, and what it rests on.

    "Of `labels` labels at least `precision` are what these readers would say blind, with
    confidence 1 - alpha."

    Attributes:
        project: its name.
        event, head: number and hash of the newest event that it takes into account.
        labels: M, images with a label of a class in use.
        blind: of them given singly and blind; they are right by definition.
        unlabelled: images of the pool and the holdout without a label.
        none_of_these: images that no class fits.
        lots: what each lot adds.
        uncovered: labels that are neither blind nor in a lot: each may be wrong.
        most: U, the most errors that the lots had together when they were frozen.
        errors: F, of them found and mended.
        changed: k, labels of the lots that became others since, and not by a blind answer.
        wrong: U - F + k and the uncovered, at most so many labels are wrong.
        precision: 1 - wrong / labels; 0 without labels.
        alpha: probability of error.
        classes: a bound each, those that could hide most errors first. Their alpha is shared.
        readers: who gave the blind answers, and their agreement with themselves.
    """

    project: str
    event: int
    head: str
    labels: int
    blind: int
    unlabelled: int
    none_of_these: int
    lots: tuple[LotShare, ...]
    uncovered: int
    most: int
    errors: int
    changed: int
    wrong: int
    precision: float
    alpha: float
    classes: tuple[ClassBound, ...]
    readers: tuple[SelfAgreement, ...]


def certify(access: Access, project: str | int | None) -> Certificate:
    """Work out the certificate of a project as it stands now."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        return certificate_of(conn, project_id)


def certificate_of(conn: Connection, project_id: int) -> Certificate:
    """The same within a transaction; it reads the log and what is derived from it."""
    row = projects.find_project(conn, project_id)
    given = labels_given(conn, project_id)
    lots = in_force(conn, project_id, given)
    # that of the audits: nobody may choose it after the answers
    agreed = [each.stands.opened.audit.terms.alpha for each in lots]
    alpha = max(agreed, default=1 - row.settings.certainty)
    counted = _count(given, lots, np.ones(len(given.positions), dtype=np.bool_))
    joined = [Contribution(each.stands.looks(each.part), each.share) for each in lots]
    most = most_errors_together(joined, alpha)
    errors = sum(each.proof.mended for each in lots)
    wrong = min(most - errors + counted.changed + counted.uncovered, counted.not_blind)
    state = load_state(conn, project_id)
    number, head = events.head(conn, project_id)
    unlabelled = int(((state.labels < 0) & ~state.is_test).sum()) - len(state.none_of_these)
    return Certificate(
        project=row.name,
        event=number,
        head=head,
        labels=counted.labels,
        blind=counted.labels - counted.not_blind,
        unlabelled=unlabelled,
        none_of_these=len(state.none_of_these),
        lots=tuple(_share(each) for each in lots),
        uncovered=counted.uncovered,
        most=most,
        errors=errors,
        changed=counted.changed,
        wrong=wrong,
        precision=1 - wrong / counted.labels if counted.labels else 0.0,
        alpha=round(alpha, 12),
        classes=_by_class(conn, project_id, given, lots, alpha),
        readers=_self_agreement(conn, project_id),
    )


@dataclass(frozen=True)
class _Counted:
    """Some current labels, by what is known of them.

    Attributes:
        labels: all of them.
        not_blind: not given singly and blind.
        uncovered: of these, in no lot: each may be wrong.
        changed: of these, in a lot that had another class, or one that was found wrong: likewise.
    """

    labels: int
    not_blind: int
    uncovered: int
    changed: int


def _count(given: LabelsGiven, lots: Sequence[InForce], among: NDArray[np.bool_]) -> _Counted:
    covered, changed = np.zeros(len(among), dtype=np.bool_), np.zeros(len(among), dtype=np.bool_)
    for each in lots:
        rows, inside = each.rows_of(given.positions)
        covered |= inside
        other = each.stands.opened.audit.lot.class_ids[rows] != given.class_ids
        changed |= inside & (other | (each.stands.answers[rows] == ERROR))
    open_ones = among & ~given.blind
    return _Counted(
        labels=int(among.sum()),
        not_blind=int(open_ones.sum()),
        uncovered=int((open_ones & ~covered).sum()),
        changed=int((open_ones & changed).sum()),
    )


def _share(found: InForce) -> LotShare:
    proof, answers = found.proof, found.stands.answers
    answered = int((answers[found.part.members] != UNASKED).sum())
    number = found.stands.opened.number
    return LotShare(number, proof.size, proof.looks, proof.mended, answered)


def _by_class(
    conn: Connection,
    project_id: int,
    given: LabelsGiven,
    lots: Sequence[InForce],
    alpha: float,
) -> tuple[ClassBound, ...]:
    """A bound for each class that has labels, those that could hide most errors first.

    They share alpha, so that all of them hold together.
    """
    rows = [each for each in label_classes.classes(conn, project_id) if each.id in given.class_ids]
    bounds = []
    for each in rows:
        counted = _count(given, lots, given.class_ids == each.id)
        most, mended = _of_class(lots, each.id, alpha / len(rows))
        wrong = min(most - mended + counted.changed + counted.uncovered, counted.not_blind)
        bounds.append(
            ClassBound(
                class_id=each.id,
                name=each.name,
                labels=counted.labels,
                blind=counted.labels - counted.not_blind,
                wrong=wrong,
                precision=1 - wrong / counted.labels,
            )
        )
    return tuple(sorted(bounds, key=lambda bound: (-bound.wrong, bound.name)))


def _of_class(lots: Sequence[InForce], class_id: int, alpha: float) -> tuple[int, int]:
    """The most errors among a class's labels of the lots, and how many of them are mended."""
    joined, mended = [], 0
    for each in lots:
        audit = each.stands.opened.audit
        members = (audit.lot.class_ids == class_id) & each.part.members
        if members.any():
            part = audit.part(members, alpha)
            joined.append(Contribution(each.stands.looks(part), each.share))
            mended += int((each.stands.answers[members] == ERROR).sum())
    return most_errors_together(joined, alpha), mended


def _self_agreement(conn: Connection, project_id: int) -> tuple[SelfAgreement, ...]:
    """Of every reader who answered blind."""
    first: dict[tuple[int, int], int | None] = {}
    for each in audits.blind_answers(conn, project_id, 0):
        if not each.taken_back:
            first.setdefault((each.reader_id, each.position), each.class_id)
    again: dict[int, list[bool]] = {reader_id: [] for reader_id, _ in first}
    for reader_id, position, class_id in audits.repeats(conn, project_id):
        if (reader_id, position) in first:
            again[reader_id].append(first[reader_id, position] == class_id)
    names = readers.reader_names(conn)
    return tuple(
        SelfAgreement(names[reader_id], len(same), sum(same), clopper_pearson(sum(same), len(same)))
        for reader_id, same in sorted(again.items(), key=lambda item: names[item[0]])
    )
