"""A project's state as arrays, and snapshots of it."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from old_snapshots import as_an_earlier_version_stored_it
from sqlalchemy import Engine, func, select
from store_desk import COUNT, Desk, new_images

from sslapp.store import images, label_classes, projects, snapshots
from sslapp.store.database import reading, writing
from sslapp.store.errors import Damaged, Unknown
from sslapp.store.log import events
from sslapp.store.schema import snapshot
from sslapp.store.state import load_state
from sslapp.vocabulary import EventKind, Source, Split
from sslapp.workspace import Workspace

E = EventKind


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(workspace=tmp_path / "work")


def test_an_empty_project_has_empty_arrays(engine: Engine) -> None:
    with writing(engine) as conn:
        project_id = projects.create_project(conn, "empty", projects.ProjectSettings())
        state = load_state(conn, project_id)
    assert state.forbidden.shape == (0, 0)
    assert (state.event_number, state.reader_actions, len(state.pool)) == (0, 0, 0)


def test_every_image_stands_where_its_events_put_it(engine: Engine, desk: Desk) -> None:
    with writing(engine, desk.project_id) as conn:
        test_image = images.NewImage("t", "t", 8, 8, split=Split.TEST)
        images.add_image_set(conn, desk.project_id, "test", "sets/2.npy", [test_image])
        desk.do(conn, E.DRAW_HOLDOUT, reader_id=None, members=[0, 1])
        desk.do(conn, E.LABEL, position=0, class_id=desk.dog)
        desk.do(conn, E.LABEL, position=2, class_id=desk.cow)
        desk.do(conn, E.ACCEPT, position=3, class_id=desk.cat)
        desk.do(conn, E.ADJUDICATE, position=COUNT, class_id=desk.cat)
        desk.do(conn, E.UNSURE, position=4)
        for class_id in (desk.cat, desk.dog, desk.cow):
            desk.do(conn, E.REJECT, position=5, class_id=class_id)
        desk.do(conn, E.REJECT, position=6, class_id=desk.dog)
        state = load_state(conn, desk.project_id)
        assert state.event_number == events.head(conn, desk.project_id)[0]
    assert state.class_ids.tolist() == [desk.cat, desk.dog, desk.cow]
    assert state.labels.tolist() == [1, -1, 2, 0] + [-1] * 8 + [0]
    assert state.source[[0, 1, 2, 3, COUNT]].tolist() == [1, 0, 1, 3, 2]
    assert state.pool.tolist() == [4, 6, 7, 8, 9, 10, 11]
    assert state.labelled.tolist() == [2, 3]
    assert state.validation.tolist() == [0]
    assert state.none_of_these.tolist() == [5]
    assert np.flatnonzero(state.unsure).tolist() == [4]
    assert np.argwhere(state.forbidden).tolist() == [[5, 0], [5, 1], [5, 2], [6, 1]]
    dtypes = (state.labels.dtype, state.source.dtype, state.forbidden.dtype)
    assert dtypes == (np.int64, np.uint8, np.bool_)


def test_labels_of_a_retired_class_no_longer_count(engine: Engine, desk: Desk) -> None:
    with writing(engine, desk.project_id) as conn:
        desk.do(conn, E.LABEL, position=0, class_id=desk.dog)
        desk.do(conn, E.LABEL, position=1, class_id=desk.cow)
        label_classes.retire_class(conn, desk.project_id, desk.dog)
        state = load_state(conn, desk.project_id)
    assert state.labels[:2].tolist() == [-1, 1]
    assert state.source[:2].tolist() == [Source.NONE, Source.EXPERT]
    assert 0 in state.pool


def test_an_accepted_label_never_validates(engine: Engine, desk: Desk) -> None:
    with writing(engine, desk.project_id) as conn:
        desk.do(conn, E.ACCEPT, position=1, class_id=desk.cat)
        desk.do(conn, E.DRAW_HOLDOUT, reader_id=None, members=[1])
        state = load_state(conn, desk.project_id)
    assert state.validation.tolist() == []
    assert state.labelled.tolist() == []


def test_a_bulk_costs_one_action_and_one_for_every_image_opened(engine: Engine, desk: Desk) -> None:
    with writing(engine, desk.project_id) as conn:
        bulk = desk.do(
            conn,
            E.BULK_ACCEPT,
            members=[1, 2, 3],
            member_classes=[desk.cat] * 3,
            payload={"opened": 2},
        )
        desk.do(conn, E.UNDO, target=bulk.number)
        desk.do(conn, E.SKIP, position=4)
        desk.do(conn, E.DRAW_HOLDOUT, reader_id=None, members=[1])
        assert load_state(conn, desk.project_id).reader_actions == 1 + 2 + 1 + 1


def test_a_snapshot_holds_the_state_and_comes_back_equal(
    engine: Engine, desk: Desk, workspace: Workspace
) -> None:
    with writing(engine, desk.project_id) as conn:
        desk.do(conn, E.DRAW_HOLDOUT, reader_id=None, members=[0, 1])
        desk.do(conn, E.LABEL, position=0, class_id=desk.dog)
        desk.do(conn, E.LABEL, position=2, class_id=desk.cow)
        last = desk.do(conn, E.REJECT, position=6, class_id=desk.dog)
        state = load_state(conn, desk.project_id)
        row = snapshots.freeze(conn, workspace, desk.project_id)
        assert snapshots.find_snapshot(conn, row.id) == row
        with pytest.raises(Unknown, match="no snapshot 999"):
            snapshots.find_snapshot(conn, 999)
        newest = list(events.read(conn, desk.project_id))[-1]
    loaded = snapshots.load(workspace, row)
    for name in ("class_ids", "labels", "source", "forbidden", "holdout", "is_test"):
        expected, found = getattr(state, name), getattr(loaded, name)
        assert expected.dtype == found.dtype
        assert (expected == found).all()
    assert (loaded.event_number, row.event_number) == (last.number, last.number)
    assert loaded.pool.tolist() == state.pool.tolist()
    assert row.class_ids == [desk.cat, desk.dog, desk.cow]
    assert row.counts["classes"] == {"cat": 0, "dog": 1, "cow": 1}
    assert (row.counts["holdout"], row.counts["validation"], row.counts["pool"]) == (2, 1, 9)
    assert (newest.kind, newest.payload["sha256"]) == (E.SNAPSHOT, row.hash)


def test_an_unchanged_project_keeps_its_snapshot(
    engine: Engine, desk: Desk, workspace: Workspace
) -> None:
    with writing(engine, desk.project_id) as conn:
        label = desk.do(conn, E.LABEL, position=0, class_id=desk.dog)
        first = snapshots.freeze(conn, workspace, desk.project_id)
        desk.do(conn, E.SKIP, position=3)
        assert snapshots.freeze(conn, workspace, desk.project_id) == first
        desk.do(conn, E.UNDO, target=label.number)
        second = snapshots.freeze(conn, workspace, desk.project_id)
        mine = snapshot.c.project_id == desk.project_id
        paths = conn.execute(select(func.count()).where(mine, snapshot.c.path != "")).scalar()
    assert second.hash != first.hash
    assert paths == 2


def test_only_what_a_snapshot_holds_changes_it(
    engine: Engine, desk: Desk, workspace: Workspace
) -> None:
    with writing(engine, desk.project_id) as conn:
        desk.do(conn, E.LABEL, position=0, class_id=desk.dog)
        first = snapshots.freeze(conn, workspace, desk.project_id)
        label_classes.edit_class(
            conn, desk.project_id, desk.dog, colour="#123456", key="9", name="hound"
        )
        projects.change_settings(conn, desk.project_id, flip=True, single_reads=False)
        desk.do(conn, E.FLAG, position=1)
        desk.do(conn, E.UNSURE, position=2)
        desk.do(conn, E.LABEL, position=0, class_id=desk.dog)
        assert snapshots.freeze(conn, workspace, desk.project_id) == first
        rejection = desk.do(conn, E.REJECT, position=3, class_id=desk.cat)
        second = snapshots.freeze(conn, workspace, desk.project_id)
        desk.do(conn, E.UNDO, target=rejection.number)
        assert snapshots.freeze(conn, workspace, desk.project_id) == first
        made = [each for each in events.read(conn, desk.project_id) if each.kind is E.SNAPSHOT]
    assert second.hash != first.hash
    assert [each.payload["sha256"] for each in made] == [first.hash, second.hash]


def test_a_snapshot_of_an_earlier_version_is_read_and_checked(
    engine: Engine, desk: Desk, workspace: Workspace
) -> None:
    with writing(engine, desk.project_id) as conn:
        desk.do(conn, E.LABEL, position=0, class_id=desk.dog)
        row = snapshots.freeze(conn, workspace, desk.project_id)
        expected = snapshots.load(workspace, row)
        old = as_an_earlier_version_stored_it(conn, workspace, row)
        assert old.hash != row.hash
        found = snapshots.load(workspace, old)
        assert (found.labels == expected.labels).all()
        assert snapshots.freeze(conn, workspace, desk.project_id).hash == row.hash
        with pytest.raises(Damaged, match="does not hold what was frozen"):
            snapshots.load(workspace, dataclasses.replace(old, event_number=old.event_number + 1))
    arrays = dict(np.load(workspace.path(old.path)))
    arrays["labels"][1] = 0
    np.savez(workspace.path(old.path), **arrays)
    with pytest.raises(Damaged, match="does not hold what was frozen"):
        snapshots.load(workspace, old)


def test_snapshots_follow_an_import(engine: Engine, desk: Desk, workspace: Workspace) -> None:
    with writing(engine, desk.project_id) as conn:
        first = snapshots.freeze(conn, workspace, desk.project_id)
        more = new_images(3, start=COUNT)
        images.add_image_set(conn, desk.project_id, "more", "sets/2.npy", more)
        second = snapshots.freeze(conn, workspace, desk.project_id)
    assert len(snapshots.load(workspace, first).labels) == COUNT
    assert len(snapshots.load(workspace, second).labels) == COUNT + 3


@pytest.mark.parametrize("damage", ["missing", "cut", "exchanged", "empty"])
def test_a_damaged_snapshot_is_refused_by_name(
    engine: Engine, desk: Desk, workspace: Workspace, damage: str
) -> None:
    with writing(engine, desk.project_id) as conn:
        row = snapshots.freeze(conn, workspace, desk.project_id)
        desk.do(conn, E.LABEL, position=0, class_id=desk.dog)
        other = snapshots.freeze(conn, workspace, desk.project_id)
    path = workspace.path(row.path)
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "exchanged":
        path.write_bytes(workspace.path(other.path).read_bytes())
    else:
        path.write_bytes(content[: 100 if damage == "cut" else 0])
    with pytest.raises(Damaged, match=row.hash):
        snapshots.load(workspace, row)


STEP = 3
"""Every so many bytes one is flipped: what a file holds takes several bytes each."""


@pytest.mark.slow
def test_no_flipped_byte_of_a_snapshot_gets_through(
    engine: Engine, desk: Desk, workspace: Workspace
) -> None:
    with writing(engine, desk.project_id) as conn:
        desk.do(conn, E.LABEL, position=0, class_id=desk.dog)
        row = snapshots.freeze(conn, workspace, desk.project_id)
    path, expected = workspace.path(row.path), snapshots.load(workspace, row)
    content, refused = path.read_bytes(), 0
    for place in range(0, len(content), STEP):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        try:
            found = snapshots.load(workspace, row)
        except Damaged:
            refused += 1
            continue
        # Some bytes of the container, time stamps for instance, mean nothing.
        assert (found.labels == expected.labels).all()
        assert (found.forbidden == expected.forbidden).all()
    assert refused > len(content) / STEP / 2


def test_a_reading_block_is_enough_to_load_a_state(engine: Engine, desk: Desk) -> None:
    with reading(engine) as conn:
        assert load_state(conn, desk.project_id).pool.tolist() == list(range(COUNT))
