"""Accepting what an audit proves, and what nothing does."""

import numpy as np
import pytest
import small_project

from sslapp.charts.proofs import proofs_by_threshold
from sslapp.review.audits.audit import AS_SAID, ERROR, UNASKED, Audit, Lot, Terms
from sslapp.store.database import reading
from sslapp.store.errors import Refused
from sslapp.store.label_classes import classes
from sslapp.usecases.auditing import opening
from sslapp.usecases.auditing.answers import answer, next_looks
from sslapp.usecases.auditing.certificate import certify
from sslapp.usecases.auditing.evidence import Unproven, evidence_for, proof_by
from sslapp.usecases.auditing.opened import AboutLot, OpenedAudit, as_kept
from sslapp.usecases.auditing.progress import audit_progress, stop_advice
from sslapp.usecases.auditing.standing import AuditStanding
from sslapp.usecases.labelling import decisions
from sslapp.usecases.projects.settings import change_settings
from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.reviewing.bulk_decisions import bulk_accept
from sslapp.usecases.reviewing.candidates import propose
from sslapp.usecases.reviewing.checks import (
    audit_candidates,
    check_selection,
    thresholds_from,
)
from sslapp.usecases.reviewing.proofs import (
    better_threshold,
    contradiction,
    looks_without_error,
    proof_of,
    proven_curve,
    weigh_candidates,
    weigh_selection,
)
from sslapp.usecases.reviewing.queue import Choice


@pytest.fixture
def checked(with_round, open_copy, monkeypatch):
    """The project of `small_project` with a finished round and nothing accepted."""
    monkeypatch.setattr(opening, "fresh_seed", lambda: 3)
    access = open_copy(with_round)
    change_settings(access, None, precision=0.6)
    return access


def play(access, count) -> None:
    truth = small_project.true_columns(access)
    for look in next_looks(access, None, count=count):
        answer(access, None, None, look.position, str(truth[look.position]))


def proposed(access, threshold):
    found = propose(access, None, threshold=threshold)
    order = np.argsort(found.candidates.positions)
    columns = found.candidates.columns[order]
    return found.candidates.positions[order], found.predictions.class_ids[columns]


def known(access, positions, class_ids):
    with reading(access.engine) as conn:
        return evidence_for(conn, 1, access.reader_id, positions, class_ids)


def test_nothing_is_known_before_an_audit_and_accepting_says_so(checked) -> None:
    positions, class_ids = proposed(checked, 0.3)
    assert known(checked, positions, class_ids) is None
    with pytest.raises(Unproven, match=rf"^Nothing is known of how many of these {len(positions)}"):
        bulk_accept(checked, None, positions)
    made = bulk_accept(checked, None, positions, unproven=True)
    assert made.payload["unproven"].startswith("Nothing is known")
    assert "proof" not in made.payload


def test_what_is_proven_is_accepted_with_its_proof_and_certified(checked) -> None:
    opened = audit_candidates(checked, None, threshold=0.3)
    size = len(opened.audit.lot)
    play(checked, 8)
    positions, class_ids = proposed(checked, 0.3)
    assert len(positions) < size, "what is answered is a label and no candidate any more"
    little = known(checked, positions, class_ids)
    assert little is not None
    assert little.precision < 0.6
    with pytest.raises(Unproven, match="The project asks for 60 %: look at more of audit 1"):
        bulk_accept(checked, None, positions)
    while (evidence := known(checked, *proposed(checked, 0.3))).precision < 0.6:
        play(checked, 4)
    positions, class_ids = proposed(checked, 0.3)
    made = bulk_accept(checked, None, positions)
    assert made.payload["proof"] == evidence.row()
    truth = small_project.true_columns(checked)
    with reading(checked.engine) as conn:
        numbers = {each.id: each.number for each in classes(conn, 1)}
    wrong = sum(numbers[c] != truth[p] for p, c in zip(positions, class_ids, strict=True))
    assert wrong <= (1 - evidence.precision) * len(positions) + 1e-9
    stated = certify(checked, None)
    assert (stated.uncovered, len(stated.lots), stated.lots[0].audit) == (0, 1, 1)
    assert wrong <= stated.wrong < len(positions)
    assert stop_advice(checked, None) == "", "every label is blind or in an audit"


def test_a_higher_threshold_is_proven_by_its_own_part(checked) -> None:
    opened = audit_candidates(checked, None, threshold=0.2)
    thresholds = opened.audit.terms.thresholds
    assert thresholds[0] == 0.2
    assert list(thresholds) == sorted(set(thresholds))
    play(checked, 30)
    found = audit_progress(checked, None, reading_on=True)
    assert [each.threshold for each in found.thresholds] == list(thresholds)
    assert found.thresholds[0].certainty == pytest.approx(0.975)
    sizes = [each.images for each in found.thresholds]
    assert sizes == sorted(sizes, reverse=True)
    positions, class_ids = proposed(checked, thresholds[-1] + 0.002)
    best = known(checked, positions, class_ids)
    assert best is not None
    remaining = [
        (each.images - round(each.precision * each.images)) / len(positions)
        for each in found.thresholds
    ]
    assert best.precision == pytest.approx(max(0.0, 1 - min(remaining)), abs=1e-6)


def test_the_curve_of_a_round_is_that_of_its_newest_audit(checked) -> None:
    board = read_board(checked, 1)
    assert proven_curve(checked, 1, board).thresholds == ()
    audit_candidates(checked, None, threshold=0.2)
    play(checked, 20)
    found = proven_curve(checked, 1, board).thresholds
    assert [each.threshold for each in found] == sorted(each.threshold for each in found)
    assert found[0].looks == 19, "the last answer can still be taken back"
    figure = proofs_by_threshold(
        [each.threshold for each in found],
        [each.precision for each in found],
        ["word"] * len(found),
        0.6,
    )
    assert list(figure.data[0].y) == [each.precision for each in found]
    assert figure.layout.shapes[0].y0 == 0.6


def test_what_is_known_is_said_for_the_desk(checked) -> None:
    board = read_board(checked, 1)
    positions, _ = proposed(checked, 0.3)
    before = proof_of(checked, 1, board, positions)
    assert (before.proven, before.precision, before.wanted) == (False, None, 0.6)
    assert before.words.startswith(f"Nothing is proven of these {len(positions)} labels.")
    assert "holdout images were right" in before.words
    confidence = board.confidence[positions]
    assert 0 < looks_without_error(checked, 1, confidence) <= len(positions)
    opened = check_selection(checked, 1, board, Choice(threshold=0.3), positions)
    assert opened.about is AboutLot.CHALLENGERS
    narrow = Choice(threshold=0.3, rings=(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)),))
    part = check_selection(checked, 1, board, narrow, positions[:10])
    assert (part.about, len(part.audit.lot)) == (AboutLot.SELECTION, 10)
    play(checked, 10)
    after = proof_of(checked, 1, read_board(checked, 1), np.zeros(0, dtype=np.int64))
    assert after.precision is None


def test_a_higher_threshold_is_offered_where_it_is_proven() -> None:
    """Of 900 labels those below .9 are often wrong, and the others never."""
    confidence = np.where(np.arange(900) % 3, 0.95, 0.8)
    lot = Lot(np.arange(900), np.ones(900, dtype=np.int64), as_kept(confidence))
    audit = Audit(lot, Terms(5, 0.6, 0.05, (0.5, 0.7, 0.9)))
    answers = np.full(900, UNASKED, dtype=np.int8)
    first = audit.queue[:500]
    answers[first] = np.where((lot.confidence[first] < 0.9) & (first % 2 == 0), ERROR, AS_SAID)
    opened = OpenedAudit(1, 1, AboutLot.CHALLENGERS, None, 0.95, audit)
    stands = AuditStanding(opened, answers, {})
    rows = np.arange(900)
    about = (stands, rows, confidence[rows].astype(np.float32))
    whole = proof_by(stands, rows).precision
    sure = proof_by(stands, rows[confidence >= 0.9]).precision
    assert sure > whole + 0.01
    assert better_threshold(*about, (whole + sure) / 2) == 0.9
    assert better_threshold(*about, (sure + 1) / 2) is None, "not even those are proven that right"


def sure_lot(wrong) -> AuditStanding:
    """An audit of 400 labels at .97, three classes in turn, whose first 60 looks were answered.

    Args:
        wrong: (60,) bool, in the order of the queue.
    """
    size = 400
    lot = Lot(np.arange(size), 1 + np.arange(size) % 3, as_kept(np.full(size, 0.97)))
    audit = Audit(lot, Terms(5, 0.6, 0.05))
    answers = np.full(size, UNASKED, dtype=np.int8)
    answers[audit.queue[:60]] = np.where(wrong, ERROR, AS_SAID)
    return AuditStanding(OpenedAudit(1, 1, AboutLot.CHALLENGERS, None, 0.95, audit), answers, {})


def test_answers_that_contradict_the_confidences_are_said_with_the_class_that_fails() -> None:
    names = {1: "shirt", 2: "hat", 3: "skirt"}
    first = sure_lot(np.zeros(60, dtype=bool))
    classes = first.opened.audit.lot.class_ids[first.opened.audit.queue[:60]]
    assert contradiction(first, names) == ""
    hats = np.flatnonzero(classes == 2)
    promised = len(hats) * (1 - first.opened.audit.lot.confidence[0])
    wrong = np.zeros(60, dtype=bool)
    wrong[hats[:8]] = True
    assert contradiction(sure_lot(wrong), names) == (
        "8 errors in 60 looks, where the confidences promised 1.8: they are too high. "
        f"hat: 8 errors in {len(hats)} looks, where the confidences promised "
        f"{promised:.1f}: they are too high."
    )
    spread = np.zeros(60, dtype=bool)
    for class_id in names:
        spread[np.flatnonzero(classes == class_id)[:3]] = True
    assert contradiction(sure_lot(spread), names).startswith("9 errors in 60 looks, where")
    assert ": 3 errors" not in contradiction(sure_lot(spread), names), "no class is worse"
    one = np.zeros(60, dtype=bool)
    one[hats[:5]] = True
    assert contradiction(sure_lot(one), names).startswith("hat: 5 errors in "), "the whole is fine"
    few = np.zeros(60, dtype=bool)
    few[:3] = True
    assert contradiction(sure_lot(few), names) == "", "3 of 60 at .97 is no wonder"


def test_as_many_errors_as_the_confidences_promise_are_no_contradiction(checked) -> None:
    audit_candidates(checked, None, threshold=0.3)
    play(checked, 30)
    found = proof_of(checked, 1, read_board(checked, 1), proposed(checked, 0.3)[0])
    assert found.warning == ""


def test_a_class_has_a_curve_of_its_own_once_it_was_looked_at_enough(checked) -> None:
    opened = audit_candidates(checked, None, threshold=0.2)
    assert proven_curve(checked, 1, read_board(checked, 1)).classes == ()
    play(checked, len(opened.audit.lot))
    board = read_board(checked, 1)
    classes = opened.audit.lot.class_ids
    known = proven_curve(checked, 1, board).classes
    assert known == tuple(k for k in np.unique(classes) if (classes == k).sum() >= 10)
    curve = proven_curve(checked, 1, board, known[0]).thresholds
    assert curve[0].images == (classes == known[0]).sum()
    assert curve[0].certainty == pytest.approx(0.95)
    assert curve[0].precision == 1.0, "all of them were looked at, and mended"


def test_naming_first_is_weighed_before_an_audit_is_open_and_not_after(checked) -> None:
    board, chosen = read_board(checked, 1), Choice(threshold=0.3)
    before = weigh_selection(checked, 1, board, chosen)
    assert before.now > 0
    assert weigh_candidates(checked, None, target=0.99).now > before.now
    assert weigh_selection(checked, 1, board, Choice(nothing=True)).now == 0
    audit_candidates(checked, None, threshold=0.3)
    assert weigh_selection(checked, 1, read_board(checked, 1), chosen).now == 0


def test_a_selection_is_bounded_by_the_lot_that_has_it(checked) -> None:
    positions, _ = proposed(checked, 0.3)
    audit_candidates(checked, None, threshold=0.3, positions=positions[:30])
    play(checked, 28)
    left, class_ids = proposed(checked, 0.3)
    inside = np.isin(left, positions[:30])
    assert known(checked, left[inside], class_ids[inside]) is not None
    assert known(checked, left, class_ids) is None
    other = class_ids[inside].copy()
    other[0] = next(each for each in np.unique(class_ids) if each != other[0])
    assert known(checked, left[inside], other) is None, "another class was never checked"


def test_asking_again_goes_on_and_another_threshold_begins_anew(checked) -> None:
    first = audit_candidates(checked, None, threshold=0.3)
    play(checked, 3)
    assert audit_candidates(checked, None, threshold=0.3).number == first.number
    assert audit_candidates(checked, None, threshold=0.25).number == 2
    assert audit_candidates(checked, None, threshold=0.3).number == first.number


def test_of_several_audits_the_newest_speaks_and_not_the_best(checked) -> None:
    audit_candidates(checked, None, threshold=0.3)
    play(checked, 30)
    positions, class_ids = proposed(checked, 0.3)
    assert known(checked, positions, class_ids).precision > 0
    audit_candidates(checked, None, threshold=0.25)
    fresh = known(checked, positions, class_ids)
    assert (fresh.audit, fresh.looks) == (2, 0)


def test_unsure_images_are_left_out_and_nothing_is_nothing(checked) -> None:
    positions, _ = proposed(checked, 0.3)
    decisions.note(checked, None, decisions.EventKind.UNSURE, int(positions[0]))
    opened = audit_candidates(checked, None, threshold=0.3)
    assert int(positions[0]) not in opened.audit.lot.positions
    with pytest.raises(Refused, match=r"no candidate at 0\.9999"):
        audit_candidates(checked, None, threshold=0.9999)


def test_higher_thresholds_have_equal_steps_of_images_between_them() -> None:
    confidence = np.linspace(0.9, 1, 801)
    found = thresholds_from(0.9, confidence)
    assert found[0] == 0.9
    assert np.diff(found) == pytest.approx(np.full(7, 0.0125), abs=1e-3)
    assert thresholds_from(0.95, np.full(10, 0.95)) == (0.95,)
