"""Metadata: cells replace cells, the log vouches for columns, and what is removed is gone."""

import pytest
from sqlalchemy import Connection, Engine, text
from store_desk import COUNT, Desk

from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.log import events
from sslapp.store.metadata.columns import columns, remove_column, show_column
from sslapp.store.metadata.undo import last_import, undo_import
from sslapp.store.metadata.values import (
    LONGEST_VALUE,
    import_values,
    number_in,
    shown_values,
    values_of,
)
from sslapp.store.verify import verify
from sslapp.vocabulary import EventKind, MetadataKind

TEXT, NUMBER = MetadataKind.TEXT, MetadataKind.NUMBER


def bring(conn: Connection, desk: Desk, **found: dict[int, str]) -> None:
    import_values(conn, desk.project_id, desk.ann, found, file="list.csv", sha256="ab" * 32)


@pytest.fixture
def told(engine: Engine, desk: Desk) -> Desk:
    with writing(engine) as conn:
        bring(conn, desk, age={0: "40", 1: "41", 2: "40"}, view={0: "AP", 5: "PA"})
    return desk


def test_a_column_is_of_numbers_if_all_values_are_and_shown_to_nobody(engine, told) -> None:
    with reading(engine) as conn:
        age, view = columns(conn, told.project_id)
        assert (age.name, age.kind, age.images, age.different) == ("age", NUMBER, 3, 2)
        assert (view.name, view.kind, view.images, view.different) == ("view", TEXT, 2, 2)
        assert not age.shown
        assert not view.shown
        assert shown_values(conn, told.project_id, range(COUNT)) == {}
        assert values_of(conn, view.id) == {0: "AP", 5: "PA"}
        assert verify(conn, told.project_id).ok


def test_a_later_import_replaces_the_cells_it_gives_and_no_other(engine, told) -> None:
    with writing(engine) as conn:
        bring(conn, told, Age={1: "unknown", 3: "7"})
    with reading(engine) as conn:
        age = columns(conn, told.project_id)[0]
        assert (age.name, age.kind, age.images) == ("age", TEXT, 4)  # as it was called first
        assert values_of(conn, age.id) == {0: "40", 1: "unknown", 2: "40", 3: "7"}
        assert verify(conn, told.project_id).ok


def test_the_log_says_who_brought_what_and_holds_no_value(engine, told) -> None:
    with reading(engine) as conn:
        event = list(events.read(conn, told.project_id))[-1]
    assert (event.kind, event.reader_id) == (EventKind.IMPORT_METADATA, told.ann)
    assert (event.payload["file"], event.payload["sha256"]) == ("list.csv", "ab" * 32)
    assert [(e["name"], e["kind"], e["images"]) for e in event.payload["columns"]] == [
        ("age", "number", 3),
        ("view", "text", 2),
    ]
    assert "41" not in str({k: v for k, v in event.payload.items() if k != "columns"})


def test_what_is_shown_is_given_beside_its_image_and_is_in_the_log(engine, told) -> None:
    with writing(engine) as conn:
        assert show_column(conn, told.project_id, "AGE", told.ann, shown=True)
        assert not show_column(conn, told.project_id, "age", told.ann, shown=True)
    with reading(engine) as conn:
        beside = {0: [("age", "40")], 1: [("age", "41")]}
        assert shown_values(conn, told.project_id, [0, 1, 5]) == beside
        event = list(events.read(conn, told.project_id))[-1]
        assert (event.kind, event.payload["column"]) == (EventKind.SHOW_METADATA, "age")
        assert verify(conn, told.project_id).ok


def test_a_removed_column_is_gone_and_may_come_again(engine, told) -> None:
    with writing(engine) as conn:
        remove_column(conn, told.project_id, "age", told.ann)
    with reading(engine) as conn:
        assert [each.name for each in columns(conn, told.project_id)] == ["view"]
        assert conn.execute(text("SELECT count(*) FROM metadata_value")).scalar_one() == 2
        assert verify(conn, told.project_id).ok
    with writing(engine) as conn:
        bring(conn, told, age={4: "1"})
    with reading(engine) as conn:
        assert verify(conn, told.project_id).ok


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE metadata_value SET value = '39' WHERE value = '41'", '"age" is not what the log'),
        ("DELETE FROM metadata_value WHERE value = 'PA'", '"view" is not what the log'),
        ("UPDATE metadata_column SET shown = NOT shown WHERE name = 'age'", '"age" is not what'),
        ("UPDATE metadata_column SET name = 'years' WHERE name = 'age'", '"age" is missing'),
    ],
)
def test_what_was_changed_behind_the_log_is_found(engine, told, change, named) -> None:
    with writing(engine) as conn:
        conn.execute(text(change))
    with reading(engine) as conn:
        problems = verify(conn, told.project_id).problems
    assert any(named in each for each in problems)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({"age": {}}, "no value of metadata"),
        ({"age": {COUNT: "3"}}, f"There is no image {COUNT}"),
        ({"note": {0: "x" * (LONGEST_VALUE + 1)}}, "Leave the column out"),
        ({"n" * 201: {0: "x"}}, "1 to 200 characters"),
        ({"Age": {0: "1"}, "age": {0: "2"}}, "two columns of the same name"),
    ],
)
def test_what_does_not_fit_is_refused(engine, desk, found, why) -> None:
    with pytest.raises(Refused, match=why), writing(engine) as conn:
        bring(conn, desk, **found)
    with reading(engine) as conn:
        assert columns(conn, desk.project_id) == []


def test_an_unknown_column_is_refused_with_those_there_are(engine, told) -> None:
    with pytest.raises(Refused, match="known: age, view"), writing(engine) as conn:
        remove_column(conn, told.project_id, "site", told.ann)


@pytest.mark.parametrize(
    ("value", "number"),
    [("12", 12.0), ("-0.5", -0.5), ("1e3", 1000.0), (".5", 0.5), ("3.", 3.0)]
    + [(each, None) for each in ("", "nan", "inf", "1_000", "1,5", "40 y", "1e999", "٣x")],
)
def test_what_is_a_number(value: str, number: float | None) -> None:
    assert number_in(value) == number


def held(conn: Connection, desk: Desk) -> dict[str, dict[int, str]]:
    return {each.name: values_of(conn, each.id) for each in columns(conn, desk.project_id)}


def kinds(conn: Connection, desk: Desk) -> dict[str, tuple[MetadataKind, int, int, bool]]:
    there = columns(conn, desk.project_id)
    return {each.name: (each.kind, each.images, each.different, each.shown) for each in there}


def test_the_last_import_is_taken_back_to_what_was_before(engine, told) -> None:
    with writing(engine) as conn:
        before = held(conn, told), kinds(conn, told)
        bring(conn, told, Age={1: "old", 2: "40", 7: "9"}, site={4: "A"})
        show_column(conn, told.project_id, "view", told.ann, shown=True)
        found = last_import(conn, told.project_id)
        assert [each.name for each in found.new] == ["site"]
        assert [(column.name, kept.count) for column, kept in found.changed] == [("age", 2)]
        assert list(held(conn, told)) == ["age", "view", "site"], "former cells are no column"
        assert verify(conn, told.project_id).ok
    with writing(engine) as conn, pytest.raises(Refused, match="only the last one can"):
        undo_import(conn, told.project_id, told.ann, found.number - 1)
    with writing(engine) as conn:
        undo_import(conn, told.project_id, told.ann, found.number)
        show_column(conn, told.project_id, "view", told.ann, shown=False)
        assert (held(conn, told), kinds(conn, told)) == before
        assert verify(conn, told.project_id).ok
        assert conn.execute(text("SELECT count(*) FROM metadata_column")).scalar() == 2
        last = list(events.read(conn, told.project_id))[-2]
        assert (last.kind, last.payload["import"]) == (EventKind.UNDO_METADATA, found.number)
    with writing(engine) as conn, pytest.raises(Refused, match="taken back"):
        undo_import(conn, told.project_id, told.ann)
    with writing(engine) as conn:  # and what comes after it can be again
        bring(conn, told, site={4: "B"})
        undo_import(conn, told.project_id, told.ann)
        assert (held(conn, told), kinds(conn, told)) == before


def test_what_is_removed_or_replaced_since_keeps_no_former_value(engine, told) -> None:
    with writing(engine) as conn:
        bring(conn, told, age={0: "secret"})
        bring(conn, told, age={0: "41"}, view={1: "AP"})
        remove_column(conn, told.project_id, "age", told.ann)
        assert last_import(conn, told.project_id) is None
        values = conn.execute(text("SELECT value FROM metadata_value")).scalars().all()
        assert sorted(values) == ["AP", "AP", "PA"]
        assert verify(conn, told.project_id).ok


def test_values_that_were_changed_past_the_log_are_not_restored(engine, told) -> None:
    with writing(engine) as conn:
        bring(conn, told, age={0: "39"})
        conn.execute(text("UPDATE metadata_value SET value = '99' WHERE position = 1"))
    with writing(engine) as conn, pytest.raises(Refused, match='"age" is not what its import left'):
        undo_import(conn, told.project_id, told.ann)
