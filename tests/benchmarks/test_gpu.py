"""`make gpu`: its small version runs, and a part that fails takes no other with it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
RUN_ON_A_CPU = [
    "machine",
    "CUDA tests",
    "step, eager",
    "fixmatch",
    "layermatch",
    "diff-sysc",
    "FAISS",
    "encoder",
]


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    """Scripts import what lies beside them."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_small_version_runs_without_installing_anything(tmp_path):
    """It takes seconds because it loads torch and trains, three times each, by three methods."""
    made = [f"PYTHON_BIN={sys.executable}", "DEVICE=cpu", f"OUT={tmp_path}"]
    found = subprocess.run(
        ["make", "--no-print-directory", "gpu", *made],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "pip" not in found.stdout
    report = json.loads((tmp_path / "gpu.json").read_text())
    assert (report["failed"], report["machine"]["device"]) == ([], "cpu")
    rows = report["rows"]
    assert list(dict.fromkeys(row["part"] for row in rows)) == RUN_ON_A_CPU
    with_floor = {row["part"] for row in rows if row["floor"]}
    assert with_floor == {"step, eager", "fixmatch", "layermatch", "FAISS", "encoder"}
    for row in rows:
        if row["floor"]:
            assert row["share"] == pytest.approx(row["floor"] / row["figure"])
    (resumed,) = [row for row in rows if row["part"] == "fixmatch" and "resumed" in row["what"]]
    assert resumed["note"] == "the same bits"
    table = (tmp_path / "gpu.md").read_text()
    assert table in found.stdout
    assert table.endswith("Nothing failed.\n")
    assert sum(line.startswith("| FAISS |") for line in table.splitlines()) == sum(
        row["part"] == "FAISS" for row in rows
    )


def good(setting):
    from gpu_table import Row

    yield Row(part="good", what="a figure", figure=2.0, unit="apples")


def raises(setting):
    from gpu_table import Row

    yield Row(part="raises", what="before", figure=1.0)
    raise ValueError("no such kernel")


def dies(setting):
    os._exit(3)
    yield


def hangs(setting):
    time.sleep(600)
    yield


def run(parts, tmp_path, budget=60.0):
    from gpu_parts import Part
    from gpu_parts import run as run_parts
    from gpu_setting import Setting

    cpu, kept = torch.device("cpu"), []
    rows = run_parts(
        [Part(measure.__name__, measure, limit) for measure, limit in parts],
        lambda folder, rows: Setting(device=cpu, small=True, folder=folder),
        budget=budget,
        keep=lambda rows: kept.append(len(rows)),
    )
    return rows, kept


@pytest.mark.slow
def test_a_part_that_fails_is_told_and_the_others_are_measured(tmp_path, capfd):
    from gpu_table import as_json, failed, markdown

    parts = [(raises, 30), (dies, 30), (hangs, 0.2), (good, 30)]
    rows, kept = run(parts, tmp_path)
    assert [(row.part, row.figure, row.problem) for row in rows] == [
        ("raises", 1.0, ""),
        ("raises", None, "ValueError: no such kernel"),
        ("dies", None, "its process ended with status 3"),
        ("hangs", None, "stopped at its limit of 0.2 s"),
        ("good", 2.0, ""),
    ]
    assert kept == [2, 3, 4, 5], "what was found is written after every part"
    assert failed(rows) == as_json({}, rows)["failed"] == ["raises", "dies", "hangs"]
    table = markdown({}, rows)
    assert "FAILED: ValueError: no such kernel" in table
    assert "| good | a figure | 2 apples |" in table
    assert table.endswith("Failed: raises, dies, hangs.\n")
    assert "Traceback" in capfd.readouterr().err


def test_a_figure_is_shown_in_its_unit_and_a_time_as_a_share_of_its_floor():
    from gpu_table import markdown, timed

    row = timed("step", "a|b", 12.3456, 3.0864, memory=1_500_000_000)
    assert row.share == 0.25
    expected = "| step | a/b | 12,346 ms | 3,086 ms | 25% | 1.50 GB | 0.0 |  |"
    assert expected in markdown({"device": "cpu"}, [row]).splitlines()


@pytest.mark.slow
def test_no_part_begins_after_the_budget_and_the_status_says_so(tmp_path, monkeypatch):
    import gpu

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    asked = ["--device", "cpu", "--budget", "1", "--out", str(tmp_path), "--parts", "FAISS"]
    assert gpu.main(asked) == 1
    (row,) = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert row["problem"] == "not begun: the 1 s for all parts were over"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_its_parts_fail_with_the_mend(tmp_path):
    import gpu

    assert gpu.main(["--device", "cuda", "--out", str(tmp_path), "--parts", "FAISS"]) == 1
    (row,) = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert row["problem"].startswith("RuntimeError: torch finds no CUDA GPU.")


def test_a_resumed_training_that_ends_otherwise_is_a_failure_only_where_it_is_repeatable():
    from gpu_table import Row
    from gpu_trainings import difference, judged

    one, other = {"w": torch.zeros(3)}, {"w": torch.tensor([0.0, 0.5, 0.0])}
    assert (difference(one, one), difference(one, other)) == (0.0, 0.5)
    assert difference(one, {"w": torch.full((3,), torch.nan)}) == float("inf")
    row = Row(part="fixmatch", what="resumed")
    assert judged(row, 0.0, must_agree=True).note == "the same bits"
    assert "0.5" in judged(row, 0.5, must_agree=True).problem
    loose = judged(row, 0.5, must_agree=False)
    assert (loose.problem, "0.5" in loose.note) == ("", True)
