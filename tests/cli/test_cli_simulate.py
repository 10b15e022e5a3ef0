"""`sslapp simulate` prints the whole report as one JSON value."""

import json

import pytest
import small_project
from typer.testing import CliRunner

from sslapp.cli import app

TINY = (
    *("--rounds", 1, "--labels", 20, "--reviews", 3, "--threads", 1),
    *("-s", "steps=20", "-s", "calibration-trainings=one"),
)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_simulate_plays_the_digits_and_leaves_no_workspace(tmp_path) -> None:
    words = ["simulate", "--data", "digits", *map(str, TINY), "--json"]
    result = CliRunner().invoke(app, words, env={"SSLAPP_WORKSPACE": str(tmp_path / "unused")})
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["data"], report["images"], report["method"]) == ("digits", 1797, "fixmatch")
    assert report["final"]["reader_actions"] == 24
    assert report["rounds"][0]["test_accuracy"] is None, "the digits have no test split"
    assert not (tmp_path / "unused").exists()


@pytest.fixture
def words(tmp_path) -> list:
    """A simulation of a reader who errs as a file says, on images of a file."""
    source = small_project.write_npz(tmp_path / "few.npz")
    rows = [[0 if i == j else 1 for j in range(10)] for i in range(10)]
    path = tmp_path / "confusion.csv"
    path.write_text("\n".join(",".join(map(str, row)) for row in rows))
    errs = ["--accuracy", 0.7, "--confusion", path]
    return ["simulate", "--data", source, *TINY, "--method", "supervised", *errs]


@pytest.mark.slow
def test_a_named_workspace_keeps_what_was_played(ask, words, tmp_path) -> None:
    report = ask(tmp_path / "kept", *words)
    assert report["rounds"][0]["labels"] == 20
    counts = ask(tmp_path / "kept", "status")["counts"]
    assert counts["reader_actions"] == report["final"]["reader_actions"]
    assert ask(tmp_path / "kept", "verify")["ok"]


@pytest.mark.slow
def test_simulate_says_in_words_what_it_was_given(command, words, tmp_path) -> None:
    result = command(tmp_path / "w", *words)
    assert result.exit_code == 0, result.stderr
    assert "160 images, 10 classes, supervised in the pixels gear, seed 0" in result.stdout
