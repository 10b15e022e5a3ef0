"""A row that carries a seal is reported when any of its columns says something else."""

import pytest
from sqlalchemy import Connection, Engine, text
from store_desk import Desk

from sslapp.store import identity, label_classes, projects
from sslapp.store.database import reading, writing
from sslapp.store.integrity import seals
from sslapp.store.people import readers
from sslapp.store.schema import project, reader, workspace
from sslapp.store.verify import verify
from sslapp.vocabulary import Role

CHANGES = [
    ("workspace", "created_at = '2001-01-01 00:00:00.000000'"),
    ("project", "name = 'another'"),
    ("project", """settings = '{"image_size": null, "grey": true, "flip": false}'"""),
    ("reader", "name = name || 'x'"),
    ("reader", "active = (1 = 0)"),
    ("membership", "role = 'admin'"),
    ("label_class", "colour = '#000000'"),
    ("label_class", "key = 'q' WHERE number = 1"),
    ("image_set", "pixels = 'other.npy'"),
    ("image_set", "refused = '[1]'"),
    ("snapshot", "counts = '{}', event_number = 7"),
    ("round", "seed = 3"),
    ("round", "config = '{\"a\": 1}'"),
    ("round", "seal = NULL"),
]


@pytest.mark.parametrize(("table", "change"), CHANGES)
def test_a_changed_column_is_found_and_its_table_named(
    undone: Connection, kept_desk: Desk, table: str, change: str
) -> None:
    undone.execute(text(f'UPDATE "{table}" SET {change}'))
    problems = verify(undone, kept_desk.project_id).problems
    assert any(each.startswith(f"{table}: the row") for each in problems), problems


def test_what_the_program_changes_is_sealed_again(engine: Engine, desk: Desk) -> None:
    with writing(engine) as conn:
        readers.set_active(conn, desk.bob, False)
        readers.grant(conn, desk.project_id, desk.ann, Role.ADMIN)
        projects.change_settings(conn, desk.project_id, flip=True)
        label_classes.edit_class(conn, desk.project_id, desk.cat, colour="#123456")
        label_classes.retire_class(conn, desk.project_id, desk.cow)
        identity.renew(conn)
    with reading(engine) as conn:
        assert verify(conn, desk.project_id).problems == ()


def test_a_change_does_not_hide_that_the_row_was_damaged_before(engine: Engine, desk: Desk) -> None:
    with writing(engine) as conn:
        conn.execute(text("UPDATE project SET name = 'damaged'"))
    with writing(engine) as conn:
        projects.change_settings(conn, desk.project_id, flip=True)
    with reading(engine) as conn:
        assert (verify(conn, desk.project_id).problem or "").startswith("project: the row")


def test_rows_older_than_seals_are_no_damage_until_all_are_recorded(
    engine: Engine, desk: Desk
) -> None:
    with writing(engine) as conn:
        conn.execute(project.update().values(seal=None))
        conn.execute(workspace.update().values(recorded_at=None, seal=None))
    with reading(engine) as conn:
        found = verify(conn, desk.project_id)
    assert found.ok
    assert "rows are older than seals" in found.notes[0]
    with writing(engine) as conn:
        assert seals.seal_all(conn) == 2
        identity.mark_recorded(conn)
    with reading(engine) as conn:
        found = verify(conn, desk.project_id)
    assert (found.problems, found.notes) == ((), ())


def test_an_update_reports_how_many_rows_it_changed(engine: Engine, desk: Desk) -> None:
    with writing(engine) as conn:
        assert seals.update(conn, reader, [reader.c.name == "nobody"], {"active": True}) == 0
        assert seals.update(conn, reader, [], {"active": True}) == 2
