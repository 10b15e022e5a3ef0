"""A list of predictions becomes a round like any other, but for what nobody trained."""

import numpy as np
import pytest
import small_project

from sslapp.jobs import queue
from sslapp.rounds.predictions import NO_CLASS, predictions_of
from sslapp.store.database import reading
from sslapp.store.errors import Refused
from sslapp.store.images import names_and_hashes
from sslapp.store.rounds import finished_round
from sslapp.store.state import load_state
from sslapp.usecases.comparing.comparison import Measure, read_comparison
from sslapp.usecases.exporting.models import export_model
from sslapp.usecases.labelling import decisions
from sslapp.usecases.labelling.lists import ListChoice, ListUse, import_as, plan_as
from sslapp.usecases.maintenance.verification import verify_workspace
from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.reviewing.bulk_decisions import bulk_accept
from sslapp.usecases.reviewing.candidates import propose
from sslapp.usecases.training.history import detail
from sslapp.usecases.training.options import CARDS, method_titles
from sslapp.usecases.training.rounds import round_status, start_round
from sslapp.vocabulary import EventKind, JobState

PROPOSALS = ListChoice(use=ListUse.PROPOSALS)
NAMED = [3, 5, *range(50, 60), *range(120, 130)]
"""Of these 3 is labelled, 5 of the holdout, ten of the pool and ten of the test split."""


def write(access, path, rows) -> tuple:
    """A list of (position, class, confidence) as `plan_as` and `import_as` take it."""
    with reading(access.engine) as conn:
        names = names_and_hashes(conn, 1)[0]
    lines = [f"{names[at]},{name},{sure}" for at, name, sure in rows]
    path.write_text("\n".join(["file_name,prediction,confidence", *lines]))
    return path, path.name, PROPOSALS


@pytest.fixture
def listed(project, tmp_path):
    """A list that is right about ten of the pool, but for one, and of doubt about another."""
    truth = small_project.true_columns(project)
    rows = [(at, str(truth[at]), 0.97) for at in NAMED]
    rows[2] = (50, str((truth[50] + 1) % 10), 0.99)
    rows[3] = (51, str(truth[51]), 0.6)
    rows[4] = (52, str(truth[52]), 0.1)
    return write(project, tmp_path / "theirs.csv", rows)


def import_round(access, listed) -> int:
    saved = import_as(access, None, *listed)
    row = small_project.finish(access, saved.job_id)
    assert row["state"] == JobState.DONE, row["error"]
    return saved.number


def test_a_plan_counts_and_changes_nothing(project, listed) -> None:
    before = len(small_project.log(project))
    plan = plan_as(project, None, *listed)
    assert (plan.images, plan.pool, plan.sure, plan.silent, plan.holdout) == (22, 9, 8, 1, 1)
    assert plan.words()[0] == (
        "A round of proposals for 22 images, 9 of them in the pool; 8 of these with a confidence "
        "of 0.95 and more."
    )
    assert "it names 1 labelled image of the holdout, and 30" in plan.words()[2]
    assert len(small_project.log(project)) == before


def test_it_proposes_what_the_list_names_in_the_pool_and_nothing_else(project, listed) -> None:
    number = import_round(project, listed)
    with reading(project.engine) as conn:
        found, state = finished_round(conn, 1), load_state(conn, 1)
    assert (found.number, found.method, found.gear) == (number, "imported-predictions", "list")
    assert (found.temperature, found.is_calibrated, found.proposes) == (1.0, False, True)
    raw = found.read_probabilities(project.workspace)
    assert (raw.shape, raw.dtype) == ((160, 10), np.float32)
    assert raw.sum(axis=1) == pytest.approx(np.ones(160), abs=1e-6)
    said = predictions_of(project.workspace, found, state).proposed
    assert [*np.flatnonzero(said != NO_CLASS)] == [each for each in NAMED if each != 52]
    sure = propose(project, None, threshold=0.95)
    assert sorted(sure.candidates.positions.tolist()) == [50, *range(53, 60)]
    assert "only as sure as its list says" in sure.doubts
    assert len(propose(project, None, threshold=0).candidates) == 9
    board = read_board(project, 1)
    assert board.predicted[60] == -1 and board.predicted[53] >= 0
    assert small_project.damage(project) is None


def test_it_is_decided_on_compared_and_told_like_any_other(project, listed) -> None:
    start_round(project, None, method="prototypes")
    number = import_round(project, listed)
    bulk = bulk_accept(project, None, np.array([53, 54]), round_number=number, unproven=True)
    truth = small_project.true_columns(project)
    with reading(project.engine) as conn:
        assert load_state(conn, 1).labels[[53, 54]].tolist() == truth[[53, 54]].tolist()
    assert bulk.kind is EventKind.BULK_ACCEPT
    found = read_comparison(project, 1, [1, number])
    # of the test split and the holdout only those that the list names are judged
    assert found.of(number).score(Measure.TEST).__dict__ == {"right": 10, "judged": 10}
    assert found.of(number).score(Measure.HOLDOUT).judged == 1
    assert {*found.common(1, number).tolist()} == {*NAMED} - {52}
    assert 50 in found.flips(1, number)
    assert 60 not in found.flips(1, number)
    told = detail(project, 1, number)
    assert told.listed.startswith("theirs.csv, 22 images, sha256 ")
    assert method_titles()[told.method] == "Imported predictions" and told.method not in CARDS
    with pytest.raises(ValueError, match='There is no method "imported-predictions"'):
        start_round(project, None, method="imported-predictions")
    with pytest.raises(Refused, match="a list of predictions and has no model"):
        export_model(project, None, number)


def test_the_holdout_calibrates_it_where_the_list_names_enough_of_its_labels(
    project, tmp_path
) -> None:
    truth = small_project.true_columns(project)
    for at in range(60, 90):
        small_project.draw_holdout(project, at)
        decisions.label(project, None, at, str(truth[at]))
    wrong = {60, 64, 68, 72, 76, 80, 84}
    rows = [(at, str((truth[at] + (at in wrong)) % 10), 0.99) for at in range(50, 90)]
    import_round(project, write(project, tmp_path / "sure.csv", rows))
    with reading(project.engine) as conn:
        found = finished_round(conn, 1)
    assert (found.metrics["calibrated_on"], found.metrics["calibrated_count"]) == ("holdout", 30)
    assert found.metrics["holdout_accuracy"] == pytest.approx(23 / 30)
    assert found.temperature > 1.5  # 99 % were claimed and 77 % are right
    confidence = propose(project, None, threshold=0).candidates.confidence
    assert confidence.max() < 0.9


def test_it_ends_the_same_after_a_kill_and_refuses_another_array(project, listed) -> None:
    saved = import_as(project, None, *listed)
    held = queue.claim(project.engine, 1)
    assert held is not None and held.job_id == saved.job_id  # and its worker dies
    small_project.run_jobs(project)
    with reading(project.engine) as conn:
        first = finished_round(conn, 1)
    again = import_round(project, listed)
    with reading(project.engine) as conn:
        second = finished_round(conn, 1, again)
    one, other = (project.workspace.path(each.probabilities) for each in (first, second))
    assert "attempt-2" in str(one) and one.read_bytes() == other.read_bytes()
    third = import_as(project, None, *listed)
    path = project.workspace.path(round_status(project, None)["plan"]["list"]["path"])
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0")
    row = small_project.finish(project, third.job_id)
    assert row["state"] == JobState.FAILED
    assert "what theirs.csv says. Import the list again" in row["error"]


def test_a_backup_holds_all_of_it(project, listed) -> None:
    import_round(project, listed)
    found = verify_workspace(project.workspace)
    assert found.ok, found.every_problem
    assert not [each for each in found.leftovers if ".npy" in each]


def test_what_is_wrong_makes_no_round(project, tmp_path) -> None:
    bad = write(project, tmp_path / "bad.csv", [(50, "3", "0.9"), (51, "3", "90 %")])
    plan = plan_as(project, None, *bad)
    assert plan.refused
    assert plan.words()[:2] == [
        "No round would be made.",
        "1 line whose probability cannot be read.",
    ]
    with pytest.raises(ValueError, match=r"No round was saved.\nbad.csv line 3: "):
        import_as(project, None, *bad)
    with reading(project.engine) as conn, pytest.raises(Refused):
        finished_round(conn, 1)
