"""Conformal sets of a round: by hand, and against the plain way on a real one."""

import math

import numpy as np
import pytest
import small_project

from sslapp.rounds.coverage import ROUNDING, Coverage, coverage_of, read_coverages
from sslapp.rounds.predictions import predictions_of
from sslapp.store.database import reading
from sslapp.store.errors import Refused
from sslapp.store.rounds import finished_round
from sslapp.store.state import load_state
from sslapp.usecases.labelling import verdicts
from sslapp.usecases.projects.classes import retire_class
from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.reviewing.bulk_decisions import BulkAction, decide
from sslapp.usecases.reviewing.candidates import propose
from sslapp.usecases.reviewing.queue import Choice, Show, selected
from sslapp.usecases.training.known import read_known
from sslapp.usecases.training.trust import what_lacks, why_no_coverage


@pytest.fixture(scope="module")
def asked_evenly(prepared, tmp_path_factory):
    """A closed workspace whose round was asked about ten labels of each class."""
    root = tmp_path_factory.mktemp("asked-evenly") / "workspace"
    access = small_project.copy(prepared, root)
    small_project.run_a_round_asked_evenly(access)
    access.engine.dispose()
    return root


@pytest.fixture
def asked(open_copy, asked_evenly):
    """Access to a project whose round was asked about ten labels of each class."""
    return open_copy(asked_evenly)


@pytest.mark.parametrize(
    ("share", "needed"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99)]
)
def test_the_labels_that_a_coverage_needs_are_those_with_a_finite_quantile(share, needed) -> None:
    for n in (needed - 1, needed):
        p = np.full((n + 1, 2), 0.5)
        labels = np.array([0] * n + [1])
        found = coverage_of(p, labels, np.array([True, False]), share)
        assert found.needed == needed
        assert found.suffices == (n >= needed)


def test_a_class_alone_in_a_set_by_hand() -> None:
    coverage = Coverage(0.8, np.array([0.5, 0.4, -math.inf]), np.array([9, 9, 0]))
    p = np.array([[0.7, 0.2, 0.1], [0.5, 0.6, 0.0], [0.3, 0.3, 0.4], [0.0, 0.1, 0.9]])
    # sets: {0}; {0, 1}; none; none, for class 2 is retired
    nothing = np.zeros((4, 3), dtype=bool)
    assert coverage.alone(p, nothing, np.array([0, 0, 0, 2])).tolist() == [
        True,
        False,
        False,
        False,
    ]
    assert not coverage.alone(p, nothing, np.array([1, 1, 1, 1])).any(), "alone, but another class"
    ruled_out = nothing.copy()
    ruled_out[1, 1] = True
    alone = coverage.alone(p, ruled_out, np.array([0, 0, 0, 0]))
    assert alone.tolist() == [True, True, False, False]


def test_an_image_that_ties_with_an_answer_is_inside_as_the_answer_is() -> None:
    labels = np.array([0] * 9 + [1] * 9)
    right = np.float32([0.93, 0.07])  # a plateau, on which every answer lies
    p = np.where(labels[:, None] == 0, right, right[::-1])
    coverage = coverage_of(p, labels, np.ones(2, dtype=bool), 0.9)
    rounded = np.nextafter(right, np.float32([0, 1]))[None]
    assert 1 - rounded[0, 0].astype(float) > 1 - p[0, 0].astype(float)
    for image in (right[None], rounded):
        assert coverage.alone(image, np.zeros((1, 2), dtype=bool), np.array([0])).all()
    doubtful = np.float32([[0.92, 0.08]])
    assert not coverage.alone(doubtful, np.zeros((1, 2), dtype=bool), np.array([0])).any()


def test_too_few_labels_of_a_class_are_said_with_their_numbers() -> None:
    quantiles = np.array([0.2, math.inf, math.inf, math.inf, math.inf])
    few = Coverage(0.9, quantiles[:3], np.array([12, 8, 3]))
    assert what_lacks(few, list("abc")) == "needs 9 labels of each class; b has 8, c has 3"
    said = why_no_coverage(few, list("abc"))
    assert said.startswith("A coverage of 90 % needs 9 labels")
    many = Coverage(0.9, quantiles, np.array([12, 8, 3, 7, 8]))
    assert why_no_coverage(many, list("abcde")).endswith("; 4 classes have fewer.")
    assert "asked about no label" in why_no_coverage(None, [])
    assert why_no_coverage(Coverage(0.5, np.array([0.1]), np.array([3])), ["a"]) == ""


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5])
def test_an_impossible_coverage_is_refused(share) -> None:
    with pytest.raises(ValueError, match="coverage"):
        coverage_of(np.full((2, 2), 0.5), np.array([0, 1]), np.ones(2, dtype=bool), share)


@pytest.mark.slow
def test_candidates_of_a_coverage_are_those_with_one_class_left(asked) -> None:
    offered = propose(asked, None, threshold=0.0)
    taken = int(offered.candidates.positions[-1])
    verdicts.reject(asked, None, taken)
    found = propose(asked, None, coverage=0.9)
    everything = propose(asked, None, threshold=0.0).candidates
    with reading(asked.engine) as conn:
        done, state = finished_round(conn, 1), load_state(conn, 1)
    given = done.read_answers(asked.workspace)
    powers = np.exp(given.logits - np.max(given.logits, axis=1, keepdims=True))
    p = powers / powers.sum(axis=1, keepdims=True)
    quantiles = []
    for column in range(10):
        scores = np.sort(1 - p[given.labels == column, column])
        quantiles.append(scores[math.ceil((len(scores) + 1) * 0.9) - 1] + ROUNDING)
    predictions = predictions_of(asked.workspace, done, state)
    expected = []
    for position, column in zip(everything.positions, everything.columns, strict=True):
        may_be = 1 - predictions.raw[position] <= quantiles
        may_be &= ~predictions.forbidden[position]
        if np.flatnonzero(may_be).tolist() == [column]:
            expected.append(position)
    assert found.candidates.positions.tolist() == expected
    assert 0 < len(expected) < len(everything)


@pytest.mark.slow
def test_too_few_labels_refuse_rather_than_propose_nothing(asked, reviewed) -> None:
    with pytest.raises(Refused, match="A coverage of 95 % needs 19 labels of each class; 10"):
        propose(asked, None, coverage=0.95)
    board = read_board(reviewed, 1)
    assert board.coverages == ()
    assert board.why_no_coverage.startswith("A coverage of 80 % needs 4 labels of each class")


@pytest.mark.slow
def test_the_board_and_the_train_page_count_what_the_command_line_lists(asked) -> None:
    board = read_board(asked, 1)
    known = read_known(asked, 1)
    assert [each.share for each in board.coverages] == [0.8, 0.9]
    assert [each.share for each in known.covered] == [0.8, 0.9, 0.95]
    for share, covered in zip((0.8, 0.9), known.covered, strict=False):
        choice = Choice(coverage=share)
        plain = propose(asked, None, coverage=share).candidates
        assert selected(board, choice).positions.tolist() == plain.positions.tolist()
        rest = selected(board, Choice(coverage=share, show=Show.REST))
        both = [*plain.positions, *rest.positions]
        assert sorted(both) == sorted(board.proposals.positions)
        assert covered.count == len(plain)
        assert covered.why_not == ""
    assert known.covered[2].count is None
    assert known.covered[2].why_not.startswith("needs 19 labels")
    assert Choice(coverage=0.8).digest(board) != Choice(coverage=0.9).digest(board)


@pytest.mark.slow
def test_what_is_accepted_at_a_coverage_is_recorded_with_it(asked) -> None:
    board = read_board(asked, 1)
    choice = Choice(coverage=0.9)
    found = selected(board, choice).positions
    about = {"choice": choice, "seen": board, "now": board, "unproven": True}
    done = decide(asked, 1, found, BulkAction.ACCEPT, **about)
    assert done.images == len(found)
    assert done.event.payload["coverage"] == 0.9
    assert "threshold" not in done.event.payload


@pytest.mark.slow
def test_a_retired_class_needs_no_labels_and_is_in_no_set(asked) -> None:
    retire_class(asked, 1, "3")
    with reading(asked.engine) as conn:
        done, state = finished_round(conn, 1), load_state(conn, 1)
    in_use = np.isin(done.class_ids, state.class_ids)
    (coverage,) = read_coverages(asked.workspace, done, in_use, [0.9])
    assert coverage.suffices
    assert not coverage.alone(np.eye(10), np.zeros((10, 10), bool), np.arange(10))[3]
