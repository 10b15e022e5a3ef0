"""Pages whose processes are killed again and again: what they were told is saved is saved, once."""

import json

import deciding
import doomed
import killing
import numpy as np
import pytest
import small_project

from sslapp.usecases.labelling import decisions
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import EventKind

KILLS = 12  # `benchmarks/kills.py` has more


@pytest.fixture(scope="module")
def pages():
    with doomed.Launcher(deciding.__file__) as made:
        yield made


@pytest.mark.slow
def test_no_acknowledged_decision_is_lost_doubled_or_moved(pages, project) -> None:
    rng, tally = np.random.default_rng(31), killing.Tally()
    for _ in range(KILLS):
        killing.kill_page(pages, project, rng, tally)
    killing.check_decisions(project, tally)
    assert not tally.problems
    assert (tally.lost, tally.doubled, tally.moved) == (0, 0, 0)
    assert tally.writers == KILLS
    assert tally.acknowledged > KILLS, "the pages were killed before they had decided anything"
    kinds = {each.kind for each in small_project.log(project)}
    assert {EventKind.LABEL, EventKind.UNSURE, EventKind.FLAG, EventKind.UNDO} <= kinds


def answer(project, *lines) -> None:
    """Write down an answer that no page got."""
    with open(project.workspace.root / deciding.ANSWERS, "a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def test_the_check_would_see_a_lost_a_doubled_and_a_moved_decision(project) -> None:
    page = killing.PAGES[0]
    deciding.decide(project.workspace.root, [(page, "1", "9")])
    killing.check_decisions(project, fine := killing.Tally())
    assert (fine.acknowledged, fine.lost, fine.doubled, fine.moved, fine.problems) == (
        9,
        0,
        0,
        0,
        [],
    )
    last = small_project.log(project)[-1].number
    answer(project, [page, {"10": last + 1}], [page, {"9": last + 1}])
    killing.check_decisions(project, tally := killing.Tally())
    assert (tally.acknowledged, tally.lost, tally.doubled, tally.moved) == (10, 1, 1, 1)
    decisions.label(project, 1, 0, "0", key=f"{page}:30")  # not what the page would send as 30
    killing.check_decisions(project, tally := killing.Tally())
    assert tally.moved == 2
    assert f"{page}: the decisions in the log have gaps." in tally.problems


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_the_check_would_see_a_half_file_under_a_final_name(project, suffix) -> None:
    root = project.workspace.root
    start_round(project, None, method="label-propagation")  # freezes a snapshot, an .npz file
    assert killing.partial_files(root) == []
    path = next(root.rglob(f"*{suffix}"))
    path.write_bytes(path.read_bytes()[:-40])
    assert killing.partial_files(root) == [f"{path.relative_to(root)} is not whole."]
