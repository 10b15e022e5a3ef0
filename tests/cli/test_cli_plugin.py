"""`--plugin`: a method of one's own file on the command line."""

import pytest
import small_project
from own_methods import FILE, write_plugin

from sslapp.usecases.training.rounds import round_status


@pytest.fixture
def path(tmp_path):
    return write_plugin(tmp_path)


def test_its_options_are_listed(tmp_path, path, command, ask) -> None:
    found = ask(tmp_path, "round", "options", "--plugin", path)
    assert [(each["name"], each["default"], each["at_most"]) for each in found] == [("lean", 1, 9)]
    assert found == ask(tmp_path, "round", "options", "own-mean", "--plugin", path)
    assert (
        "How far the answers lean."
        in command(*(tmp_path, "round", "options", "--plugin", path, "--gear", "features")).stdout
    )


def test_a_round_of_it_is_started_with_its_options(project, path, ask, command) -> None:
    root = project.workspace.root
    said = command(root, "round", "start", "--plugin", path, "--set", "lean=3").stdout
    assert said == "Round 1 is queued: own-mean in the features gear.\n"
    small_project.run_jobs(project)
    found = round_status(project, None)
    assert (found["state"], found["config"]) == ("done", {"lean": 3})
    assert "own-mean" in command(root, "round", "status").stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["options"], "Name a method: fixmatch, flexmatch,"),
        (["options", "own-mean"], 'There is no method "own-mean"; choose one of fixmatch,'),
        (["options", "fixmatch", "--plugin", "{path}"], 'holds the method "own-mean". Name that'),
        (["options", "--plugin", "{path}", "--gear", "pixels"], "own-mean runs in the gear feat"),
        (["options", "--plugin", "nothing.py"], "nothing.py cannot be read: No such file"),
        (
            ["start", "--plugin", "{path}", "--set", "lean=99"],
            "Own mean, option lean: Input should",
        ),
        (["start", "--plugin", "{broken}"], "broken.py, line 1, cannot be used: division by zero."),
    ],
)
def test_a_refusal_says_why(unchanged, path, refusal, words, expected) -> None:
    broken = path.with_name("broken.py")
    broken.write_text(f"1 / 0\n{FILE}", encoding="utf-8")
    filled = [each.format(path=path, broken=broken) for each in words]
    said = refusal(unchanged, "round", *filled)
    assert expected in said.replace("ZeroDivisionError: ", "")


@pytest.mark.slow
def test_a_loop_is_simulated_with_it(tmp_path, path, ask) -> None:
    source = small_project.write_npz(tmp_path / "digits.npz")
    report = ask(
        *(tmp_path / "workspace", "simulate", "--data", source, "--plugin", path),
        *("--rounds", 1, "--labels", 40, "--reviews", 0),
    )
    assert (report["method"], report["gear"]) == ("own-mean", "features")
    assert report["final"]["test_accuracy"] > 0.2  # a tenth by chance
