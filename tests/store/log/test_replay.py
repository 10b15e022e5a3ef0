"""Replay: what the events say about an image, rule by rule and after random histories."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import store_reference as reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, select
from store_desk import COUNT, Desk, lay_desk, new_images

from sslapp.store import images, label_classes
from sslapp.store.database import open_database
from sslapp.store.errors import Refused
from sslapp.store.log import replay
from sslapp.store.schema import DERIVED, current_label, holdout
from sslapp.store.state import load_state, withheld
from sslapp.store.verify import verify
from sslapp.vocabulary import EventKind, Source

E = EventKind


@pytest.fixture
def desk(kept_desk: Desk) -> Desk:
    return kept_desk


@pytest.fixture
def conn(undone: Connection) -> Connection:
    return undone


def label_of(conn: Connection, desk, position: int) -> tuple[int, Source] | None:
    row = conn.execute(
        select(current_label.c.class_id, current_label.c.source).where(
            current_label.c.project_id == desk.project_id, current_label.c.position == position
        )
    ).one_or_none()
    return None if row is None else (row.class_id, Source(row.source))


def test_the_latest_label_over_readers_is_current(conn: Connection, desk) -> None:
    desk.do(conn, E.LABEL, position=1, class_id=desk.cat)
    desk.do(conn, E.LABEL, position=1, class_id=desk.dog, reader_id=desk.bob)
    assert label_of(conn, desk, 1) == (desk.dog, Source.EXPERT)


def test_an_adjudicated_label_wins_over_later_ones(conn: Connection, desk) -> None:
    desk.do(conn, E.ADJUDICATE, position=1, class_id=desk.cow)
    desk.do(conn, E.LABEL, position=1, class_id=desk.dog, reader_id=desk.bob)
    assert label_of(conn, desk, 1) == (desk.cow, Source.ADJUDICATED)


def test_unsure_takes_back_only_the_readers_own_label(conn: Connection, desk) -> None:
    desk.do(conn, E.LABEL, position=1, class_id=desk.dog, reader_id=desk.bob)
    desk.do(conn, E.LABEL, position=1, class_id=desk.cat)
    desk.do(conn, E.UNSURE, position=1)
    assert label_of(conn, desk, 1) == (desk.dog, Source.EXPERT)
    assert load_state(conn, desk.project_id).unsure[1]


def test_skip_and_flag_change_nothing(conn: Connection, desk) -> None:
    before = replay.load(conn, desk.project_id, None)
    desk.do(conn, E.SKIP, position=1)
    desk.do(conn, E.FLAG, position=1)
    assert replay.load(conn, desk.project_id, None) == before


def test_undo_restores_the_label_before_a_bulk_acceptance(conn: Connection, desk) -> None:
    desk.do(conn, E.LABEL, position=1, class_id=desk.cat)
    bulk = desk.do(conn, E.BULK_ACCEPT, members=[1, 2], member_classes=[desk.dog, desk.cow])
    assert label_of(conn, desk, 2) == (desk.cow, Source.ACCEPTED)
    desk.do(conn, E.UNDO, target=bulk.number)
    assert label_of(conn, desk, 1) == (desk.cat, Source.EXPERT)
    assert label_of(conn, desk, 2) is None


def test_undoing_a_bulk_leaves_later_single_decisions_standing(conn: Connection, desk) -> None:
    bulk = desk.do(conn, E.BULK_ACCEPT, members=[1, 2], member_classes=[desk.dog, desk.dog])
    desk.do(conn, E.RELABEL, position=1, class_id=desk.cat)
    desk.do(conn, E.UNDO, target=bulk.number)
    assert label_of(conn, desk, 1) == (desk.cat, Source.EXPERT)
    assert label_of(conn, desk, 2) is None


def test_undoing_a_later_label_restores_the_images_own_class_of_a_bulk(
    conn: Connection, desk
) -> None:
    desk.do(conn, E.BULK_ACCEPT, members=[1, 2], member_classes=[desk.dog, desk.cow])
    label = desk.do(conn, E.LABEL, position=2, class_id=desk.cat)
    desk.do(conn, E.UNDO, target=label.number)
    assert label_of(conn, desk, 2) == (desk.cow, Source.ACCEPTED)


def test_a_second_draw_keeps_the_first_ones_number(conn: Connection, desk) -> None:
    first = desk.do(conn, E.DRAW_HOLDOUT, members=[2])
    desk.do(conn, E.DRAW_HOLDOUT, members=[2, 3])
    assert replay.load(conn, desk.project_id, None)[holdout][2,] == (first.number,)


def test_undo_of_an_undo_restores_and_can_be_undone(conn: Connection, desk) -> None:
    last = desk.do(conn, E.LABEL, position=1, class_id=desk.cat)
    for expected in (None, (desk.cat, Source.EXPERT), None, (desk.cat, Source.EXPERT)):
        last = desk.do(conn, E.UNDO, target=last.number)
        assert label_of(conn, desk, 1) == expected


def test_a_rejection_drops_an_earlier_acceptance_of_that_class_only(conn: Connection, desk) -> None:
    desk.do(conn, E.BULK_ACCEPT, members=[1, 2], member_classes=[desk.dog, desk.cat])
    desk.do(conn, E.LABEL, position=3, class_id=desk.dog)
    for position in (1, 2, 3):
        desk.do(conn, E.REJECT, position=position, class_id=desk.dog, reader_id=desk.bob)
    assert label_of(conn, desk, 1) is None
    assert label_of(conn, desk, 2) == (desk.cat, Source.ACCEPTED)
    assert label_of(conn, desk, 3) == (desk.dog, Source.EXPERT)


def test_a_later_expert_label_of_the_class_lifts_the_forbidding(conn: Connection, desk) -> None:
    desk.do(conn, E.REJECT, position=1, class_id=desk.dog)
    desk.do(conn, E.LABEL, position=1, class_id=desk.cat)
    assert load_state(conn, desk.project_id).forbidden[1].tolist() == [False, True, False]
    label = desk.do(conn, E.LABEL, position=1, class_id=desk.dog)
    assert not load_state(conn, desk.project_id).forbidden[1].any()
    desk.do(conn, E.UNDO, target=label.number)
    assert load_state(conn, desk.project_id).forbidden[1].tolist() == [False, True, False]


def test_a_rejection_that_comes_back_keeps_a_later_acceptance_from_counting(
    conn: Connection, desk
) -> None:
    rejection = desk.do(conn, E.REJECT, position=1, class_id=desk.dog)
    undo = desk.do(conn, E.UNDO, target=rejection.number)
    desk.do(conn, E.ACCEPT, position=1, class_id=desk.dog)
    desk.do(conn, E.UNDO, target=undo.number)
    assert label_of(conn, desk, 1) is None


def test_withholding_holds_in_its_round_alone(conn: Connection, desk) -> None:
    first, second = desk.rounds
    desk.do(conn, E.BULK_WITHHOLD, members=[1, 5], round_id=first)
    desk.do(conn, E.WITHHOLD, position=3, round_id=first)
    assert withheld(conn, desk.project_id, first).tolist() == [1, 3, 5]
    assert withheld(conn, desk.project_id, second).tolist() == []


def test_an_audits_answer_settles_what_anybody_said(conn: Connection, desk) -> None:
    desk.do(conn, E.ADJUDICATE, position=3, class_id=desk.dog)
    desk.do(conn, E.ACCEPT, position=4, class_id=desk.dog, reader_id=desk.bob)
    desk.do(conn, E.AUDIT_LABEL, position=3, class_id=desk.cat)
    assert label_of(conn, desk, 3) == (desk.cat, Source.EXPERT)
    unsure = desk.do(conn, E.AUDIT_UNSURE, position=4)
    assert label_of(conn, desk, 4) is None
    desk.do(conn, E.UNDO, target=unsure.number)
    assert label_of(conn, desk, 4) == (desk.dog, Source.ACCEPTED)


def test_none_of_these_takes_an_image_out_of_the_pool_until_it_is_labelled(
    conn: Connection, desk
) -> None:
    classes = [desk.cat, desk.dog, desk.cow]
    desk.do(conn, E.ACCEPT, position=4, class_id=desk.dog, reader_id=desk.bob)
    none = desk.do(conn, E.AUDIT_NONE, position=4, member_classes=classes)
    state = load_state(conn, desk.project_id)
    assert state.none_of_these.tolist() == [4]
    assert 4 not in state.pool
    assert label_of(conn, desk, 4) is None
    desk.do(conn, E.LABEL, position=4, class_id=desk.cow)
    assert load_state(conn, desk.project_id).none_of_these.tolist() == []
    desk.do(conn, E.UNDO, target=none.number)
    assert label_of(conn, desk, 4) == (desk.cow, Source.EXPERT)
    with pytest.raises(Refused, match="needs member_classes"):
        desk.do(conn, E.AUDIT_NONE, position=5)


def test_none_of_these_at_a_desk_outvotes_labels_but_not_what_another_reader_adjudicated(
    conn: Connection, desk
) -> None:
    classes = [desk.cat, desk.dog, desk.cow]
    desk.do(conn, E.LABEL, position=1, class_id=desk.cat)
    desk.do(conn, E.LABEL, position=1, class_id=desk.dog, reader_id=desk.bob)
    none = desk.do(conn, E.NONE, position=1, member_classes=classes)
    assert label_of(conn, desk, 1) is None
    assert load_state(conn, desk.project_id).none_of_these.tolist() == [1]
    undo = desk.do(conn, E.UNDO, target=none.number)
    assert label_of(conn, desk, 1) == (desk.dog, Source.EXPERT)
    desk.do(conn, E.UNDO, target=undo.number)
    desk.do(conn, E.LABEL, position=1, class_id=desk.cow, reader_id=desk.bob)
    assert label_of(conn, desk, 1) == (desk.cow, Source.EXPERT)
    assert load_state(conn, desk.project_id).none_of_these.tolist() == []
    desk.do(conn, E.ADJUDICATE, position=2, class_id=desk.cat, reader_id=desk.bob)
    desk.do(conn, E.NONE, position=2, member_classes=classes)
    assert label_of(conn, desk, 2) == (desk.cat, Source.ADJUDICATED)
    desk.do(conn, E.NONE, position=2, member_classes=classes, reader_id=desk.bob)
    assert label_of(conn, desk, 2) is None


def test_a_class_that_is_added_opens_an_image_of_none_again(conn: Connection, desk) -> None:
    classes = [desk.cat, desk.dog, desk.cow]
    desk.do(conn, E.NONE, position=1, member_classes=classes)
    assert 1 not in load_state(conn, desk.project_id).pool
    label_classes.add_class(conn, desk.project_id, "emu")
    state = load_state(conn, desk.project_id)
    assert state.none_of_these.tolist() == []
    assert 1 in state.pool
    assert state.forbidden[1].tolist() == [True, True, True, False]


def test_a_drawn_image_stays_in_the_holdout(conn: Connection, desk) -> None:
    drawn = desk.do(conn, E.DRAW_HOLDOUT, reader_id=None, members=[2, 7])
    desk.do(conn, E.DRAW_HOLDOUT, position=8)
    with pytest.raises(Refused, match="not a reader's decision"):
        desk.do(conn, E.UNDO, target=drawn.number)
    assert np.flatnonzero(load_state(conn, desk.project_id).holdout).tolist() == [2, 7, 8]


# Few images, classes and readers, so that decisions meet each other.
IMAGES = range(3)
READERS = st.sampled_from(["ann", "bob"])
CLASSES = st.sampled_from(["cat", "dog"])
POSITIONS = st.sampled_from(IMAGES)
ROUNDS = st.sampled_from([0, 1])
JUDGEMENTS = [E.LABEL, E.RELABEL, E.ADJUDICATE, E.ACCEPT, E.REJECT, E.AUDIT_LABEL]
# What answers a prediction is refused in the holdout, and an acceptance against a rejection.
ANSWERS = {E.ACCEPT, E.REJECT, E.RELABEL, E.WITHHOLD}
NONE = [E.AUDIT_NONE, E.NONE]
ANSWERS |= {E.BULK_ACCEPT, E.BULK_WITHHOLD, E.BULK_RELABEL}
JUDGED = st.tuples(st.sampled_from(JUDGEMENTS), READERS, POSITIONS, CLASSES)
# The last item: how many events back; the reader is the target's own unless it says otherwise.
UNDONE = st.tuples(st.just(E.UNDO), st.sampled_from(["own", "own", "bob"]), st.integers(1, 8))
RARE = st.one_of(
    st.tuples(st.sampled_from([E.UNSURE, E.SKIP, E.FLAG, E.AUDIT_UNSURE]), READERS, POSITIONS),
    st.tuples(st.sampled_from(NONE), READERS, POSITIONS),
    st.tuples(st.just(E.WITHHOLD), READERS, POSITIONS, ROUNDS),
    st.tuples(st.just(E.BULK_WITHHOLD), READERS, st.sets(POSITIONS, min_size=1), ROUNDS),
    st.tuples(st.just(E.BULK_RELABEL), READERS, st.sets(POSITIONS, min_size=1), ROUNDS, CLASSES),
    st.tuples(st.just(E.DRAW_HOLDOUT), READERS, st.sets(st.just(2), min_size=1)),
)
BULK = st.tuples(st.just(E.BULK_ACCEPT), READERS, st.dictionaries(POSITIONS, CLASSES, min_size=1))
SOURCES = [E.IMPORT_EXPERT, E.IMPORT_ADJUDICATED, E.IMPORT_ACCEPTED]
IMPORTED = st.one_of(
    st.tuples(st.sampled_from(SOURCES), READERS, st.dictionaries(POSITIONS, CLASSES, min_size=1)),
    st.tuples(st.just(E.IMPORT_NONE), READERS, st.sets(POSITIONS, min_size=1), CLASSES),
)
COMMANDS = st.one_of(JUDGED, JUDGED, JUDGED, UNDONE, UNDONE, BULK, RARE, IMPORTED)


def fields_of(desk, command, log) -> dict[str, Any]:
    kind, reader, *rest = command
    if kind is E.UNDO:
        target = log[-rest[0]] if rest[0] <= len(log) else None
        own = target is not None and reader == "own"
        reader_id = target.reader if own else desk.bob
        return {"reader_id": reader_id, "target": target.number if target else 999}
    fields: dict[str, Any] = {"reader_id": getattr(desk, reader)}
    if kind in (E.BULK_ACCEPT, *SOURCES):
        chosen = sorted(rest[0].items())
        fields["members"] = [position for position, _ in chosen]
        fields["member_classes"] = [getattr(desk, name) for _, name in chosen]
    elif kind in (E.BULK_WITHHOLD, E.BULK_RELABEL, E.DRAW_HOLDOUT, E.IMPORT_NONE):
        fields["members"] = sorted(rest[0])
    else:
        fields["position"] = rest[0]
    if kind in NONE:
        fields["member_classes"] = [desk.cat, desk.dog, desk.cow]
    if kind in (E.WITHHOLD, E.BULK_WITHHOLD, E.BULK_RELABEL):
        fields["round_id"] = desk.rounds[rest[1]]
        if kind is E.BULK_RELABEL:
            fields["class_id"] = getattr(desk, rest[2])
    elif len(rest) == 2:
        fields["class_id"] = getattr(desk, rest[1])
    return fields


def said(number: int, kind: E, fields: dict[str, Any]):
    members = fields.get("members", [fields["position"]] if "position" in fields else [])
    classes = fields.get("member_classes", [fields.get("class_id")] * len(members))
    if kind in NONE:
        classes = [tuple(classes)]
    about = dict(zip(members, classes, strict=True))
    return reference.Said(
        number, kind.value, fields["reader_id"], about, fields.get("round_id"), fields.get("target")
    )


def may_be_undone(log, undo) -> bool:
    target = next((each for each in log if each.number == undo.target), None)
    return (
        target is not None
        and target.kind != "draw_holdout"
        and target.reader == undo.reader
        and reference.counts(log, target.number)
    )


def tables_of(conn: Connection, project_id: int) -> dict[str, set[tuple[int | None, ...]]]:
    found = {}
    for table in DERIVED:
        keys, values = replay.columns(table)
        rows = conn.execute(select(*keys, *values).where(table.c.project_id == project_id))
        found[table.name] = {tuple(row) for row in rows}
    return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path_factory.mktemp('replay') / 'sslapp.db'}")
    yield opened
    opened.dispose()


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(history=st.lists(COMMANDS, min_size=12, max_size=40))
def test_derived_tables_equal_a_rebuild_and_the_reference_after_any_history(
    shared: Engine, history
) -> None:
    with shared.connect() as conn, conn.begin() as transaction:
        desk = lay_desk(conn)
        log: list[Any] = []
        newest = verify(conn, desk.project_id).events
        for command in history:
            kind, fields = command[0], fields_of(desk, command, log)
            entry = said(newest + 1, kind, fields)
            expected = kind is not E.UNDO or may_be_undone(log, entry)
            try:
                newest = desk.do(conn, kind, **fields).number
            except Refused:
                assert not expected or kind in ANSWERS
                continue
            assert expected
            log.append(entry)
        live = tables_of(conn, desk.project_id)
        assert live == reference.derived(log, IMAGES)
        found = verify(conn, desk.project_id)
        assert found.ok, found.problem
        for table in DERIVED:
            conn.execute(table.delete().where(table.c.project_id == desk.project_id))
        replay.rebuild(conn, desk.project_id)
        assert tables_of(conn, desk.project_id) == live
        transaction.rollback()


MANY = 33_000
"""More than SQLite takes parameters of a statement, which are 32,766."""


@pytest.mark.slow
def test_a_bulk_of_more_images_than_a_statement_takes_is_undone_and_rebuilt(
    shared: Engine,
) -> None:
    with shared.connect() as conn, conn.begin() as transaction:
        desk = lay_desk(conn)
        more = new_images(MANY, start=COUNT)
        images.add_image_set(conn, desk.project_id, "more", "sets/2.npy", more)
        members = np.arange(COUNT, COUNT + MANY)
        classes = np.where(members % 2 == 0, desk.cat, desk.dog)
        label = desk.do(conn, E.LABEL, position=500, class_id=desk.cow)
        bulk = desk.do(conn, E.BULK_ACCEPT, members=members, member_classes=classes)
        state = load_state(conn, desk.project_id)
        assert (state.source == Source.ACCEPTED).sum() == MANY
        assert (state.labels[members] == members % 2).all()
        undo = desk.do(conn, E.UNDO, target=bulk.number)
        assert label_of(conn, desk, 500) == (desk.cow, Source.EXPERT)
        assert load_state(conn, desk.project_id).labelled.tolist() == [500]
        desk.do(conn, E.UNDO, target=undo.number)
        desk.do(conn, E.UNDO, target=label.number)
        live = tables_of(conn, desk.project_id)
        replay.rebuild(conn, desk.project_id)
        assert tables_of(conn, desk.project_id) == live
        transaction.rollback()
