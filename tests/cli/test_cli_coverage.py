"""`--coverage` in place of `--threshold`: what it lists, accepts and refuses."""

import pytest
import small_project

from sslapp.usecases.reviewing.candidates import propose


@pytest.mark.slow
def test_candidates_of_a_coverage_are_listed_and_accepted_as_one_decision(
    project, ask, command
) -> None:
    small_project.run_a_round_asked_evenly(project)
    root = project.workspace.root
    expected = propose(project, None, coverage=0.9).candidates.positions.tolist()
    said = ask(root, "candidates", "--coverage", 0.9, "--limit", 0)
    assert [each["position"] for each in said["candidates"]] == expected
    assert (
        "candidates at a coverage of 0.9" in command(root, "candidates", "--coverage", 0.9).stdout
    )
    accepted = ask(root, "accept", "--coverage", 0.9, "--unproven")
    assert accepted["accepted"] == len(expected)
    (number,) = accepted["events"]
    (event,) = (each for each in small_project.log(project) if each.number == number)
    assert event.members.tolist() == sorted(expected)
    assert (event.payload["coverage"], "threshold" in event.payload) == (0.9, False)


def test_a_coverage_is_refused_with_the_reason(reviewed, refusal, command) -> None:
    root = reviewed.workspace.root
    said = refusal(root, "candidates", "--coverage", 0.9)
    assert said.startswith("Round 1: A coverage of 90 % needs 9 labels of each class; 10 classes")
    wrong = command(root, "candidates", "--coverage", 1.5)
    assert (wrong.exit_code, "1.5" in wrong.stderr) == (2, True)
    assert "number from 0 to 1" in " ".join(wrong.stderr.replace("\u2502", " ").split())
    both = ("--coverage", 0.9, "--threshold", 0.5)
    assert "Name either --threshold or --coverage" in refusal(root, "withhold", *both)
    assert "Name either positions" in refusal(root, "accept", 60, "--coverage", 0.9)
