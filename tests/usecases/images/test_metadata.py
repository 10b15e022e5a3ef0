"""Metadata as pages use it: groups by a column, and what is shown beside an image."""

import numpy as np
import pytest

from sslapp.store.database import writing
from sslapp.store.errors import Refused
from sslapp.store.metadata.values import import_values
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.images.metadata import (
    MOST_GROUPS,
    groupable,
    groups_of,
    last_metadata,
    metadata_columns,
    remove_metadata,
    show_metadata,
    undo_metadata,
)
from sslapp.usecases.labelling.offers import refill
from sslapp.usecases.people.members import grant
from sslapp.usecases.reviewing.board import read_bare_board
from sslapp.usecases.reviewing.facets import Facet, MetadataFacet, coded, facet_named
from sslapp.vocabulary import MetadataKind, Role

TEXT, NUMBER = MetadataKind.TEXT, MetadataKind.NUMBER


def bring(access, **found: dict[int, str]) -> None:
    with writing(access.engine) as conn:
        import_values(conn, 1, access.reader_id, found, file="list.csv", sha256="")


@pytest.fixture
def told(project):
    """The small project; its images have a number and one of two sites, the last ones none."""
    ages = {position: str(20 + position % 60) for position in range(150)}
    sites = {position: f"site {10 if position % 3 else 2}" for position in range(150)}
    bring(project, age=ages, site=sites)
    return project


def test_texts_are_groups_in_natural_order() -> None:
    found = groups_of({0: "site 10", 2: "site 2", 3: "Site 1", 9: "site 2"}, TEXT, 5)
    assert found.names == ("no value", "Site 1", "site 2", "site 10")
    assert found.codes.tolist() == [3, 0, 2, 1, 0]
    assert not found.ordered


def test_few_numbers_are_groups_and_many_are_grouped_by_quartiles() -> None:
    few = groups_of({0: "1", 1: "0", 2: "1.0", 4: "10"}, NUMBER, 5)
    assert few.names == ("no value", "0", "1", "10")
    assert few.codes.tolist() == [2, 1, 2, 0, 3]
    many = groups_of({each: str(each + 1) for each in range(100)}, NUMBER, 101)
    assert many.names == (
        *("no value", "up to 25.75", "over 25.75 to 50.5", "over 50.5 to 75.25", "over 75.25"),
    )
    assert np.bincount(many.codes).tolist() == [1, 25, 25, 25, 25]
    assert many.ordered


def test_quartiles_that_are_the_same_number_are_one_group() -> None:
    values = dict.fromkeys(range(90), "5") | {90 + each: str(each) for each in range(10)}
    found = groups_of(values, NUMBER, 100)
    assert found.names == ("no value", "up to 5", "over 5")
    assert np.bincount(found.codes).tolist() == [0, 96, 4]


def test_a_text_with_more_values_than_colours_groups_nothing(project) -> None:
    bring(
        project,
        note={each: f"n{each}" for each in range(MOST_GROUPS + 1)},
        age={each: str(each) for each in range(MOST_GROUPS + 1)},
    )
    note, age = metadata_columns(project, None)
    assert not groupable(note)
    assert groupable(age)


def test_a_facet_of_review_has_a_code_an_image_and_filters(told) -> None:
    board = read_bare_board(told, 1)
    facet = facet_named(MetadataFacet("site").value)
    found = coded(told, 1, board, facet)
    assert found.names == ("no value", "site 2", "site 10")
    assert found.counts().tolist() == [10, 50, 100]
    assert found.within(("site 2",)).sum() == 50
    age = coded(told, 1, board, MetadataFacet("age"))
    assert age.ordered
    assert len(age.names) == 5
    assert facet_named("class") is Facet.CLASS


def test_a_removed_column_colours_nothing(told) -> None:
    board = read_bare_board(told, 1)
    remove_metadata(told, None, "site")
    found = coded(told, 1, board, MetadataFacet("site"))
    assert (found.names, found.codes.any()) == (("no value",), False)


def test_only_what_is_allowed_is_told_with_an_image_to_label(told) -> None:
    assert refill(told, None, count=5).metadata == {}
    assert show_metadata(told, None, "age", shown=True)
    first = refill(told, None, count=5)
    positions = [each.position for each in first.items]
    assert {each: [("age", str(20 + each % 60))] for each in positions} == first.metadata
    again = refill(told, None, have=positions, count=1)
    assert positions[0] in again.metadata  # those in hand are told again
    show_metadata(told, None, "age", shown=False)
    assert refill(told, None, have=positions, count=1).metadata == {}


def test_only_an_admin_shows_or_removes(told) -> None:
    bo = enter(told.workspace, "Bo")
    grant(told, None, "Bo", Role.READER)
    for command in (
        lambda: show_metadata(bo, None, "age", shown=True),
        lambda: remove_metadata(bo, None, "age"),
        lambda: last_metadata(bo, None),
        lambda: undo_metadata(bo, None),
    ):
        with pytest.raises(NotAllowed):
            command()
    with pytest.raises(Refused, match="known: age, site"):
        show_metadata(told, None, "sex", shown=True)
    bo.engine.dispose()
