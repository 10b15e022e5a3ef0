"""What is taken back in the database: the last import, and a project; on every database."""

import pytest
from sqlalchemy import Engine, select
from store_desk import COUNT, Desk, new_images

from sslapp.store import embeddings, images, projects, removal
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused, Unknown
from sslapp.store.log import replay
from sslapp.store.log.chain import Event
from sslapp.store.log.origins import WITH_IMAGES
from sslapp.store.metadata.columns import columns
from sslapp.store.metadata.values import import_values, values_of
from sslapp.store.people import readers
from sslapp.store.schema import (
    current_label,
    forbidden_class,
    holdout,
    image,
    project,
    reader_label,
)
from sslapp.store.verify import verify
from sslapp.vocabulary import EventKind

NEW = COUNT
"""Position of the first image of a second import."""


@pytest.fixture
def second(engine: Engine, desk: Desk) -> Desk:
    """The desk after an import of three more images, the first of a true class."""
    more = new_images(3, COUNT)
    with writing(engine, desk.project_id) as conn:
        images.add_image_set(conn, desk.project_id, "more", "sets/2.npy", more, [], desk.ann)
    return desk


def withdraw(engine: Engine, desk: Desk) -> removal.TakenBack:
    with writing(engine, desk.project_id) as conn:
        return removal.withdraw_import(conn, desk.project_id, desk.ann)


def problems(engine: Engine, desk: Desk) -> list[str]:
    """What `verify` finds, but of rounds, which are made up here."""
    with reading(engine) as conn:
        found = verify(conn, desk.project_id).problems
    return [each for each in found if "round" not in each and "snapshot" not in each]


def embed(engine: Engine, desk: Desk, count: int, name: str) -> None:
    with writing(engine, desk.project_id) as conn:
        embeddings.add_embedding(
            conn,
            desk.project_id,
            encoder="pixels",
            shape=(count, 2),
            features=f"jobs/{name}/features.npy",
            projection=f"jobs/{name}/projection.npy",
        )


def test_its_rows_go_and_its_positions_are_taken_anew(engine: Engine, second: Desk) -> None:
    embed(engine, second, COUNT, "old")
    embed(engine, second, COUNT + 3, "new")
    gone = withdraw(engine, second)
    assert (gone.import_.name, gone.import_.first) == ("more", NEW)
    assert set(gone.paths) == {
        "sets/2.npy",
        "jobs/new/features.npy",
        "jobs/new/projection.npy",
    }
    with reading(engine) as conn:
        assert images.image_count(conn, second.project_id) == COUNT
        assert len(images.image_sets(conn, second.project_id)) == 1
        left = embeddings.latest_embedding(conn, second.project_id)
        assert left is not None
        assert left["count"] == COUNT
        assert removal.last_withdrawal(conn, second.project_id) > 0
    assert problems(engine, second) == []
    with writing(engine, second.project_id) as conn:
        others = new_images(2, 50)
        assert images.add_image_set(conn, second.project_id, "other", "sets/3.npy", others) == NEW
        replay.rebuild(conn, second.project_id)
    assert problems(engine, second) == []


def test_verify_tells_an_image_that_came_back_from_nowhere(engine: Engine, second: Desk) -> None:
    withdraw(engine, second)
    with writing(engine, second.project_id) as conn:
        row = dict(conn.execute(select(image).limit(1)).mappings().one())
        conn.execute(image.insert(), {**row, "position": NEW})
    assert any("positions" in each for each in problems(engine, second))


def test_metadata_of_its_images_goes_and_that_of_others_stays(engine: Engine, second: Desk) -> None:
    cells = {
        "age": {0: "40", NEW: "unknown"},
        "view": {NEW: "lateral"},
        "site": {0: "north"},
    }
    with writing(engine, second.project_id) as conn:
        import_values(conn, second.project_id, second.ann, cells, file="l.csv", sha256="")
    withdraw(engine, second)
    with reading(engine) as conn:
        left = {each.name: each for each in columns(conn, second.project_id)}
        assert set(left) == {"age", "site"}
        assert (left["age"].kind, left["age"].images) == ("number", 1)
        assert values_of(conn, left["age"].id) == {0: "40"}
    assert problems(engine, second) == []


@pytest.mark.parametrize(
    ("kind", "fields", "why"),
    [
        (EventKind.LABEL, {"position": NEW, "class_id": "cat"}, r"event \d+ \(label\)"),
        (EventKind.SKIP, {"position": NEW + 2}, r"event \d+ \(skip\)"),
        (
            EventKind.IMPORT_EXPERT,  # of a table that came later
            {"members": [1, NEW], "member_classes": ["cat", "cat"]},
            r"event \d+ \(import expert\)",
        ),
    ],
)
def test_what_was_decided_about_an_image_keeps_it(
    engine: Engine, second: Desk, kind: EventKind, fields: dict, why: str
) -> None:
    if "class_id" in fields:
        fields = {**fields, "class_id": second.cat}
    if "member_classes" in fields:
        fields = {**fields, "member_classes": [second.cat] * 2}
    with writing(engine, second.project_id) as conn:
        made = second.do(conn, kind, **fields)
    with pytest.raises(Refused, match=why):
        withdraw(engine, second)
    if kind is EventKind.LABEL:  # an undone decision may be brought back
        with writing(engine, second.project_id) as conn:
            second.do(conn, EventKind.UNDO, target=made.number)
        with pytest.raises(Refused, match=why):
            withdraw(engine, second)
    with reading(engine) as conn:
        assert images.image_count(conn, second.project_id) == COUNT + 3


def labels_with_images(conn, desk: Desk, key: str, *positions: int) -> Event:
    """Labels as the import of an own export brings them."""
    return desk.do(
        *(conn, EventKind.IMPORT_EXPERT),
        key=f"labels:{key}:0",
        members=positions,
        member_classes=[desk.cat] * len(positions),
        payload={"imported": {"file": "labels.csv", WITH_IMAGES: True}},
    )


def derived(conn, desk: Desk) -> dict[str, list[int]]:
    """Positions that the derived tables name, of those of the second import."""
    return {
        table.name: sorted(
            conn.execute(
                select(table.c.position).where(
                    table.c.project_id == desk.project_id, table.c.position >= NEW
                )
            ).scalars()
        )
        for table in (reader_label, current_label, forbidden_class, holdout)
    }


def test_labels_that_came_with_it_go_with_it(engine: Engine, second: Desk) -> None:
    with writing(engine, second.project_id) as conn:
        made = labels_with_images(conn, second, "one", NEW, NEW + 1)
        second.do(
            conn,
            EventKind.IMPORT_NONE,
            class_id=second.dog,
            members=[NEW + 2],
            payload={"imported": {WITH_IMAGES: True}},
        )
        undo = second.do(conn, EventKind.UNDO, target=made.number)
        second.do(conn, EventKind.UNDO, target=undo.number)
    with reading(engine) as conn:
        assert derived(conn, second)["current_label"] == [NEW, NEW + 1]
        assert derived(conn, second)["forbidden_class"] == [NEW + 2]
    withdraw(engine, second)
    with writing(engine, second.project_id) as conn:
        assert not any(derived(conn, second).values())
        others = new_images(3, 50)
        images.add_image_set(conn, second.project_id, "other", "sets/3.npy", others)
        replay.rebuild(conn, second.project_id)
        assert not any(derived(conn, second).values())
    for target in (made.number, undo.number):
        with writing(engine, second.project_id) as conn, pytest.raises(Refused, match="withdrawn"):
            second.do(conn, EventKind.UNDO, target=target)
    assert problems(engine, second) == []
    with writing(engine, second.project_id) as conn:  # what is said of the others counts
        labels_with_images(conn, second, "two", NEW + 1)
        replay.rebuild(conn, second.project_id)
        assert derived(conn, second)["current_label"] == [NEW + 1]
    withdraw(engine, second)
    assert problems(engine, second) == []


def test_a_draw_for_the_holdout_goes_with_its_images_alone(engine: Engine, second: Desk) -> None:
    with writing(engine, second.project_id) as conn:
        second.do(conn, EventKind.DRAW_HOLDOUT, position=NEW + 2)
        second.do(conn, EventKind.DRAW_HOLDOUT, members=[1, NEW])
        assert removal.go_along(conn, second.project_id, NEW) == (0, 2)
    withdraw(engine, second)
    with writing(engine, second.project_id) as conn:
        images.add_image_set(conn, second.project_id, "other", "sets/3.npy", new_images(3, 50))
        replay.rebuild(conn, second.project_id)
        mine = holdout.c.project_id == second.project_id
        assert conn.execute(select(holdout.c.position).where(mine)).scalars().all() == [1]
    assert problems(engine, second) == []


def test_decisions_about_other_images_keep_nothing(engine: Engine, second: Desk) -> None:
    with writing(engine, second.project_id) as conn:
        second.do(conn, EventKind.LABEL, position=NEW - 1, class_id=second.cat)
        second.do(conn, EventKind.DRAW_HOLDOUT, members=[1, NEW - 1])
    withdraw(engine, second)
    with reading(engine) as conn:
        mine = reader_label.c.project_id == second.project_id
        assert conn.execute(select(reader_label.c.position).where(mine)).scalars().all() == [11]


def test_a_snapshot_keeps_its_images(engine: Engine, desk: Desk) -> None:
    with pytest.raises(Refused, match="in a snapshot"):  # the desk's rounds saw its images
        withdraw(engine, desk)


def test_a_deleted_project_keeps_its_log_and_frees_its_name(engine: Engine, second: Desk) -> None:
    with writing(engine, second.project_id) as conn:
        second.do(conn, EventKind.LABEL, position=3, class_id=second.cat)
        name = projects.find_project(conn, second.project_id).name
        cells = {"age": {0: "40"}}
        import_values(conn, second.project_id, second.ann, cells, file="l.csv", sha256="")
        removal.delete_project(conn, second.project_id, second.ann)
        projects.create_project(conn, name, projects.ProjectSettings())
    with writing(engine) as conn:
        assert [each.name for each in projects.list_projects(conn)] == [name]
        first, _ = projects.list_projects(conn, deleted=True)
        assert (first.id, first.name, first.deleted) == (second.project_id, name, True)
        assert images.image_count(conn, second.project_id) == 0
        assert readers.members(conn, second.project_id) == []
        with pytest.raises(Unknown):
            projects.find_project(conn, second.project_id)
        replay.rebuild(conn, second.project_id)
        mine = reader_label.c.project_id == second.project_id
        assert conn.execute(select(reader_label.c.position).where(mine)).scalars().all() == [3]
    assert problems(engine, second) == []


def test_nothing_follows_the_end_of_a_log(engine: Engine, desk: Desk) -> None:
    with writing(engine, desk.project_id) as conn:
        removal.delete_project(conn, desk.project_id, desk.ann)
    for kind, fields in (
        (EventKind.LABEL, {"position": 3, "class_id": desk.cat}),
        (EventKind.EXPORT, {}),
    ):
        with writing(engine) as conn, pytest.raises(Refused, match="was deleted"):
            desk.do(conn, kind, **fields)
    with writing(engine) as conn, pytest.raises(Refused, match="was deleted"):
        images.add_image_set(conn, desk.project_id, "late", "sets/9.npy", new_images(1))
    with reading(engine) as conn:
        assert conn.execute(select(holdout)).first() is None
        assert conn.execute(select(project.c.name)).scalars().all() == [f"\x7f{desk.project_id}"]
