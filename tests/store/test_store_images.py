"""Image sets: positions, commitments, duplicates, splits and groups."""

import pytest
from sqlalchemy import Engine
from store_desk import COUNT, Desk, new_images

from sslapp.store import images
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.images import NewImage
from sslapp.store.log import events
from sslapp.vocabulary import EventKind, Split


def one(name: str, sha256: str = "0" * 64, **more: object) -> NewImage:
    return NewImage(name=name, sha256=sha256, width=4, height=3, **more)  # type: ignore[arg-type]


def test_a_second_import_continues_the_positions(engine: Engine, desk: Desk) -> None:
    refused = [{"name": "notes.txt", "reason": "not an image"}]
    with writing(engine, desk.project_id) as conn:
        first = images.add_image_set(
            conn, desk.project_id, "more", "sets/2.npy", [one("a"), one("b")], refused, desk.ann
        )
        sets = images.image_sets(conn, desk.project_id)
        last = list(events.read(conn, desk.project_id))[-1]
        rows = images.image_rows(conn, desk.project_id, [13, 0])
        assert images.image_count(conn, desk.project_id) == COUNT + 2
    assert first == COUNT
    assert [(each.name, each.first, each.count, each.pixels) for each in sets] == [
        ("set", 0, COUNT, "sets/1.npy"),
        ("more", COUNT, 2, "sets/2.npy"),
    ]
    assert sets[1].refused == refused
    assert (last.kind, last.reader_id) == (EventKind.IMPORT, desk.ann)
    assert (last.payload["first"], last.payload["count"], last.payload["refused"]) == (COUNT, 2, 1)
    assert [(row.position, row.name, row.split) for row in rows] == [
        (13, "b", Split.POOL),
        (0, "0.png", Split.POOL),
    ]


def test_the_commitment_depends_on_every_column_of_every_row(engine: Engine, desk: Desk) -> None:
    with reading(engine) as conn:
        rows = [dict(row) for row in images.stored_rows(conn, desk.project_id, 0, COUNT)]
        imported = next(
            each for each in events.read(conn, desk.project_id) if each.kind is EventKind.IMPORT
        )
    expected = images.rows_hash(rows)
    assert imported.payload["sha256"] == expected
    for column in rows[0]:
        changed = [*rows[:5], {**rows[5], column: "other"}, *rows[6:]]
        assert images.rows_hash(changed) != expected
    assert images.rows_hash(rows[::-1]) != expected


def test_an_import_without_images_is_refused(engine: Engine, desk: Desk) -> None:
    with writing(engine) as conn, pytest.raises(Refused, match="none of its files"):
        images.add_image_set(conn, desk.project_id, "empty", "sets/2.npy", [])


def test_positions_of_no_image_are_refused(engine: Engine, desk: Desk) -> None:
    with reading(engine) as conn, pytest.raises(Refused, match="no image 12 in this project"):
        images.image_rows(conn, desk.project_id, [3, 12])


def test_true_labels_are_class_ids_of_the_project(engine: Engine, desk: Desk) -> None:
    with writing(engine, desk.project_id) as conn:
        rows = [one("a", true_class=desk.cow), one("b")]
        images.add_image_set(conn, desk.project_id, "more", "sets/2.npy", rows)
        labels = images.true_labels(conn, desk.project_id)
        assert labels.tolist() == [-1] * COUNT + [desk.cow, -1]
        with pytest.raises(Refused, match="true_class: 999 is not a class"):
            images.add_image_set(
                conn, desk.project_id, "bad", "sets/3.npy", [one("c", true_class=999)]
            )


def test_duplicates_are_grouped_across_imports(engine: Engine, desk: Desk) -> None:
    again = new_images(1, start=3)
    with writing(engine, desk.project_id) as conn:
        rows = [*again, one("a", "f" * 64), one("b", "f" * 64)]
        images.add_image_set(conn, desk.project_id, "more", "sets/2.npy", rows)
        found = images.duplicates(conn, desk.project_id)
    assert [group.tolist() for group in found] == [[3, 12], [13, 14]]


def test_splits_and_groups_are_arrays_over_all_images(engine: Engine, desk: Desk) -> None:
    rows = [
        one("a", group_key="p1"),
        one("b", group_key="p2", split=Split.TEST),
        one("c"),
        one("d", group_key="p1"),
    ]
    with writing(engine, desk.project_id) as conn:
        assert images.groups(conn, desk.project_id) is None
        images.add_image_set(conn, desk.project_id, "more", "sets/2.npy", rows)
        groups = images.groups(conn, desk.project_id)
        is_test = images.splits(conn, desk.project_id)
    assert is_test.nonzero()[0].tolist() == [COUNT + 1]
    assert groups is not None
    assert len(groups) == COUNT + 4
    assert groups[12] == groups[15]
    # Everything else, images without a group among them, is alone.
    assert len(set(groups.tolist())) == COUNT + 3
