"""What was found as a selection: what a job lists of a real project, and what of it stays open."""

import numpy as np
import pytest
import small_project

from sslapp import durable
from sslapp.review.findings.found import Found, rows_of
from sslapp.store.database import reading
from sslapp.store.errors import Refused
from sslapp.store.log.sight import is_blind
from sslapp.store.state import load_state
from sslapp.usecases.jobs import job_status
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.reviewing.findings import newest_search, queued
from sslapp.usecases.reviewing.queue import Choice, positions
from sslapp.usecases.reviewing.searching import start_search
from sslapp.vocabulary import Finding, Source

WRONG = (6, 20)


def found_by_job(access, finding, **options):
    job_id = start_search(access, None, finding, **options)
    row = small_project.finish(access, job_id)
    assert row["state"] == "done", row["error"]
    return row["result"]


def plant(access, finding, found: Found) -> None:
    """Have a search end with these rows."""
    result = found_by_job(access, finding)
    durable.write_array(access.workspace.path(result["found"]), found.table())


def of(access, finding, round_number=None, **options):
    return queued(access, 1, read_board(access, 1, round_number), finding, **options)


@pytest.fixture
def mistaken(reviewed):
    """Two of the labels are wrong."""
    truth = small_project.true_columns(reviewed)
    for position in WRONG:
        decisions.label(reviewed, None, position, str((truth[position] + 5) % 10))
    return reviewed


def test_wrong_labels_come_first_with_what_the_model_says(mistaken) -> None:
    truth = small_project.true_columns(mistaken)
    assert of(mistaken, Finding.SUSPICIOUS).missing == "This was not looked for yet."
    assert newest_search(mistaken, 1, Finding.SUSPICIOUS) is None
    result = found_by_job(mistaken, Finding.SUSPICIOUS)
    found = of(mistaken, Finding.SUSPICIOUS)
    assert result["images"] == len(found)
    assert set(WRONG) <= set(found.positions[:8].tolist())
    assert found.questioned.all()
    with reading(mistaken.engine) as conn:
        state = load_state(conn, 1)
    assert not (state.holdout | state.is_test)[found.positions].any()
    assert (state.labels[found.positions] >= 0).all()
    why, questioned = found.about(np.array(WRONG))[WRONG[0]]
    assert questioned
    assert why.startswith(f"Said {(truth[WRONG[0]] + 5) % 10}, model says ")


def test_a_label_that_is_kept_or_changed_is_in_question_no_more_until_that_is_undone(
    mistaken,
) -> None:
    found_by_job(mistaken, Finding.SUSPICIOUS)
    before = of(mistaken, Finding.SUSPICIOUS).positions.tolist()
    kept, changed = WRONG
    own = small_project.true_columns(mistaken)
    made = verdicts.relabel(mistaken, None, kept, str((own[kept] + 5) % 10))
    assert not is_blind(made.kind, made.payload), "the suspicion was in sight"
    made = verdicts.relabel(mistaken, None, changed, str(own[changed]))
    found = of(mistaken, Finding.SUSPICIOUS)
    assert found.positions.tolist() == [each for each in before if each not in WRONG]
    decisions.undo(mistaken, None, made.number)
    assert changed in of(mistaken, Finding.SUSPICIOUS).positions


def test_accepted_labels_are_suspected_too_and_called_so(mistaken) -> None:
    truth = small_project.true_columns(mistaken)
    wrong = next(each for each in range(60, 120) if truth[each] == 0)
    bulk_decisions.bulk_relabel(mistaken, None, [wrong], "7")
    found_by_job(mistaken, Finding.SUSPICIOUS)
    board = read_board(mistaken, 1)
    assert board.source[wrong] == Source.ACCEPTED
    found = of(mistaken, Finding.SUSPICIOUS)
    why, _ = found.about(np.array([wrong]))[wrong]
    assert why.startswith("Accepted as 7, model says ")


def test_the_selection_is_what_was_found_and_is_kept_with_a_decision(mistaken) -> None:
    found_by_job(mistaken, Finding.SUSPICIOUS)
    board = read_board(mistaken, 1)
    choice = Choice(finding=Finding.SUSPICIOUS)
    listed = of(mistaken, Finding.SUSPICIOUS).positions
    assert np.array_equal(positions(mistaken, 1, board, choice), listed)
    assert not choice.is_all_candidates
    assert choice.payload(board) == {"round": 1, "finding": "suspicious"}
    pointed = Choice(finding=Finding.SUSPICIOUS, image=int(board.proposals.positions[0]))
    assert len(positions(mistaken, 1, board, pointed)) == 1
    with pytest.raises(ValueError, match="has a label"):
        bulk_decisions.bulk_accept(mistaken, None, listed, unproven=True)


def test_near_duplicates_put_contradictions_first_and_tell_no_class_of_what_measures(
    reviewed,
) -> None:
    """Positions 0-39 are labelled, every sixth of them for the holdout; from 120 on is the test."""
    truth = small_project.true_columns(reviewed)
    apart = next(each for each in (7, 8, 9) if truth[each] != truth[6])
    pairs = [(60, 61), (5, 62), (63, 130), (6, apart), (64, 0)]
    groups = np.repeat(np.arange(len(pairs)), 2)
    where = np.array(pairs).ravel()
    others = np.array(pairs)[:, ::-1].ravel()
    bits = np.zeros(len(where), dtype=np.float32)
    plant(reviewed, Finding.DUPLICATES, rows_of(where, bits, others=others, groups=groups))
    found = of(reviewed, Finding.DUPLICATES)
    assert found.positions.tolist() == [6, apart, 5, 62, 63, 130, 60, 61, 64, 0]
    assert found.questioned.tolist() == [True, True] + [False] * 8
    said = {each: why for each, (why, _) in found.about(where).items()}
    assert said[6] == f"Same as {apart}, labelled {truth[apart]}"
    assert (said[5], said[62]) == (
        "Same as 62, which does not measure",
        "Same as 5, which measures",
    )
    assert said[130] == "Same as 63, which does not measure"
    assert said[60] == "Same as 61"
    assert said[64] == f"Same as 0, labelled {truth[0]}"
    verdicts.relabel(reviewed, None, 6, str(truth[apart]))
    after = of(reviewed, Finding.DUPLICATES)
    assert after.positions[:4].tolist() == [5, 62, 63, 130], "nothing contradicts any more"
    assert not after.questioned.any()


def test_outliers_are_open_images_far_from_every_label(reviewed) -> None:
    result = found_by_job(reviewed, Finding.OUTLIERS)
    found = of(reviewed, Finding.OUTLIERS)
    board = read_board(reviewed, 1)
    assert result["images"] == len(found) == 50
    assert np.isin(found.positions, board.proposals.positions).all()
    first = int(found.positions[0])
    assert found.about(found.positions[:1])[first][0].startswith("Far from every label: ")
    bulk_decisions.bulk_accept(reviewed, None, found.positions[:1], unproven=True)
    assert first not in of(reviewed, Finding.OUTLIERS).positions


def test_rounds_disagree_where_their_classes_differ(open_copy, with_two_rounds) -> None:
    two_rounds = open_copy(with_two_rounds)
    board = read_board(two_rounds, 1, 2)
    found = queued(two_rounds, 1, board, Finding.DISAGREE)
    raw, _ = small_project.published(two_rounds, 1)
    rows = board.proposals.positions
    expected = rows[raw[rows].argmax(axis=1) != board.predicted[rows]]
    assert sorted(found.positions) == sorted(expected)
    assert len(expected)
    first = int(found.positions[0])
    named = board.classes[int(raw[first].argmax())].name
    assert found.about(found.positions)[first][0].startswith(f"Round 1 says {named} .")
    back = queued(two_rounds, 1, read_board(two_rounds, 1, 1), Finding.DISAGREE, 2)
    assert sorted(back.positions) == sorted(expected)
    alone = queued(two_rounds, 1, read_board(two_rounds, 1, 1), Finding.DISAGREE)
    assert "no other round" in alone.missing


def test_what_cannot_be_looked_for_says_what_is_missing(project) -> None:
    job_id = start_search(project, None, Finding.SUSPICIOUS)
    with pytest.raises(Refused, match="already"):
        start_search(project, None, Finding.SUSPICIOUS)
    small_project.finish(project, job_id)
    assert job_status(project, job_id)["result"]["images"] >= 0, "no round is needed"
    with pytest.raises(Refused, match="without a search"):
        start_search(project, None, Finding.DISAGREE)
