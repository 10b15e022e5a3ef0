"""Verification finds every kind of tampering and names the place."""

import pytest
from sqlalchemy import Connection, text
from store_desk import Desk

from sslapp.store import label_classes
from sslapp.store.log import events
from sslapp.store.verify import verify
from sslapp.vocabulary import EventKind

E = EventKind


def drop_triggers(conn: Connection) -> None:
    on = "" if conn.dialect.name == "sqlite" else " ON event"
    for change in ("update", "delete"):
        conn.execute(text(f"DROP TRIGGER event_no_{change}{on}"))


@pytest.fixture
def desk(kept_desk: Desk) -> Desk:
    return kept_desk


@pytest.fixture
def conn(undone: Connection) -> Connection:
    return undone


@pytest.fixture
def numbers(conn: Connection, desk: Desk) -> dict[str, int]:
    """A history that fills every column of the log and every derived table."""
    label = desk.do(conn, E.LABEL, position=1, class_id=desk.cat, payload={"ms": 120, "name": "é"})
    accept = desk.do(
        conn,
        E.BULK_ACCEPT,
        members=[2, 3],
        member_classes=[desk.cat, desk.dog],
        round_id=desk.rounds[0],
    )
    desk.do(conn, E.REJECT, position=5, class_id=desk.dog, reader_id=desk.bob)
    desk.do(conn, E.WITHHOLD, position=6, round_id=desk.rounds[0])
    desk.do(conn, E.DRAW_HOLDOUT, reader_id=None, members=[7, 8])
    unsure = desk.do(conn, E.UNSURE, position=9)
    undo = desk.do(conn, E.UNDO, target=unsure.number)
    label_classes.retire_class(conn, desk.project_id, desk.cow)
    return {"label": label.number, "bulk": accept.number, "undo": undo.number}


def test_an_untouched_project_verifies(conn: Connection, desk: Desk, numbers) -> None:
    found = verify(conn, desk.project_id)
    number, head = events.head(conn, desk.project_id)
    assert (found.ok, found.problem) == (True, None)
    assert (found.events, found.head) == (number, head)


CHANGES = [
    ("label", "at = '2001-01-01 00:00:00.000000'"),
    ("label", "kind = 'relabel'"),
    ("label", "reader_id = 2"),
    ("label", "key = 'other'"),
    ("label", "position = 2"),
    ("label", "class_id = 2"),
    ("bulk", "round_id = NULL"),
    ("undo", "target = 1"),
    ("label", "payload = '{}'"),
    ("bulk", "members = member_classes"),
    ("bulk", "member_classes = members"),
    ("bulk", "prev_hash = hash"),
    ("label", "hash = prev_hash"),
]


@pytest.mark.parametrize(("which", "change"), CHANGES)
def test_a_changed_column_is_found_and_its_event_named(
    conn: Connection, desk: Desk, numbers, which, change
) -> None:
    number = numbers[which]
    drop_triggers(conn)
    conn.execute(
        text(f"UPDATE event SET {change} WHERE project_id = :p AND number = :n"),
        {"p": desk.project_id, "n": number},
    )
    found = verify(conn, desk.project_id)
    assert not found.ok
    assert f"Event {number} " in (found.problem or "")
    assert found.events == number - 1


def test_a_removed_event_is_found(conn: Connection, desk: Desk, numbers) -> None:
    drop_triggers(conn)
    conn.execute(text(f"DELETE FROM event WHERE number = {numbers['label']}"))
    problem = verify(conn, desk.project_id).problem
    assert problem.startswith(
        f"Event {numbers['label']} is missing: the next one is {numbers['bulk']}."
    )


DERIVED_CHANGES = [
    ("DELETE FROM undone", "undone: event"),
    ("UPDATE reader_label SET class_id = 2 WHERE position = 1", "reader_label: position 1, reader"),
    ("UPDATE current_label SET source = 2 WHERE position = 3", "current_label: position 3:"),
    ("DELETE FROM current_label WHERE position = 2", "current_label: position 2:"),
    ("UPDATE forbidden_class SET class_id = 1", "forbidden_class: position 5, class_id 1:"),
    ("UPDATE withheld SET position = 4", "withheld: position 4, round_id"),
    ("DELETE FROM holdout WHERE position = 8", "holdout: position 8:"),
]


@pytest.mark.parametrize(("change", "named"), DERIVED_CHANGES)
def test_a_changed_derived_row_is_found_and_named(
    conn: Connection, desk: Desk, numbers, change, named
) -> None:
    conn.execute(text(change))
    found = verify(conn, desk.project_id)
    assert not found.ok
    assert (found.problem or "").startswith(named)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE image SET name = 'x' WHERE position = 4", "image: positions 0 to 11 are not"),
        ("UPDATE image SET split = 'test' WHERE position = 4", "image: positions 0 to 11 are not"),
        ("DELETE FROM image WHERE position = 11", "image: positions 0 to 11 are not"),
        ("UPDATE label_class SET name = 'bird' WHERE number = 0", "label_class: class"),
        ("UPDATE label_class SET retired = (1 = 0) WHERE number = 2", "label_class: class"),
    ],
)
def test_changed_images_and_classes_are_found(
    conn: Connection, desk: Desk, numbers, change, named
) -> None:
    conn.execute(text(change))
    assert (verify(conn, desk.project_id).problem or "").startswith(named)


def test_images_that_no_import_brought_are_found(conn: Connection, desk: Desk) -> None:
    conn.execute(
        text(
            "INSERT INTO image (project_id, position, name, sha256, width, height, split) "
            "VALUES (:p, 12, 'x', 'x', 1, 1, 'pool')"
        ),
        {"p": desk.project_id},
    )
    problem = verify(conn, desk.project_id).problem
    assert problem.startswith("image: 13 positions, but the imports in the log cover 12.")
