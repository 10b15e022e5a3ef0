"""docs/architecture.md: what it names is there, and its recipes work as they are written."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sslapp.usecases.access import enter
from sslapp.workspace import Workspace

ROOT = Path(__file__).parents[1]
MAP = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
HERE, RECIPES = MAP.split("## How to add ...")
WORKSPACE = ROOT / "tests" / "usecases" / "maintenance" / "as_before" / "workspace.tar.xz"

SECTION = re.compile(r"^### (?P<title>.+)$", re.MULTILINE)
STEP = re.compile(
    r"^(?:New file `(?P<new>[^`]+)`"
    r"|In `(?P<file>[^`]+)`, (?P<where>after|before) `(?P<line>[^\n]+)`):\n\n"
    r"```(?:python|toml)\n(?P<code>.*?)```$",
    re.MULTILINE | re.DOTALL,
)

PROVEN_BY = {
    "A method": """
        from sslapp.methods.registry import CARDS
        assert "nearest-mean" in CARDS
        at_work()
        assert "sharpness" in said("round options nearest-mean")
        assert "Round 4 is done" in said(
            "round start --method nearest-mean --set sharpness=2 --wait"
        )
        assert "[]" not in said("candidates --threshold 0 --round 4 --json")
    """,
    "A method of your own, in a file": """
        file = folder / "pi_model.py"
        assert "Weight of the unlabelled loss" in said(f"round options --plugin {file}")
        few = "--set steps=12 --set calibration_trainings=none"
        said(f"round start --plugin {file} --set weight=30 {few}")
        said("worker --until-idle")
        assert '"state": "done"' in said("round status 4 --json")
    """,
    "A method of your own, as a package": """
        import tomllib
        file = folder / "pi_model.py"
        alone = file.read_text()
        first, last = alone.index("class PiConfig"), alone.index("class PiObjective")
        imported = "from pi_card import CARD, PiConfig\\n\\n\\n"
        file.write_text(alone[:first] + imported + alone[last:])
        made = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        (entry,) = made["entry-points"]["sslapp.methods"].items()
        offered = ["[sslapp.methods]", " = ".join(entry), "broken = nowhere:CARD"]
        about = folder / "pi_model-1.0.dist-info"  # as an installer leaves it
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\\nName: pi-model\\nVersion: 1.0\\n")
        (about / "entry_points.txt").write_text("\\n".join(offered))
        from streamlit.testing.v1 import AppTest
        os.environ |= {"SSLAPP_WORKSPACE": str(workspace), "LOGNAME": "Ann"}
        page = AppTest.from_file("sslapp/main.py", default_timeout=60).run()
        page = page.switch_page("../pages/train.py").run()
        (warned,) = page.warning
        said_there = warned.value.replace("\\\\", "")
        assert "offers the method broken = nowhere:CARD" in said_there, said_there
        page.selectbox(key="train-method").set_value("my-pi-model").run()
        assert not page.exception, page.exception
        assert page.number_input(key="train-1-my-pi-model-weight").value == 10
        queued = said("round start --method my-pi-model")
        assert "Round 4 is queued: my-pi-model in the pixels gear" in queued
        from sslapp.methods.registry import method_class
        assert method_class("my-pi-model").__name__ == "PiModel"
        import shutil
        shutil.rmtree(about)  # the other recipes' copy offers no such package
    """,
    "An encoder": """
        at_work()
        assert "60 images as 1 features" in said("embed --encoder mean-colour --wait")
    """,
    "An image format": """
        from PIL import Image
        import io
        from sslapp.imaging.decode import decode
        (folder / "scans").mkdir()
        Image.new("RGB", (4, 4), (9, 99, 199)).save(folder / "scans" / "a.qoi")
        content = (folder / "scans" / "a.qoi").read_bytes()
        assert decode(content, "a.qoi")[2, 3].tolist() == [9, 99, 199]
        at_work()
        assert "Imported 1 image." in said(f"import {folder}/scans --wait")
    """,
    "An export format": """
        import json
        from sslapp.ui.export.form import FORMATS
        from sslapp.usecases.exporting.exports import Format
        assert Format.JSON_LINES in FORMATS
        at_work()
        said(f"export {folder}/labels.jsonl --wait")
        rows = [json.loads(line) for line in (folder / "labels.jsonl").read_text().splitlines()]
        assert len(rows) == 37
        assert all(row["snapshot"] and row["class"] for row in rows)
    """,
    "A page": """
        from sslapp.usecases.access import account
        said(f"grant {account()} reader")
        os.environ["SSLAPP_WORKSPACE"] = str(workspace)
        from streamlit.testing.v1 import AppTest
        page = AppTest.from_file("sslapp/main.py", default_timeout=60)
        page.query_params["project"] = "1"
        page.run()
        page.switch_page("../pages/readers.py").run()
        assert not page.exception, page.exception
        assert page.title[0].value == "Readers"
    """,
    "An event kind": """
        from sslapp.store.log.kinds import READER_ACTIONS
        from sslapp.usecases.access import enter
        from sslapp.usecases.labelling import decisions
        from sslapp.vocabulary import EventKind
        from sslapp.workspace import Workspace
        assert EventKind.BLURRED in READER_ACTIONS
        access = enter(Workspace(workspace=workspace), "Ann")
        number = decisions.note(access, "Digits", EventKind.BLURRED, 4).number
        assert said("verify").startswith(f"{number} events, chain, tables and files agree")
        assert "is undone" in said(f"undo {number}")
        assert "agree" in said("verify")
    """,
}
"""Recipe -> lines that fail where it was not carried out; `said` runs a command."""

GOES_ON_FROM = {"A method of your own, as a package": "A method of your own, in a file"}
"""Recipe -> the one that is carried out before it."""

PRELUDE = '''
import os
from pathlib import Path
from typer.testing import CliRunner

folder = Path.cwd()

def said(command):
    from sslapp.cli import app  # here, so that a proof may install something first
    words = ["--workspace", str(workspace), "--reader", "Ann", *command.split()]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (command, result.output, result.exception)
    return result.stdout

def at_work():
    """Run a worker in this process: a command that waits would start one, which loads all anew."""
    import threading, time
    from sslapp.usecases.access import enter
    from sslapp.usecases.handlers import run_worker
    from sslapp.usecases.jobs import worker_alive
    from sslapp.workspace import Workspace
    access = enter(Workspace(workspace=workspace), "Ann")
    options = {"target": run_worker, "args": (access,), "kwargs": {"threads": 1}}
    threading.Thread(**options, daemon=True).start()
    while not worker_alive(access):
        time.sleep(0.01)

'''

PROVER = """
import json, os, sys, traceback
from pathlib import Path
import pydantic, sqlalchemy.dialects.sqlite, streamlit.testing.v1, torch, typer.testing

for line in sys.stdin:
    workspace, proof = json.loads(line)
    output = Path(workspace).with_suffix(".txt")
    child = os.fork()
    if child == 0:
        status = 1
        for number in (1, 2):
            os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
        about = {"__name__": "proof", "workspace": Path(workspace)}
        try:
            exec(compile(proof, "proof", "exec"), about)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""A process that has loaded the libraries, and nothing of the program; it is forked for a proof."""


def test_every_file_and_folder_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:sslapp|models|pages|docs|tests)/[^`\s]*|app\.py)`", HERE))
    assert len(named) > 40
    assert [each for each in sorted(named) if not (ROOT / each).exists()] == []


def test_every_folder_of_the_program_is_in_it() -> None:
    folders = {path.parent for path in (ROOT / "sslapp").rglob("__init__.py")}
    folders.add(ROOT / "sslapp" / "ui" / "components")
    named = set(re.findall(r"`(?:sslapp/)?(?:[\w/]*/)?(\w+)/", HERE)) | {"versions"}
    missing = [path for path in folders if path.name not in named]
    assert missing == []


def test_no_folder_holds_more_files_than_one_can_survey() -> None:
    for folder in (ROOT / "sslapp").rglob("*"):
        if folder.is_dir() and folder.name not in ("methods", "versions"):
            assert len({*folder.glob("*.py")} - {folder / "__init__.py"}) <= 16, folder


def test_every_recipe_is_proven() -> None:
    assert [match["title"] for match in SECTION.finditer(RECIPES)] == list(PROVEN_BY)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, with what Python has compiled of it; all recipes are carried out on it."""
    root = tmp_path_factory.mktemp("copy")
    for name in ("sslapp", "models", "pages"):
        shutil.copytree(ROOT / name, root / name)
    return root


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with three rounds, brought up to date and closed."""
    folder = tmp_path_factory.mktemp("three-rounds")
    with tarfile.open(WORKSPACE) as archive:
        archive.extractall(folder, filter="data")
    enter(Workspace(workspace=folder / "workspace", database_url=""), "Ann").engine.dispose()
    return folder / "workspace"


@pytest.fixture(scope="module")
def prover(copy: Path) -> Iterator[subprocess.Popen[str]]:
    """The process `PROVER` in the copy."""
    with subprocess.Popen(
        [sys.executable, "-c", PROVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "SSLAPP_IMPORT_ROOTS": str(copy)},
    ) as process:
        yield process
        process.kill()  # what it has loaded takes a second to go in order


@pytest.fixture(scope="module")
def carried_out(copy: Path) -> Callable[[str], None]:
    """A function that carries a recipe out on the copy, once."""
    done = set()

    def carry_out(title: str) -> None:
        if title in done:
            return
        done.add(title)
        _, _, text = RECIPES.partition(f"### {title}\n")
        steps = list(STEP.finditer(SECTION.split(text)[0]))
        assert steps
        for step in steps:
            _carry_out(copy, step)

    return carry_out


@pytest.mark.slow
@pytest.mark.parametrize("title", PROVEN_BY)
def test_a_recipe_carried_out_on_a_copy_works(
    carried_out: Callable[[str], None],
    prover: subprocess.Popen[str],
    workspace: Path,
    tmp_path: Path,
    title: str,
) -> None:
    for each in filter(None, (GOES_ON_FROM.get(title), title)):
        carried_out(each)
    shutil.copytree(workspace, tmp_path / "workspace")
    proof = PRELUDE + "\n".join(line[8:] for line in PROVEN_BY[title].splitlines())
    assert prover.stdin is not None and prover.stdout is not None
    prover.stdin.write(json.dumps([str(tmp_path / "workspace"), proof]) + "\n")
    prover.stdin.flush()
    assert prover.stdout.readline() == "0\n", (tmp_path / "workspace.txt").read_text()


def _carry_out(folder: Path, step: re.Match[str]) -> None:
    if step["new"]:
        path = folder / step["new"]
        path.parent.mkdir(exist_ok=True)
        assert not path.exists()
        path.write_text(step["code"], encoding="utf-8")
        return
    path = folder / step["file"]
    text = path.read_text(encoding="utf-8")
    before, line, after = text.partition(
        f"{step['line']}\n" if step["where"] == "after" else step["line"]
    )
    assert line, f"{step['file']} has no line {step['line']}"
    added = line + step["code"] if step["where"] == "after" else step["code"] + line
    path.write_text(before + added + after, encoding="utf-8")
