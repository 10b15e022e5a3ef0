"""The board tells what the command line does, and tells nothing blind."""

import dataclasses

import numpy as np
import pytest
import small_project
from hypothesis import given, settings
from hypothesis import strategies as st

from sslapp.review.candidates import Candidates, Thresholds, candidates, threshold_curve
from sslapp.review.proposals import Proposals, by_doubt
from sslapp.review.selection import inside
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.label_classes import ClassRow, classes
from sslapp.store.rounds import change_round, finished_round, forbidden_now
from sslapp.store.state import load_state, withheld
from sslapp.training.calibration.scaling import Temperature
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.comparing.rounds import numbers_and_methods
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.projects.classes import add_class, retire_class
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.usecases.reviewing.board import (
    Board,
    board_key,
    flipped,
    previous_columns,
    read_board,
)
from sslapp.usecases.reviewing.candidates import propose
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import Source, Space

SQUARE = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))


def class_names(access) -> dict[int, str]:
    with reading(access.engine) as conn:
        return {row.id: row.name for row in classes(conn, 1, retired=True)}


def same(found: Candidates, other: Candidates) -> None:
    np.testing.assert_array_equal(found.positions, other.positions)
    np.testing.assert_array_equal(found.columns, other.columns)
    np.testing.assert_array_equal(found.confidence, other.confidence)


def by_hand(access, thresholds: Thresholds) -> Candidates:
    """The newest round's candidates by the rule that `review.candidates` states."""
    with reading(access.engine) as conn:
        found, state = finished_round(conn, 1), load_state(conn, 1)
        kept_back = withheld(conn, 1, found.id)
    smooth = Temperature(found.temperature).apply(found.read_probabilities(access.workspace))
    forbidden = forbidden_now(state, found.class_ids, len(smooth))
    covered = state.pool[state.pool < len(smooth)]
    return candidates(smooth, covered, thresholds, forbidden, kept_back)


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.95, 1.0])
def test_candidates_are_those_that_the_command_line_proposes(reviewed, threshold) -> None:
    board = read_board(reviewed, 1)
    same(board.candidates(threshold), propose(reviewed, None, threshold=threshold).candidates)
    same(board.candidates(threshold), by_hand(reviewed, threshold))


def test_a_class_of_its_own_threshold(reviewed) -> None:
    board = read_board(reviewed, 1)
    chosen = board.classes[3]
    limits = board.limits(0.5, {chosen.id: 0.99})
    plain = propose(reviewed, None, threshold=0.5, per_class={chosen.name: 0.99})
    same(board.candidates(limits), plain.candidates)
    same(board.candidates(limits), by_hand(reviewed, limits))
    rest = board.rest(limits)
    assert set(rest.positions) | set(board.candidates(limits).positions) == set(
        board.proposals.positions
    )
    assert not set(rest.positions) & set(board.candidates(limits).positions)


def test_decisions_change_the_board_as_they_change_the_candidates(reviewed) -> None:
    board = read_board(reviewed, 1)
    key = board_key(reviewed, 1)
    names = class_names(reviewed)
    first, second, third, fourth = board.proposals.positions[:4].tolist()
    verdicts.reject(reviewed, None, first)
    bulk_decisions.withhold(reviewed, None, [second])
    bulk_decisions.bulk_accept(reviewed, None, np.array([third]), unproven=True)
    decisions.label(reviewed, None, fourth, names[board.classes[0].id])
    now = read_board(reviewed, 1)
    same(now.candidates(0.0), propose(reviewed, None, threshold=0.0).candidates)
    same(now.candidates(0.0), by_hand(reviewed, 0.0))
    assert now.predicted[first] != board.predicted[first]
    assert not set(now.proposals.positions) & {second, third, fourth}
    assert now.withheld.tolist() == [second]
    assert now.source[[third, fourth]].tolist() == [Source.ACCEPTED, Source.EXPERT]
    assert now.labels[fourth] == 0
    assert now.expert[fourth] and not now.expert[third]
    assert board_key(reviewed, 1) != key
    assert now.event_number == board_key(reviewed, 1).event_number > board.event_number


def test_what_measures_carries_no_prediction(reviewed) -> None:
    board = read_board(reviewed, 1)
    blind = np.flatnonzero(board.blind)
    assert len(blind) == small_project.TEST + small_project.LABELLED // 6
    assert (board.predicted[blind] == -1).all()
    assert (board.confidence[blind] == 0).all()
    assert not np.isin(board.proposals.positions, blind).any()
    seen = np.flatnonzero(~board.blind)
    assert (board.predicted[seen] >= 0).all()
    # labelled images show what the round thinks of them
    assert (board.labels[seen] >= 0).any()


def test_what_measures_is_on_no_map_of_the_rounds_own_model(reviewed) -> None:
    board = read_board(reviewed, 1)
    assert board.space is Space.ROUND
    np.testing.assert_array_equal(board.drawn, ~board.blind)
    everywhere = [((-9.0, -9.0), (9.0, -9.0), (9.0, 9.0), (-9.0, 9.0))]
    np.testing.assert_array_equal(board.inside(everywhere), ~board.blind)
    small_project.draw_holdout(reviewed, 100)
    assert not read_board(reviewed, 1).drawn[100], "drawn since"
    encoders = read_board(reviewed, 1, space=Space.ENCODER)
    assert encoders.drawn.all() and encoders.encoder == "pixels"
    assert not np.array_equal(encoders.xy[~board.blind], board.xy[~board.blind])
    keys = [board_key(reviewed, 1, 1, space) for space in (None, *Space)]
    assert keys[0] == keys[1] != keys[2]


def test_a_round_of_an_earlier_version_goes_on_with_the_encoders_map(reviewed) -> None:
    with writing(reviewed.engine) as conn:
        gone = dict.fromkeys(("features", "pca", "projection"))
        change_round(conn, 1, gone)
    board = read_board(reviewed, 1)
    assert (board.space, board.encoder) == (Space.ENCODER, "pixels")
    with pytest.raises(Refused, match="no features of its own"):
        read_board(reviewed, 1, space=Space.ROUND)


def test_a_class_list_that_changed_since_the_round(reviewed) -> None:
    before = read_board(reviewed, 1)
    gone = before.classes[int(before.proposals.columns[-1])]
    retire_class(reviewed, None, gone.name)
    add_class(reviewed, None, "new")
    board = read_board(reviewed, 1)
    same(board.candidates(0.0), propose(reviewed, None, threshold=0.0).candidates)
    assert board.known == before.known == 10
    assert [each.name for each in board.classes[board.known :]] == ["new"]
    column = before.classes.index(gone)
    assert board.classes[column].retired
    assert not (board.predicted == column).any()
    decisions.label(reviewed, None, int(board.proposals.positions[0]), "new")
    now = read_board(reviewed, 1)
    assert now.labels[board.proposals.positions[0]] == board.known
    assert not (now.labels == column).any()


def test_the_previous_round_and_what_flipped_since(reviewed) -> None:
    assert previous_columns(reviewed, 1, read_board(reviewed, 1)) is None
    options = {**small_project.TINY_SUPERVISED, "steps": 5}
    start_round(reviewed, None, method="supervised", config=options, seed=1)
    small_project.run_jobs(reviewed)
    board = read_board(reviewed, 1)
    first, _ = small_project.published(reviewed, 1)
    second, _ = small_project.published(reviewed, 2)
    before = previous_columns(reviewed, 1, board)
    seen = ~board.blind
    np.testing.assert_array_equal(before[seen], first.argmax(axis=1)[seen])
    assert (before[board.blind] == -1).all()
    changed = (first.argmax(axis=1) != second.argmax(axis=1)) & seen
    np.testing.assert_array_equal(flipped(board, before), changed)
    assert changed.any()
    assert [number for number, _ in numbers_and_methods(reviewed, 1)] == [2, 1]
    assert read_board(reviewed, 1, 1).round_number == 1


def test_without_a_round_there_is_no_board(project) -> None:
    assert board_key(project, 1) is None
    assert numbers_and_methods(project, 1) == []
    with pytest.raises(ValueError, match="No round has finished"):
        read_board(project, 1)
    start_round(project, None, method="supervised")
    with pytest.raises(ValueError, match="Round 1 has not finished"):
        read_board(project, 1, 1)


def test_a_stranger_reads_nothing(reviewed) -> None:
    eve = enter(reviewed.workspace, "Eve")
    for read in (board_key, read_board, numbers_and_methods):
        with pytest.raises(NotAllowed):
            read(eve, 1)
    with pytest.raises(NotAllowed):
        previous_columns(eve, 1, read_board(reviewed, 1))
    eve.engine.dispose()


def test_sessions_cannot_write_into_the_board_they_share(reviewed) -> None:
    board = read_board(reviewed, 1)
    arrays = (board.xy, board.predicted, board.confidence, board.labels, board.source, board.blind)
    found = board.proposals
    others = (board.forbidden, board.withheld)
    for array in (*arrays, *others, found.positions, found.columns, found.confidence):
        with pytest.raises(ValueError, match="read-only"):
            array[:1] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        board.round_id = 3


@st.composite
def boards(draw) -> Board:
    count, known = draw(st.integers(0, 80)), draw(st.integers(2, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    confidence = np.round(random.uniform(0.2, 1, count), 2).astype(np.float32)
    columns = random.integers(0, known, count).astype(np.int16)
    found = by_doubt(Proposals(columns, confidence), random.random(count) < 0.7)
    mapped = draw(st.integers(0, count))
    return Board(
        event_number=1,
        round_id=1,
        round_number=1,
        classes=tuple(
            ClassRow(10 + c, c, f"class {c}", "#0072B2", "", False) for c in range(known)
        ),
        known=known,
        encoder="pixels",
        xy=random.uniform(-1, 1, (mapped, 2)).astype(np.float32),
        predicted=columns,
        confidence=confidence,
        members=None,
        forbidden=np.zeros((count, known), bool),
        doubts="",
        labels=np.full(count, -1, np.int16),
        source=np.zeros(count, np.uint8),
        blind=np.zeros(count, bool),
        withheld=np.zeros(0, np.int64),
        proposals=found,
    )


LIMIT = st.integers(0, 100).map(lambda percent: percent / 100)


@settings(max_examples=80, deadline=None)
@given(boards(), st.lists(LIMIT, min_size=5, max_size=5))
def test_thresholds_by_brute_force(board: Board, own: list[float]) -> None:
    limits = np.array(own[: board.known], dtype=np.float32)
    found = board.candidates(limits)
    whole = board.proposals
    expected = [
        position
        for position, column, sure in zip(
            whole.positions, whole.columns, whole.confidence, strict=True
        )
        if sure >= limits[column]
    ]
    assert found.positions.tolist() == expected
    flat = board.candidates(np.full(board.known, own[0]))
    same(flat, board.candidates(own[0]))


@settings(max_examples=80, deadline=None)
@given(boards(), st.lists(LIMIT, unique=True, max_size=6))
def test_the_curve_is_that_of_the_plain_way(board: Board, grid: list[float]) -> None:
    probabilities = np.zeros((len(board), board.known), np.float32)
    rows = board.proposals.positions
    probabilities[rows, board.proposals.columns] = board.proposals.confidence
    other = (board.proposals.columns + 1) % board.known
    probabilities[rows, other] = 1 - board.proposals.confidence
    steps = np.sort(np.array(grid, dtype=np.float32))
    found = board.curve(steps)
    for row, threshold in enumerate(steps):
        there = board.candidates(threshold)
        assert found.counts[row] == len(there)
        assert (
            found.by_class[row].tolist()
            == np.bincount(there.columns, minlength=board.known).tolist()
        )
        assert found.coverage[row] == len(there) / max(1, len(rows))
    forbidden = np.zeros_like(probabilities, dtype=bool)
    sure = board.proposals.confidence > 0.5  # elsewhere the other class would be the best
    plain = threshold_curve(
        probabilities, rows[sure], steps, forbidden, np.zeros(0, dtype=np.int64)
    )
    high = steps > 0.5
    np.testing.assert_array_equal(found.by_class[high], plain.by_class[high])


@settings(max_examples=50, deadline=None)
@given(boards())
def test_several_polygons_hold_what_any_of_them_holds(board: Board) -> None:
    other = ((0.2, 0.2), (0.9, 0.2), (0.9, 0.9))
    mask = board.inside([SQUARE, other])
    mapped = len(board.xy)
    either = inside(np.array(SQUARE), board.xy) | inside(np.array(other), board.xy)
    np.testing.assert_array_equal(mask[:mapped], either)
    assert not mask[mapped:].any()
    assert not board.inside([]).any()
    chosen = board.proposals.among(mask[board.proposals.positions])
    assert chosen.positions.tolist() == [
        each for each in board.proposals.positions.tolist() if mask[each]
    ]


def test_thresholds_of_another_number_of_classes_are_refused(reviewed) -> None:
    with pytest.raises(ValueError, match="thresholds"):
        read_board(reviewed, 1).candidates(np.array([0.5, 0.6], np.float32))
