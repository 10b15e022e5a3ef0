"""The event log: what it takes, what it refuses, and what it costs to repeat oneself."""

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError
from store_desk import COUNT, Desk, new_images

from sslapp.store import images, label_classes, projects
from sslapp.store.database import reading, writing
from sslapp.store.errors import KeyReused, Refused
from sslapp.store.log import events
from sslapp.store.log.chain import GENESIS, hash_row
from sslapp.store.log.events import Draft
from sslapp.store.schema import current_label, event, snapshot
from sslapp.store.state import load_state
from sslapp.vocabulary import EventKind, Split


def test_numbers_are_dense_and_every_hash_continues_the_one_before(engine: Engine, desk) -> None:
    with writing(engine, desk.project_id) as conn:
        for position in range(3):
            desk.do(conn, EventKind.LABEL, position=position, class_id=desk.cat)
    with reading(engine) as conn:
        stored = list(events.read(conn, desk.project_id))
        head = events.head(conn, desk.project_id)
    assert [each.number for each in stored] == list(range(1, len(stored) + 1))
    assert [each.prev_hash for each in stored] == [GENESIS, *(each.hash for each in stored[:-1])]
    assert all(hash_row(each.row()) == each.hash for each in stored)
    assert head == (stored[-1].number, stored[-1].hash)


def test_read_pages_through_the_log(engine: Engine, desk) -> None:
    with reading(engine) as conn:
        everything = [each.number for each in events.read(conn, desk.project_id)]
        page = [each.number for each in events.read(conn, desk.project_id, after=1, limit=2)]
    assert page == everything[1:3]


def test_the_same_key_and_content_return_the_stored_event(engine: Engine, desk) -> None:
    fields = {
        "key": "again",
        "reader_id": desk.ann,
        "members": np.array([1, 4]),
        "member_classes": np.array([desk.cat, desk.dog]),
        "payload": {"threshold": 0.95},
    }
    stored = []
    for _ in range(2):
        with writing(engine, desk.project_id) as conn:
            stored.append(events.append(conn, desk.project_id, EventKind.BULK_ACCEPT, **fields))
    assert stored[0].row() == stored[1].row()
    with reading(engine) as conn:
        assert events.head(conn, desk.project_id)[0] == stored[0].number


@pytest.mark.parametrize(
    "change", [{"position": 2}, {"class_id": "dog"}, {"reader_id": "bob"}, {"payload": {"ms": 3}}]
)
def test_the_same_key_with_another_content_is_refused(engine: Engine, desk, change) -> None:
    fields = {"key": "k", "position": 1, "class_id": desk.cat}
    change = {name: getattr(desk, v) if isinstance(v, str) else v for name, v in change.items()}
    with writing(engine, desk.project_id) as conn:
        desk.do(conn, EventKind.LABEL, **fields)
        with pytest.raises(KeyReused, match='The key "k" already names event'):
            desk.do(conn, EventKind.LABEL, **{**fields, **change})


def test_keys_of_two_projects_do_not_meet(engine: Engine, desk) -> None:
    with writing(engine) as conn:
        other = projects.create_project(conn, "other", projects.ProjectSettings())
        label_classes.add_class(conn, other, "cat")
        mine = desk.do(conn, EventKind.EXPORT, key="k")
        theirs = events.append(conn, other, EventKind.EXPORT, key="k", payload={"rows": 2})
    assert (mine.project_id, theirs.project_id) == (desk.project_id, other)
    assert theirs.number == 2


REFUSALS = [
    ("label", {"position": 12, "class_id": "cat"}, "no image 12 in this project: it has 0 to 11"),
    ("label", {"position": -1, "class_id": "cat"}, "no image -1"),
    ("label", {"position": 1, "class_id": 999}, "no class 999"),
    ("label", {"position": 1}, "A label event needs class_id"),
    ("label", {"class_id": "cat"}, "A label event needs position"),
    ("label", {"position": 1, "class_id": "cat", "reader_id": None}, "needs reader_id"),
    ("label", {"position": 1, "class_id": "cat", "reader_id": 999}, "no reader 999"),
    ("label", {"position": 1, "class_id": "cat", "round_id": 999}, "no round 999"),
    ("label", {"position": 1, "class_id": "cat", "target": 1}, "takes no target"),
    ("label", {"position": 1, "class_id": "cat", "key": ""}, "1 to 64 characters"),
    ("withhold", {"position": 1}, "needs round_id"),
    ("skip", {"position": 1, "class_id": "cat"}, "A skip event takes no class_id"),
    ("bulk_accept", {"members": [1, 2]}, "needs member_classes"),
    ("bulk_accept", {"members": [2, 1], "member_classes": [1, 1]}, "sorted and each occur once"),
    ("bulk_accept", {"members": [1, 1], "member_classes": [1, 1]}, "sorted and each occur once"),
    ("bulk_accept", {"members": [1], "member_classes": [1, 1]}, "2 classes for 1 images"),
    ("bulk_accept", {"members": [1], "member_classes": [999]}, "no class 999"),
    ("bulk_accept", {"members": [1, 12], "member_classes": [1, 1]}, "no image 12"),
    ("draw_holdout", {"members": []}, "at least one image"),
    ("draw_holdout", {}, "needs members"),
    ("undo", {"target": 999}, "no event 999 to undo"),
    ("undo", {"target": 1}, "is not a reader's decision"),
]


@pytest.mark.parametrize(("kind", "fields", "message"), REFUSALS)
def test_what_does_not_belong_to_the_project_is_refused(
    undone: Connection, kept_desk: Desk, kind, fields, message
) -> None:
    fields = {n: getattr(kept_desk, v) if v in ("cat",) else v for n, v in fields.items()}
    before = events.head(undone, kept_desk.project_id)
    with pytest.raises(Refused, match=message):
        kept_desk.do(undone, EventKind(kind), **fields)
    assert events.head(undone, kept_desk.project_id) == before


def test_classes_and_images_of_another_project_are_refused(engine: Engine, desk) -> None:
    with writing(engine) as conn:
        other = projects.create_project(conn, "other", projects.ProjectSettings())
        foreign = label_classes.add_class(conn, other, "cat")
        with pytest.raises(Refused, match=f"no class {foreign} in this project"):
            desk.do(conn, EventKind.LABEL, position=1, class_id=foreign)
        with pytest.raises(Refused, match="this project has no images yet"):
            events.append(conn, other, EventKind.SKIP, key="k", reader_id=desk.ann, position=0)
        with pytest.raises(Refused, match="no project 999"):
            events.append(conn, 999, EventKind.EXPORT, key="k")


def test_a_retired_class_takes_no_new_decision(engine: Engine, desk) -> None:
    with writing(engine, desk.project_id) as conn:
        label_classes.retire_class(conn, desk.project_id, desk.cow)
        with pytest.raises(Refused, match="Class cow is retired"):
            desk.do(conn, EventKind.LABEL, position=1, class_id=desk.cow)


def test_a_reader_undoes_only_their_own_standing_decisions(engine: Engine, desk) -> None:
    with writing(engine, desk.project_id) as conn:
        label = desk.do(conn, EventKind.LABEL, position=1, class_id=desk.cat)
        with pytest.raises(Refused, match="another reader's decision"):
            desk.do(conn, EventKind.UNDO, reader_id=desk.bob, target=label.number)
        undo = desk.do(conn, EventKind.UNDO, target=label.number)
        with pytest.raises(Refused, match="undone already"):
            desk.do(conn, EventKind.UNDO, target=label.number)
        desk.do(conn, EventKind.UNDO, target=undo.number)
        desk.do(conn, EventKind.UNDO, target=label.number)


def test_no_pseudo_label_is_accepted_in_the_holdout_or_against_a_rejection(
    engine: Engine, desk
) -> None:
    with writing(engine, desk.project_id) as conn:
        desk.do(conn, EventKind.DRAW_HOLDOUT, reader_id=None, members=[3])
        desk.do(conn, EventKind.REJECT, position=4, class_id=desk.dog)
        with pytest.raises(Refused, match="Image 3 belongs to the holdout"):
            desk.do(conn, EventKind.ACCEPT, position=3, class_id=desk.cat)
        members = {"members": [2, 4], "member_classes": [desk.dog, desk.dog]}
        with pytest.raises(Refused, match="Image 4 was judged not to be dog"):
            desk.do(conn, EventKind.BULK_ACCEPT, **members)
        assert conn.execute(select(func.count()).select_from(current_label)).scalar_one() == 0


def judgements(desk, position: int) -> list[tuple[EventKind, dict]]:
    """Every way to judge what the first round says of an image."""
    about = {"round_id": desk.rounds[0]}
    one, many = {**about, "position": position}, {**about, "members": [0, position]}
    return [
        (EventKind.ACCEPT, {**one, "class_id": desk.cat}),
        (EventKind.REJECT, {**one, "class_id": desk.cat}),
        (EventKind.RELABEL, {**one, "class_id": desk.cat}),
        (EventKind.WITHHOLD, one),
        (EventKind.BULK_ACCEPT, {**many, "member_classes": [desk.cat, desk.cat]}),
        (EventKind.BULK_RELABEL, {**many, "class_id": desk.cat}),
        (EventKind.BULK_WITHHOLD, many),
    ]


def test_no_prediction_is_judged_of_an_image_that_the_round_does_not_cover(
    engine: Engine, desk
) -> None:
    with writing(engine, desk.project_id) as conn:
        images.add_image_set(conn, desk.project_id, "more", "sets/2.npy", new_images(3, COUNT))
        before = events.head(conn, desk.project_id)
        for kind, fields in judgements(desk, COUNT):
            with pytest.raises(Refused, match="Round 1 covers images 0 to 11; image 12 came later"):
                desk.do(conn, kind, **fields)
        assert events.head(conn, desk.project_id) == before
        kinds = dict(judgements(desk, COUNT - 1))
        desk.do(conn, EventKind.WITHHOLD, **kinds[EventKind.WITHHOLD])


def test_no_prediction_is_judged_where_accuracy_is_measured(engine: Engine, desk) -> None:
    with writing(engine, desk.project_id) as conn:
        measured = [images.NewImage("t", "t", 8, 8, split=Split.TEST)]
        images.add_image_set(conn, desk.project_id, "test", "sets/2.npy", measured)
        conn.execute(snapshot.update().values(counts={"images": COUNT + 1}))
        desk.do(conn, EventKind.DRAW_HOLDOUT, reader_id=None, members=[3])
        before = load_state(conn, desk.project_id)
        for position, where in ((3, "holdout"), (COUNT, "test split")):
            for kind, fields in judgements(desk, position):
                with pytest.raises(Refused, match=f"Image {position} belongs to the {where}"):
                    desk.do(conn, kind, **fields)
        after = load_state(conn, desk.project_id)
        assert after.event_number == before.event_number
        desk.do(conn, EventKind.BULK_WITHHOLD, members=[0, 1], round_id=desk.rounds[0])
        after = load_state(conn, desk.project_id)
    assert after.pool.tolist() == before.pool.tolist()
    assert after.holdout.tolist() == before.holdout.tolist()


@pytest.mark.parametrize("change", ["UPDATE event SET position = 3", "DELETE FROM event"])
def test_the_database_itself_refuses_to_change_an_event(engine: Engine, desk, change) -> None:
    with pytest.raises(DBAPIError, match="append-only"), writing(engine) as conn:
        conn.execute(text(change))


def test_nothing_of_a_failed_transaction_remains(engine: Engine, desk) -> None:
    with pytest.raises(Refused), writing(engine, desk.project_id) as conn:
        desk.do(conn, EventKind.LABEL, position=1, class_id=desk.cat)
        desk.do(conn, EventKind.LABEL, position=99, class_id=desk.cat)
    with reading(engine) as conn:
        kinds = [each.kind for each in events.read(conn, desk.project_id)]
        assert EventKind.LABEL not in kinds
        assert conn.execute(select(func.count()).select_from(current_label)).scalar_one() == 0


def test_payloads_that_json_cannot_hold_are_refused(engine: Engine, desk) -> None:
    with (
        writing(engine, desk.project_id) as conn,
        pytest.raises(ValueError, match="not JSON compliant"),
    ):
        desk.do(conn, EventKind.SKIP, position=1, payload={"p": float("nan")})


def test_numpy_integers_are_stored_as_integers(engine: Engine, desk) -> None:
    with writing(engine, desk.project_id) as conn:
        made = desk.do(conn, EventKind.LABEL, position=np.int64(2), class_id=np.int64(desk.cat))
        assert (
            conn.execute(select(event.c.position).where(event.c.number == made.number)).scalar()
            == 2
        )


def test_many_events_at_once_are_the_same_as_one_after_another(engine: Engine, desk) -> None:
    kinds = (EventKind.ACCEPT, EventKind.LABEL, EventKind.REJECT, EventKind.LABEL)
    drafts = [
        Draft(kind=kind, key=f"m{i}", reader_id=desk.ann, position=i % 2, class_id=desk.cat)
        for i, kind in enumerate(kinds)
    ]
    with writing(engine, desk.project_id) as conn:
        made = events.append_many(conn, desk.project_id, drafts)
        again = events.append_many(conn, desk.project_id, drafts)
        assert [each.hash for each in again] == [each.hash for each in made]
        rows = conn.execute(select(current_label.c.position, current_label.c.event_number))
        # Image 0 was accepted as a cat and then judged not to be one.
        assert [tuple(row) for row in rows] == [(1, made[3].number)]
        with pytest.raises(ValueError, match="undo must be appended by itself"):
            undo = Draft(kind=EventKind.UNDO, key="u", reader_id=desk.ann, target=made[0].number)
            events.append_many(conn, desk.project_id, [undo, undo])


def test_a_reading_block_sees_one_moment_and_cannot_write(engine: Engine, desk) -> None:
    with reading(engine) as before:
        head = events.head(before, desk.project_id)
        with writing(engine, desk.project_id) as conn:
            desk.do(conn, EventKind.SKIP, position=1)
        assert events.head(before, desk.project_id) == head
    with reading(engine) as after:
        assert events.head(after, desk.project_id)[0] == head[0] + 1
        with pytest.raises(DBAPIError, match=r"readonly|read-only"):
            after.execute(text("DELETE FROM holdout"))
    with writing(engine, desk.project_id) as conn:
        desk.do(conn, EventKind.SKIP, position=2)
