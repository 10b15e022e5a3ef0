"""What is checked before an event enters the log; each refusal is a sentence with the mend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, func, select

from sslapp.store.errors import Refused
from sslapp.store.log import replay
from sslapp.store.log.chain import Event, unpack
from sslapp.store.log.fold import ImageState, Step
from sslapp.store.log.kinds import EventRule, Names, kinds_where, rule_of
from sslapp.store.log.withdrawals import withdrawals
from sslapp.store.schema import event, image, label_class, project, reader, round_, snapshot, undone
from sslapp.vocabulary import EventKind, Source, Split

_ENDS = kinds_where(lambda rule: rule.ends)


@dataclass(frozen=True)
class Covered:
    """A round by its number; it predicted the images 0 to `images` - 1 of its snapshot."""

    number: int
    images: int


@dataclass(frozen=True)
class Scope:
    """What a project's events may name, read once for a batch of events.

    Attributes:
        images: N; positions are 0..N-1.
        classes: class id -> (name, retired).
        readers: ids, of those the batch names, that exist.
        rounds: round id -> what it covers, of those the batch names that belong to the project.
        tests: positions of the test split among those whose prediction the batch judges, or to
            which it gives a class in bulk.
    """

    images: int
    classes: Mapping[int, tuple[str, bool]]
    readers: frozenset[int]
    rounds: Mapping[int, Covered]
    tests: frozenset[int]


def scope(conn: Connection, project_id: int, batch: Sequence[Event]) -> Scope:
    """Read what the events of a batch are checked against.

    Raises:
        Refused: when there is no such project, or it was deleted.
    """
    if conn.execute(select(project.c.id).where(project.c.id == project_id)).scalar() is None:
        raise Refused(f"There is no project {project_id}.")
    ended = select(event.c.number).where(event.c.project_id == project_id, event.c.kind.in_(_ENDS))
    if conn.execute(ended.limit(1)).first() is not None:
        raise Refused("This project was deleted, so nothing more is decided in it.")
    last = conn.execute(
        select(func.max(image.c.position)).where(image.c.project_id == project_id)
    ).scalar()
    classes = conn.execute(
        select(label_class.c.id, label_class.c.name, label_class.c.retired).where(
            label_class.c.project_id == project_id
        )
    )
    readers = {made.reader_id for made in batch} - {None}
    rounds = {made.round_id for made in batch} - {None}
    return Scope(
        images=0 if last is None else last + 1,
        classes={row.id: (row.name, row.retired) for row in classes},
        readers=_existing(conn, reader, readers),
        rounds=_covered(conn, project_id, rounds),
        tests=_tests(conn, project_id, batch),
    )


def check(made: Event, within: Scope) -> None:
    """Check an event's fields against its project.

    Raises:
        Refused: naming the field and what is wrong with it.
    """
    if not 1 <= len(made.key) <= 64:
        raise Refused(f"An event key has 1 to 64 characters; this one has {len(made.key)}.")
    _check_presence(made)
    _check_images(made, within)
    _check_classes(made, within)
    if made.reader_id is not None and made.reader_id not in within.readers:
        raise Refused(f"There is no reader {made.reader_id}.")
    if made.round_id is not None:
        _check_round(made, made.round_id, within)


def check_undo(conn: Connection, undo: Event) -> None:
    """Check that the target is a standing decision by the same reader.

    Raises:
        Refused: otherwise.
    """
    row = conn.execute(
        select(event.c.kind, event.c.reader_id, undone.c.number.label("gone"))
        .outerjoin(
            undone,
            (undone.c.project_id == event.c.project_id) & (undone.c.number == event.c.number),
        )
        .where(event.c.project_id == undo.project_id, event.c.number == undo.target)
    ).one_or_none()
    if row is None:
        raise Refused(f"There is no event {undo.target} to undo in this project.")
    if not rule_of(row.kind).undoable:
        raise Refused(f"Event {undo.target} ({row.kind}) is not a reader's decision: it stays.")
    if row.reader_id != undo.reader_id:
        raise Refused(f"Event {undo.target} was another reader's decision: only they can undo it.")
    if _is_withdrawn(conn, undo):
        raise Refused(
            f"Event {undo.target} was about images that were withdrawn since. Import them again."
        )
    if row.gone is not None:
        raise Refused(f"Event {undo.target} is undone already. To bring it back, undo that undo.")


def _is_withdrawn(conn: Connection, undo: Event) -> bool:
    """Whether images were withdrawn after the decision that an undo is about in the end."""
    assert undo.target is not None
    root = replay.root_of(conn, undo.project_id, undo.target)
    query = select(event.c.position, event.c.members).where(
        event.c.project_id == undo.project_id, event.c.number == root
    )
    row = conn.execute(query).one()
    members = unpack(row.members)
    last = row.position if members is None else int(members[-1])
    return last is not None and last >= withdrawals(conn, undo.project_id).end(root)


def check_judgement(position: int, image_state: ImageState, step: Step, within: Scope) -> None:
    """Check that a prediction may be judged for this image, or that it may take a class in bulk, if
    that is what the event does.

    Raises:
        Refused: when the image is in the holdout or the test split, whose labels must come from a
            reader who saw that image alone and no prediction, or when the class was rejected for
            it.
    """
    rule = rule_of(step.kind)
    if not _spoils(rule):
        return
    where = "holdout" if image_state.holdout is not None else None
    if position in within.tests:
        where = "test split"
    if where is not None:
        raise Refused(
            f"Image {position} belongs to the {where}, where "
            f"{'a judgement on a prediction' if rule.of_prediction else 'a class given in bulk'} "
            "would spoil the measurement. Give it a label instead."
        )
    if rule.source is Source.ACCEPTED and step.class_id in image_state.forbidden:
        name = within.classes[step.class_id][0]
        raise Refused(
            f"Image {position} was judged not to be {name}, so that pseudo-label cannot be "
            "accepted. Label the image by hand if the judgement was wrong."
        )


def _spoils(rule: EventRule) -> bool:
    """Whether such an event measures nothing: its reader saw a prediction, or no image alone."""
    return rule.of_prediction or rule.bulk


def _check_presence(made: Event) -> None:
    kind, rule = made.kind, rule_of(made.kind)
    names = rule.names
    if names is Names.EITHER:
        names = Names.MANY if made.position is None else Names.ONE
    needs = {
        "reader_id": rule.action is not None or rule.imported,
        "position": names is Names.ONE,
        "class_id": rule.takes_class,
        "members": names is Names.MANY,
        "member_classes": rule.class_each or rule.classes_out,
        "target": rule.takes_target,
        "round_id": rule.needs_round,
    }
    for name, needed in needs.items():
        given = getattr(made, name) is not None
        if needed and not given:
            raise Refused(f"A {kind} event needs {name}.")
        if given and not needed and name not in ("reader_id", "round_id"):
            raise Refused(f"A {kind} event takes no {name}.")


def _check_images(made: Event, within: Scope) -> None:
    if made.position is not None and not 0 <= made.position < within.images:
        raise Refused(_no_image(made.position, within))
    members = made.members
    if members is None:
        return
    if len(members) == 0:
        raise Refused(f"A {made.kind} event needs at least one image.")
    if (np.diff(members) <= 0).any():
        raise Refused("members: positions must be sorted and each occur once.")
    for position in (int(members[0]), int(members[-1])):
        if not 0 <= position < within.images:
            raise Refused(_no_image(position, within))


def _check_round(made: Event, round_id: int, within: Scope) -> None:
    if round_id not in within.rounds:
        raise Refused(f"There is no round {round_id} in this project.")
    covered = within.rounds[round_id]
    last = made.position if made.members is None else int(made.members[-1])
    if last is not None and last >= covered.images:
        raise Refused(
            f"Round {covered.number} covers images 0 to {covered.images - 1}; image {last} came "
            "later. Start a new round."
        )


def _no_image(position: int, within: Scope) -> str:
    if within.images == 0:
        return f"There is no image {position}: this project has no images yet."
    return f"There is no image {position} in this project: it has 0 to {within.images - 1}."


def _check_classes(made: Event, within: Scope) -> None:
    if made.class_id is not None:
        _check_class(made.class_id, within, retired_too=made.kind is EventKind.RETIRE_CLASS)
    if made.member_classes is None:
        return
    if made.members is not None and len(made.member_classes) != len(made.members):
        raise Refused(
            f"member_classes: {len(made.member_classes)} classes for {len(made.members)} images."
        )
    distinct: NDArray[np.int64] = np.unique(made.member_classes)
    for class_id in distinct.tolist():
        _check_class(class_id, within, retired_too=False)


def _check_class(class_id: int, within: Scope, *, retired_too: bool) -> None:
    if class_id not in within.classes:
        raise Refused(f"There is no class {class_id} in this project.")
    name, retired = within.classes[class_id]
    if retired and not retired_too:
        raise Refused(f"Class {name} is retired: it takes no new decisions.")


def _existing(conn: Connection, table: Table, ids: set[int | None]) -> frozenset[int]:
    if not ids:
        return frozenset()
    return frozenset(conn.execute(select(table.c.id).where(table.c.id.in_(ids))).scalars())


def _covered(conn: Connection, project_id: int, ids: set[int | None]) -> dict[int, Covered]:
    if not ids:
        return {}
    rows = conn.execute(
        select(round_.c.id, round_.c.number, snapshot.c.counts)
        .join(snapshot, snapshot.c.id == round_.c.snapshot_id)
        .where(round_.c.project_id == project_id, round_.c.id.in_(ids))
    )
    return {row.id: Covered(row.number, row.counts["images"]) for row in rows}


def _tests(conn: Connection, project_id: int, batch: Sequence[Event]) -> frozenset[int]:
    judging = [made for made in batch if _spoils(rule_of(made.kind))]
    singles = [made.position for made in judging if made.position is not None]
    bulks = [made.members for made in judging if made.members is not None]
    judged = np.unique(np.concatenate([np.array(singles, dtype=np.int64), *bulks]))
    if len(judged) == 0:
        return frozenset()
    rows = conn.execute(
        select(image.c.position).where(
            image.c.project_id == project_id,
            image.c.position.between(int(judged[0]), int(judged[-1])),
            image.c.split == Split.TEST.value,
        )
    )
    return frozenset(np.intersect1d(judged, rows.scalars().all()).tolist())
