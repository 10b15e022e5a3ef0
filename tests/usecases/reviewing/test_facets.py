"""What the images of a board differ by, and which of them a filter leaves in."""

from dataclasses import replace

import numpy as np
import pytest
import small_project

from sslapp.store.database import reading
from sslapp.store.images import names_and_hashes
from sslapp.store.labels import Givers
from sslapp.store.log import events
from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.reviewing.facets import DAYS, Facet, coded, of_time
from sslapp.usecases.reviewing.queue import Choice, positions
from sslapp.vocabulary import EventKind, Source


@pytest.fixture(scope="module")
def seen(with_round, tmp_path_factory):
    """A project with a finished round, which is only read here, and its board."""
    access = small_project.copy(with_round, tmp_path_factory.mktemp("facets") / "workspace")
    yield access, read_board(access, 1)
    access.engine.dispose()


@pytest.mark.parametrize("facet", Facet)
def test_every_image_has_a_code_with_a_name(seen, facet) -> None:
    access, board = seen
    found = coded(access, 1, board, facet)
    assert len(found.codes) == len(board)
    assert found.codes.min() >= 0
    assert found.codes.max() < len(found.names)
    assert found.counts().sum() == len(board)


def test_what_measures_is_told_apart_and_never_by_a_prediction(seen) -> None:
    access, board = seen
    measured = coded(access, 1, board, Facet.MEASURED)
    assert (measured.codes > 0).tolist() == board.blind.tolist()
    for facet in (Facet.CLASS, Facet.CONFIDENCE, Facet.CORRECT):
        codes = coded(access, 1, board, facet).codes
        assert not codes[board.blind & (board.labels < 0)].any()
    assert not coded(access, 1, board, Facet.CORRECT).codes[board.blind].any()


def test_correct_is_what_experts_said(seen) -> None:
    access, board = seen
    found = coded(access, 1, board, Facet.CORRECT)
    experts = np.flatnonzero(board.expert & ~board.blind)
    for image in experts.tolist():
        same = board.labels[image] == board.predicted[image]
        assert found.names[found.codes[image]] == (
            "as experts say" if same else "otherwise than experts say"
        )
    assert np.count_nonzero(found.codes) == len(experts)


def test_reader_and_day_are_those_of_the_log(seen) -> None:
    access, board = seen
    by_reader = coded(access, 1, board, Facet.READER)
    by_day = coded(access, 1, board, Facet.TIME)
    with reading(access.engine) as conn:
        labels = [each for each in events.read(conn, 1) if each.kind == EventKind.LABEL]
    for each in labels:
        assert by_reader.names[by_reader.codes[each.position]] == access.reader
        assert by_day.names[by_day.codes[each.position]] == each.at.strftime("%Y-%m-%d")
    labelled = (board.source != Source.NONE).sum()
    assert np.count_nonzero(by_reader.codes) == np.count_nonzero(by_day.codes) == labelled


def test_days_before_the_newest_are_one() -> None:
    first = np.datetime64("2026-01-01")
    days = np.array([first + each for each in range(DAYS + 3)] + [np.datetime64("NaT")])
    found = of_time(Givers(np.zeros(len(days), np.int16), (), days))
    assert found.names[1] == f"before {first + 3}"
    assert found.codes.tolist() == [1, 1, 1, *range(2, DAYS + 2), 0]


def test_a_filter_narrows_what_is_selected_and_is_recorded(seen) -> None:
    access, board = seen
    every = Choice(threshold=0.0)
    name = board.classes[board.predicted[board.proposals.positions[0]]].name
    choice = replace(every, facet=Facet.CLASS, only=(name,))
    column = [each.name for each in board.classes].index(name)
    expected = board.proposals.positions[board.proposals.columns == column]
    assert positions(access, 1, board, choice).tolist() == expected.tolist()
    assert 0 < len(expected) < len(positions(access, 1, board, every))
    assert choice.payload(board)["filter"] == {"by": "class", "only": [name]}
    assert "filter" not in every.payload(board)
    assert choice.is_narrow
    assert choice.digest(board) != every.digest(board)


def test_images_are_found_by_a_part_of_their_names(seen) -> None:
    access, board = seen
    with reading(access.engine) as conn:
        names, _ = names_and_hashes(conn, 1)
    found = positions(access, 1, board, Choice(name="7"))
    assert found.tolist() == [
        each for each in sorted(board.proposals.positions.tolist()) if "7" in names[each]
    ]
    assert len(positions(access, 1, board, Choice(name="%"))) == 0
