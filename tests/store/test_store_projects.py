"""Projects, classes, readers and their roles."""

import re
from functools import partial

import pytest
from pydantic import ValidationError
from sqlalchemy import Connection, Engine
from store_desk import Desk

from sslapp.store import label_classes, projects
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused, Unknown
from sslapp.store.label_classes import KEYS, PALETTE
from sslapp.store.log import events
from sslapp.store.people import readers
from sslapp.store.projects import ProjectSettings
from sslapp.store.verify import verify
from sslapp.vocabulary import EventKind, Role


def test_a_project_is_found_by_name_and_by_id(engine: Engine) -> None:
    settings = ProjectSettings(image_size=64, grey=True)
    with writing(engine) as conn:
        made = projects.create_project(conn, "  Nodules ", settings)
    with reading(engine) as conn:
        by_name, by_id = projects.find_project(conn, "Nodules"), projects.find_project(conn, made)
        with pytest.raises(Unknown, match=r"no project Nodule\. Projects: Nodules\."):
            projects.find_project(conn, "Nodule")
    assert by_name == by_id
    assert (by_name.settings, by_name.settings.channels) == (settings, 1)


@pytest.mark.parametrize("name", ["", "   ", "x" * 201])
def test_names_without_letters_or_without_end_are_refused(undone: Connection, name: str) -> None:
    with pytest.raises(Refused, match="1 to 200 characters"):
        projects.create_project(undone, name, ProjectSettings())


def test_a_second_project_of_that_name_is_refused(engine: Engine) -> None:
    with writing(engine) as conn:
        projects.create_project(conn, "a", ProjectSettings())
        with pytest.raises(Refused, match="There is a project a already"):
            projects.create_project(conn, "a", ProjectSettings())


def test_settings_take_no_unknown_name() -> None:
    with pytest.raises(ValidationError, match="colour"):
        ProjectSettings.model_validate({"colour": True})


def test_a_renamed_project_keeps_what_it_is_and_no_two_have_one_name(
    engine: Engine, desk: Desk
) -> None:
    with writing(engine, desk.project_id) as conn:
        before = projects.find_project(conn, desk.project_id)
        projects.create_project(conn, "Other", ProjectSettings())
        for wrong in ("Other", " ", "a\nb"):
            with pytest.raises(Refused):
                projects.rename_project(conn, desk.project_id, wrong)
        assert projects.rename_project(conn, desk.project_id, " Nodules 2 ", desk.ann)
        assert not projects.rename_project(conn, desk.project_id, "Nodules 2")
        found = projects.find_project(conn, "Nodules 2")
        last = list(events.read(conn, desk.project_id))[-1]
        assert verify(conn, desk.project_id).problem is None
    assert (found.id, found.settings) == (desk.project_id, before.settings)
    assert last.kind == EventKind.SETTINGS
    assert last.payload == {"before": {"name": before.name}, "after": {"name": "Nodules 2"}}


def test_classes_get_numbers_keys_and_colours_that_differ(engine: Engine) -> None:
    with writing(engine) as conn:
        project_id = projects.create_project(conn, "many", ProjectSettings())
        for number in range(len(KEYS) + 2):
            label_classes.add_class(conn, project_id, f"class {number}")
        rows = label_classes.classes(conn, project_id)
    assert [row.number for row in rows] == list(range(len(KEYS) + 2))
    assert "".join(row.key for row in rows) == KEYS
    assert [row.key for row in rows[-2:]] == ["", ""]
    assert [row.colour for row in rows[: len(PALETTE)]] == list(PALETTE)
    assert len(set(PALETTE)) == len(PALETTE)
    assert not set(KEYS) & set("axuf ")


def test_the_last_class_in_use_stays(engine: Engine, desk: Desk) -> None:
    with writing(engine, desk.project_id) as conn:
        for class_id in (desk.dog, desk.cow):
            label_classes.retire_class(conn, desk.project_id, class_id)
        before = events.head(conn, desk.project_id)
        with pytest.raises(Refused, match=r"cat is the only class in use\. Add another one"):
            label_classes.retire_class(conn, desk.project_id, desk.cat)
        assert events.head(conn, desk.project_id) == before
        assert [row.id for row in label_classes.classes(conn, desk.project_id)] == [desk.cat]
        label_classes.add_class(conn, desk.project_id, "horse")
        label_classes.retire_class(conn, desk.project_id, desk.cat)


def test_a_retired_class_keeps_its_number_and_frees_its_key(engine: Engine, desk: Desk) -> None:
    with writing(engine, desk.project_id) as conn:
        label_classes.retire_class(conn, desk.project_id, desk.dog, desk.ann)
        label_classes.add_class(conn, desk.project_id, "horse", desk.ann)
        live = label_classes.classes(conn, desk.project_id)
        everything = label_classes.classes(conn, desk.project_id, retired=True)
        kinds = [each.kind for each in events.read(conn, desk.project_id)][-2:]
        with pytest.raises(Refused, match="no class"):
            label_classes.retire_class(conn, desk.project_id, desk.dog)
    found = [(row.number, row.name, row.key) for row in live]
    assert found == [(0, "cat", "1"), (2, "cow", "3"), (3, "horse", "2")]
    assert [row.retired for row in everything] == [False, True, False, False]
    assert kinds == [EventKind.RETIRE_CLASS, EventKind.ADD_CLASS]


@pytest.mark.parametrize(
    ("name", "key", "message"),
    [
        ("CAT", None, "There is a class cat already"),
        ("horse", "1", 'The key "1" labels cat already'),
        ("horse", "u", '"u" cannot be a class key'),
        ("horse", "45", '"45" cannot be a class key'),
        (" ", None, "1 to 200 characters"),
        ("Cafe\u0301", None, "There is a class caf\u00e9 already"),
    ],
)
def test_classes_that_would_be_confused_are_refused(
    undone: Connection, kept_desk: Desk, name: str, key: str | None, message: str
) -> None:
    label_classes.add_class(undone, kept_desk.project_id, "caf\u00e9")
    with pytest.raises(Refused, match=message):
        label_classes.add_class(undone, kept_desk.project_id, name, key=key)


UNSHOWABLE = (
    *(
        "two\nlines",
        "\x1b[31mred",
        "\u200b",
        "a\u200bb",
        "x\u202ey",
        "a\u2028b",
        "\u00ad",
        "\u3164",
    ),
)
ANY_SCRIPT = (
    "\u0645\u06cc\u200c\u0634\u0648\u062f",
    "\U0001f469\u200d\u2695\ufe0f",
    "gro\u00df",
    "\u809d",
    "+",
    "-",
)


def test_names_that_cannot_be_shown_are_refused_everywhere(engine: Engine, desk: Desk) -> None:
    with writing(engine, desk.project_id) as conn:
        for name in UNSHOWABLE:
            told = re.escape(name.encode("unicode_escape").decode())
            for give in (
                partial(label_classes.add_class, conn, desk.project_id, name),
                partial(label_classes.edit_class, conn, desk.project_id, desk.dog, name=name),
                partial(projects.create_project, conn, name, ProjectSettings()),
                partial(readers.ensure_reader, conn, name),
            ):
                with pytest.raises(Refused, match=f'name "{told}" has characters that cannot be'):
                    give()


def test_names_of_any_script_are_taken(engine: Engine, desk: Desk) -> None:
    with writing(engine, desk.project_id) as conn:
        for name in ANY_SCRIPT:
            label_classes.add_class(conn, desk.project_id, name)
        found = [row.name for row in label_classes.classes(conn, desk.project_id)]
    assert found[-len(ANY_SCRIPT) :] == list(ANY_SCRIPT)


def test_an_edited_class_keeps_its_labels_and_its_number(engine: Engine, desk: Desk) -> None:
    with writing(engine, desk.project_id) as conn:
        assert label_classes.edit_class(
            conn, desk.project_id, desk.dog, desk.ann, name="hound", colour="#123ABC", key="9"
        )
        found = next(
            row for row in label_classes.classes(conn, desk.project_id) if row.id == desk.dog
        )
        last = list(events.read(conn, desk.project_id))[-1]
        assert verify(conn, desk.project_id).problem is None
    assert (found.number, found.name, found.colour, found.key) == (1, "hound", "#123ABC", "9")
    assert (last.kind, last.class_id, last.reader_id) == (
        EventKind.EDIT_CLASS,
        desk.dog,
        desk.ann,
    )
    assert last.payload["before"] == {"name": "dog", "colour": PALETTE[1], "key": "2"}
    assert last.payload["after"] == {"name": "hound", "colour": "#123ABC", "key": "9"}


def test_an_edit_that_changes_nothing_is_not_logged(engine: Engine, desk: Desk) -> None:
    with writing(engine, desk.project_id) as conn:
        head = events.head(conn, desk.project_id)
        assert not label_classes.edit_class(conn, desk.project_id, desk.dog, name=" dog ", key="2")
        assert not projects.change_settings(conn, desk.project_id, flip=False)
        assert events.head(conn, desk.project_id) == head


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Cat"}, "There is a class cat already"),
        ({"name": " "}, "1 to 200 characters"),
        ({"key": "1"}, 'The key "1" labels cat already'),
        ({"key": "a"}, '"a" cannot be a class key'),
        ({"key": "<b>"}, '"<b>" cannot be a class key'),
        ({"colour": "red"}, '"red" is no colour'),
        ({"colour": "#12345g"}, "is no colour"),
        ({"colour": "#123456;background:url(x)"}, "is no colour"),
    ],
)
def test_an_edit_that_would_confuse_is_refused(
    undone: Connection, kept_desk: Desk, change: dict, message: str
) -> None:
    with pytest.raises(Refused, match=message):
        label_classes.edit_class(undone, kept_desk.project_id, kept_desk.dog, **change)


def test_a_class_may_do_without_a_key_and_change_the_case_of_its_name(
    engine: Engine, desk: Desk
) -> None:
    with writing(engine, desk.project_id) as conn:
        label_classes.edit_class(conn, desk.project_id, desk.dog, name="DOG", key="")
        label_classes.edit_class(conn, desk.project_id, desk.cat, key="2")
        label_classes.retire_class(conn, desk.project_id, desk.dog)
        with pytest.raises(Refused, match="no class"):
            label_classes.edit_class(conn, desk.project_id, desk.dog, key="7")
        assert verify(conn, desk.project_id).problem is None


def test_a_name_changed_behind_the_log_is_found(engine: Engine, desk: Desk) -> None:
    with writing(engine, desk.project_id) as conn:
        label_classes.edit_class(conn, desk.project_id, desk.dog, name="hound")
        conn.execute(projects.label_class.update().values(name=projects.label_class.c.name + "!"))
        problem = verify(conn, desk.project_id).problem
    assert problem is not None
    assert "'cat!'" in problem


def test_settings_that_may_change_are_logged_with_what_they_were(
    engine: Engine, desk: Desk
) -> None:
    with writing(engine, desk.project_id) as conn:
        assert projects.change_settings(
            conn, desk.project_id, desk.ann, flip=True, single_reads=True
        )
        settings = projects.find_project(conn, desk.project_id).settings
        last = list(events.read(conn, desk.project_id))[-1]
    assert (settings.flip, settings.single_reads) == (True, True)
    assert (last.kind, last.reader_id) == (EventKind.SETTINGS, desk.ann)
    assert last.payload == {"before": {"flip": False}, "after": {"flip": True}}


def test_a_reader_is_added_once_and_holds_one_role_a_project(engine: Engine, desk: Desk) -> None:
    with writing(engine) as conn:
        eve = readers.ensure_reader(conn, "eve")
        assert readers.ensure_reader(conn, " eve ") == eve
        assert readers.reader_names(conn)[eve] == "eve"
        assert readers.role_of(conn, desk.project_id, eve) is None
        for role in (Role.READER, Role.ADMIN):
            readers.grant(conn, desk.project_id, eve, role)
            assert readers.role_of(conn, desk.project_id, eve) is role
        with pytest.raises(Refused, match="1 to 200 characters"):
            readers.ensure_reader(conn, " ")


def test_an_inactive_reader_has_no_role(engine: Engine, desk: Desk) -> None:
    with writing(engine) as conn:
        conn.execute(readers.reader.update().values(active=False))
        assert readers.role_of(conn, desk.project_id, desk.ann) is None
