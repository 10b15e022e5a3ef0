"""`sslapp simulate` prints the whole report as one JSON value."""

import json

import pytest
import small_project

TINY = ("--rounds", 1, "--labels", 20, "--reviews", 3, "--threads", 1)


@pytest.mark.timeout(120)
def test_simulate_plays_the_digits_and_leaves_no_workspace(ask, tmp_path) -> None:
    report = ask(tmp_path / "unused", "simulate", "--data", "digits", *TINY, "-s", "steps=20")
    assert (report["data"], report["images"], report["method"]) == ("digits", 1797, "fixmatch")
    assert report["final"]["reader_actions"] == 24
    assert report["rounds"][0]["test_accuracy"] is None, "the digits have no test split"
    assert not (tmp_path / "unused").exists()


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
