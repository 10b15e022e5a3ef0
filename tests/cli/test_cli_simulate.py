"""`sslapp simulate` prints the whole report as one JSON value."""

import json

import pytest
import small_project
from typer.testing import CliRunner

from sslapp.cli import app

TINY = ("--rounds", 1, "--labels", 20, "--reviews", 3, "--threads", 1)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_simulate_plays_the_digits_and_leaves_no_workspace(tmp_path) -> None:
    words = ["simulate", "--data", "digits", *map(str, TINY), "-s", "steps=20", "--json"]
    result = CliRunner().invoke(app, words, env={"SSLAPP_WORKSPACE": str(tmp_path / "unused")})
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["data"], report["images"], report["method"]) == ("digits", 1797, "fixmatch")
    assert report["final"]["reader_actions"] == 24
    assert report["rounds"][0]["test_accuracy"] is None, "the digits have no test split"
    assert not (tmp_path / "unused").exists()


@pytest.mark.slow
def test_a_named_workspace_keeps_what_was_played(ask, tmp_path) -> None:
    source = small_project.write_npz(tmp_path / "few.npz")
    words = ["--data", source, *TINY, "--method", "supervised", "-s", "steps=20"]
    report = ask(tmp_path / "kept", "simulate", *words)
    counts = ask(tmp_path / "kept", "status")["counts"]
    assert counts["reader_actions"] == report["final"]["reader_actions"]
    assert ask(tmp_path / "kept", "verify")["ok"]


@pytest.mark.slow
def test_simulate_takes_a_file_an_options_and_a_confusion(command, tmp_path) -> None:
    source = small_project.write_npz(tmp_path / "few.npz")
    rows = [[0 if i == j else 1 for j in range(10)] for i in range(10)]
    path = tmp_path / "confusion.csv"
    path.write_text("\n".join(",".join(map(str, row)) for row in rows))
    words = ["simulate", "--data", source, *TINY, "--method", "supervised", "-s", "steps=20"]
    words += ["--accuracy", 0.7, "--confusion", path]
    result = command(tmp_path / "w", *words)
    assert result.exit_code == 0, result.stderr
    assert "160 images, 10 classes, supervised in the pixels gear, seed 0" in result.stdout
    report = json.loads(command(tmp_path / "w", *words, "--json").stdout)
    assert report["rounds"][0]["labels"] == 20
