"""What the program says of a workspace that it wrote before its files were rearranged.

`as_before/workspace.tar.xz` was written by the last commit before that, by Ann and Bo: 60 digits,
an embedding with encoded views, 30 labels, three rounds, decisions of every kind, an export.
`as_before/outputs.json` is what `outputs` gave there. Every difference is one that a reader meets.
"""

import hashlib
import json
import sqlite3
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sslapp.cli import app
from sslapp.methods.registry import CARDS
from sslapp.usecases.access import enter
from sslapp.usecases.handlers import run_worker
from sslapp.usecases.jobs import worker_alive
from sslapp.workspace import Workspace

HERE = Path(__file__).parent / "as_before"

pytestmark = pytest.mark.slow  # some forty commands, two of which train

DERIVED = ("current_label", "reader_label", "forbidden_class", "withheld", "holdout", "undone")
SHOWN = (
    "status",
    "verify",
    "duplicates",
    "reader list",
    "exports list",
    "next --count 12 --strategy auto --seed 5",
    "next --count 5 --strategy margin",
    "next --count 5 --strategy typiclust",
    "next --count 5 --strategy random --seed 2",
    "round status",
    "round status 1",
    "round status 2",
    "candidates --threshold 0 --limit 100",
    "candidates --threshold 0.5 --class d",
    "candidates --threshold 0.9 --round 1 --limit 100",
    "candidates --threshold 0.999 --round 2 --limit 100",
    "candidates --round 9",
    "round status 9",
)
DONE = (
    "label 1 b",
    "label 1 nothing",
    "accept 58",
    "accept --threshold 0.6 --opened 1",
    "reject 54",
    "relabel 20 d",
    "withhold 24",
    "withhold --threshold 0.3 --class e",
    "undo 12",
    "undo 82",
    "class edit a --to A --key a",
    "class add k",
    "grant Bo reader",
    "rebuild",
    "round start --method label-propagation --seed 4 --wait",
    "round start --method nothing",
    "candidates --threshold 0.2 --limit 100",
    "exports list",
)
CALIBRATED_SINCE = {DONE[-4], DONE[-2]}
"""A new round is calibrated by cross-fitting, so that it and its candidates differ."""

ADDED = frozenset(
    {"answers", "members", "embeddings_beside", "features", "pca", "umap", "projection"}
)
"""Columns that rounds have got since; nothing is in those of rounds that were there."""

SOURCES = ("expert", "adjudicated", "accepted")
EXPORTS_SAY_SINCE = ("round", "remark")
"""Of the model of a round; other exports have nothing there."""

TOLD_SINCE = "proofs"
"""What `status` has said since: how many labels are proven, and how."""

GIVEN_NOW = {
    "accept --threshold 0.6 --opened 1": "accept --threshold 0.6 --opened 1 --unproven",
}
"""Command -> what has to be said now for the same to happen."""

SAID_OTHERWISE = {
    # the methods that there were, and others since
    "round start --method nothing": 'sslapp: There is no method "nothing"; choose one of '
    f"{', '.join(CARDS)}.\n",
    # one accept serves the desk and the command line, and speaks as the desk did
    "accept 58": "sslapp: Image 58 already has a label (source: accepted); relabel it or undo that "
    "decision.\n",
}
"""Command -> what it says now, where that is meant to differ."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], dict[str, object]]:
    """What is said now, and what was said before."""
    folder = tmp_path_factory.mktemp("as-before")
    with tarfile.open(HERE / "workspace.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    now = json.loads(json.dumps(outputs(folder / "workspace")))
    for said in (now["shown"], now["done"]):
        for each in said["exports list"]["exports"]:
            assert [each.pop(name) for name in EXPORTS_SAY_SINCE] == [None, None]
    return now, json.loads((HERE / "outputs.json").read_text(encoding="utf-8"))


def test_the_derived_tables_are_the_same(both) -> None:
    now, before = both
    assert now["tables"] == before["tables"]
    assert now["tables after"] == before["tables after"]


def test_the_record_has_the_same_head(both) -> None:
    now, _ = both
    assert now["shown"]["verify"]["ok"]
    heads = [each["shown"]["verify"]["projects"]["Digits"]["head"] for each in both]
    assert heads[0] == heads[1]


@pytest.mark.parametrize("command", SHOWN)
def test_a_command_that_shows_says_the_same(both, command: str) -> None:
    now, before = both
    said_now = now["shown"][command]
    if command == "status":
        labels = sum(each[s] for each in said_now["classes"] for s in SOURCES)
        assert sum(said_now.pop(TOLD_SINCE).values()) == labels > 30
    if isinstance(said_now, dict) and command.startswith(
        "candidates"
    ):  # which classes have none is said since
        assert said_now.pop("doubts", "No candidate is").startswith("No candidate is")
    assert said_now == before["shown"][command]


@pytest.mark.parametrize("command", [each for each in DONE if each not in CALIBRATED_SINCE])
def test_a_command_that_decides_says_the_same(both, command: str) -> None:
    now, before = both
    assert now["done"][command] == SAID_OTHERWISE.get(command, before["done"][command])


def outputs(workspace: Path) -> dict[str, object]:
    """What commands print, in this order, and the derived tables after them.

    Of what new events and jobs bring, times and hashes that a time enters are left out.
    """
    before = tables(workspace)
    shown = {each: said(workspace, each) for each in SHOWN}
    with at_work(workspace):
        done = {each: without_times(said(workspace, each)) for each in DONE}
    return {"tables": before, "shown": shown, "done": done, "tables after": tables(workspace)}


@contextmanager
def at_work(workspace: Path) -> Iterator[None]:
    """A worker in this process: a command that waits would start one, which loads all anew."""
    access, told = enter(Workspace(workspace=workspace), "Ann"), threading.Event()
    options = {"threads": 1, "should_end": told.is_set}
    worker = threading.Thread(target=run_worker, args=(access,), kwargs=options)
    worker.start()
    try:
        while not worker_alive(access):
            time.sleep(0.01)
        yield
    finally:
        told.set()
        worker.join()
        access.engine.dispose()


def said(workspace: Path, command: str) -> object:
    """The parsed output of a command, or the sentence of its refusal."""
    words = [
        "--workspace",
        str(workspace),
        "--reader",
        "Ann",
        *GIVEN_NOW.get(command, command).split(),
        "--json",
    ]
    result = CliRunner().invoke(app, words)
    text = (result.stdout or result.stderr).replace(str(workspace), "WORKSPACE")
    if result.exit_code:
        return text
    return json.loads(text, object_hook=_without_added)


def _without_added(row: dict[str, object]) -> dict[str, object]:
    return {key: each for key, each in row.items() if key not in ADDED or each is not None}


CHANGING = frozenset(
    {"created_at", "started_at", "finished_at", "hash", "head", "seconds", "seal", "curves"}
    | {"plan", "probabilities"}  # of a machine and a job
)


def without_times(said: object) -> object:
    """The same without what differs between two runs of the same commands."""
    if isinstance(said, dict):
        return {key: without_times(each) for key, each in said.items() if key not in CHANGING}
    return [without_times(each) for each in said] if isinstance(said, list) else said


def tables(workspace: Path) -> dict[str, str]:
    """The sha256 of every derived table's rows, in order, without times."""
    with sqlite3.connect(workspace / "sslapp.db") as conn:
        return {name: _rows_hash(conn, name) for name in DERIVED}


def _rows_hash(conn: sqlite3.Connection, name: str) -> str:
    columns = [row[1] for row in conn.execute(f"PRAGMA table_info({name})")]
    kept = ", ".join(each for each in columns if not each.endswith("_at"))
    rows = sorted(map(repr, conn.execute(f"SELECT {kept} FROM {name}")))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


if __name__ == "__main__":
    print(json.dumps(outputs(Path(sys.argv[1])), indent=1, ensure_ascii=False))
