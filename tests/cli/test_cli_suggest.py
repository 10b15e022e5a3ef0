"""`sslapp suggest`: compare methods on one's own labels, and what it prints."""

import pytest
import small_project


@pytest.fixture
def root(project):
    project.engine.dispose()
    return project.workspace.root


def test_before_a_comparison_it_says_what_is_offered_unseen(root, command, ask) -> None:
    assert "FixMatch trains the network itself" in command(root, "suggest", "--last").stdout
    found = ask(root, "suggest", "--last")
    assert (found["method"], found["gear"], found["trials"]) == ("fixmatch", "pixels", [])
    assert found["labelled"] == small_project.LABELLED - 6


@pytest.mark.slow
def test_it_compares_and_prints_a_line_a_method_and_the_reason(
    root, command, ask, launcher
) -> None:
    with launcher.working(root):
        lines = command(root, "suggest").stdout.splitlines()
    assert lines[0].split() == ["Method", "Sees", "Right", "Against", "the", "ensemble", "Took"]
    assert [line.split("  ")[0] for line in lines[1:-1]] == [
        "Ensemble of heads",
        "Supervised baseline",
        "Transductive prototypes",
        "Label propagation",
        "Nearest neighbours",
    ]
    assert lines[-1].startswith("FixMatch trains the network itself")  # which was not tried
    found = ask(root, "suggest", "--last")
    first, second = found["trials"][:2]
    assert first["right"] + second["difference"] * 34 == pytest.approx(second["right"])
    assert second["interval"][0] <= second["difference"] <= second["interval"][1]


def test_it_can_be_queued_and_what_is_wrong_is_said(root, ask, refusal) -> None:
    assert ask(root, "suggest", "--no-wait")["job_id"] > 0
    assert "being compared already" in refusal(root, "suggest", "--no-wait")
    assert '"nonsense" cannot be added' in refusal(root, "suggest", "--also", "nonsense")
    assert "nothing can be added" in refusal(root, "suggest", "--last", "--also", "fixmatch")
