"""`sslapp round known`: the sentences and figures of the Train page on the command line."""

import pytest
import small_project
from sqlalchemy import select, update

from sslapp.store.database import writing
from sslapp.store.schema import job
from sslapp.usecases.training.known import read_known
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import JobKind


def test_what_is_known_is_told_as_the_page_tells_it(reviewed, ask, command) -> None:
    root = reviewed.workspace.root
    known = read_known(reviewed, 1, 1)
    said = ask(root, "round", "known")
    assert (said["round"], said["right"], said["n"]) == (1, known.right.sum(), len(known.right))
    assert said["sentences"] == known.sentences()
    assert said["classes"] == [each.row() for each in known.by_class()]
    at, count = known.proposals[0]
    assert said["proposals"][0] == {"threshold": at, "count": count}
    words = command(root, "round", "known", 1).stdout
    assert known.sentences()[0] in words
    for each in known.by_class():
        assert any(
            line.split()[:3] == [each.name, str(each.right), str(each.judged)]
            for line in words.splitlines()
        )


@pytest.mark.slow
def test_a_round_that_was_held_against_nothing_says_so(project, ask, command) -> None:
    config = {**small_project.TINY_SUPERVISED, "calibration_trainings": "none"}
    start_round(project, None, method="supervised", config=config)
    small_project.run_jobs(project)
    root = project.workspace.root
    assert ask(root, "round", "known") is None
    assert "held against no label" in command(root, "round", "known").stdout


def test_a_round_that_has_not_finished_is_refused(reviewed, refusal) -> None:
    assert "Round 7 has not finished" in refusal(reviewed.workspace.root, "round", "known", 7)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"calibrated": False}, "It is uncalibrated and proposes nothing."),
        (
            {"collapse": {"share": 0.985, "contradicted": True}},
            "98.5 % of the pool one class, the holdout contradicts that, and it proposes nothing.",
        ),
        ({"collapse": {"share": 0.985, "contradicted": False}}, "n = 6.\n"),
    ],
)
def test_waiting_for_a_round_says_why_it_proposes_nothing(
    reviewed, command, changed, words
) -> None:
    with writing(reviewed.engine) as conn:
        is_round = job.c.kind == JobKind.ROUND
        told = conn.execute(select(job.c.result).where(is_round)).scalar_one()
        conn.execute(update(job).where(is_round).values(result={**told, **changed}))
    said = command(reviewed.workspace.root, "round", "wait").stdout
    assert words in said
    assert ("nothing" in said) == ("nothing" in words)
