"""The walls of the house: who may import whom, and what must stay light."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import grimp
import pytest
from click.testing import CliRunner
from importlinter import configuration
from importlinter.api import read_configuration
from importlinter.application.app_config import settings
from importlinter.application.output import console
from importlinter.cli import lint_imports_command

ROOT = Path(__file__).parents[1]
LINT = Path(sys.executable).with_name("lint-imports")

LAYERS = "Rooms import only from rooms below them"
SUBJECTS = "A subject of the use cases imports only from subjects below it"
ACYCLIC = "No room, folder or module stands in a circle of imports"
TABLES = "Only the store and the job table's own modules know a table"
DOORS = "Pages, routes and the command line import use cases and what the store refuses"
BLIND = "Methods and what they are made of know no database and no data set"
TORCHLESS = "Images, data sets and the store work without torch"
HEADLESS = "Only the browser rooms know Streamlit"
PLAIN = "Networks are plain torch"
PLUGINS = "Only the command line reads plugins"

PLANTS = [
    (LAYERS, "sslapp/store/log/chain.py", "from sslapp.jobs import queue"),
    (LAYERS, "sslapp/usecases/access.py", "from sslapp.cli import app"),
    (LAYERS, "sslapp/web/health.py", "from sslapp.ui.common import addresses"),
    (LAYERS, "sslapp/vocabulary.py", "from sslapp import durable"),
    (
        SUBJECTS,
        "sslapp/usecases/exporting/exports.py",
        "from sslapp.usecases.reporting.report import gather",
    ),
    (
        SUBJECTS,
        "sslapp/usecases/comparing/rounds.py",
        "from sslapp.usecases.reviewing import board",
    ),
    (
        SUBJECTS,
        "sslapp/usecases/training/preview.py",
        "from sslapp.usecases.comparing import rounds",
    ),
    (
        SUBJECTS,
        "sslapp/usecases/projects/listing.py",
        "from sslapp.usecases.people import members",
    ),
    (SUBJECTS, "sslapp/usecases/jobs.py", "from sslapp.usecases.handlers import HANDLERS"),
    (ACYCLIC, "sslapp/store/log/chain.py", "from sslapp.store.images import image_count"),
    (ACYCLIC, "sslapp/store/log/kinds.py", "from sslapp.store.log.checks import check"),
    (ACYCLIC, "sslapp/store/images.py", "from sslapp.store.verify import findings"),
    (ACYCLIC, "sslapp/training/task.py", "from sslapp.training.method import Predictor"),
    (ACYCLIC, "models/softplus.py", "from models.label_diffusion import softplus"),
    (TABLES, "sslapp/usecases/access.py", "from sslapp.store.schema import reader"),
    (TABLES, "sslapp/jobs/worker.py", "from sslapp.store import schema"),
    (TABLES, "sslapp/rounds/execute.py", "from sslapp.store.schema import round_"),
    (TABLES, "sslapp/ui/common/heading.py", "from sslapp.store.schema import project"),
    (DOORS, "sslapp/cli/jobs.py", "from sslapp.jobs import queue"),
    (DOORS, "sslapp/cli/project.py", "from sslapp.store.projects import classes"),
    (DOORS, "sslapp/cli/simulation.py", "from sslapp.simulation.reader import ReaderModel"),
    (DOORS, "sslapp/web/answers.py", "from sslapp.store import identity"),
    (DOORS, "sslapp/web/answers.py", "from sslapp.jobs.supervisor import Supervisor"),
    (DOORS, "sslapp/ui/common/heading.py", "from sslapp.store.projects import ProjectRow"),
    (DOORS, "sslapp/ui/train/start.py", "from sslapp.methods.card import MethodCard"),
    (DOORS, "sslapp/ui/train/detail.py", "from sslapp.rounds import PASSED_OVER"),
    (DOORS, "sslapp/ui/review/bar.py", "from sslapp.review import candidates"),
    (DOORS, "sslapp/main.py", "from sslapp.embedding.encoders import ENCODERS"),
    (DOORS, "pages/train.py", "from sslapp.methods.registry import CARDS"),
    (DOORS, "pages/review.py", "from sslapp.store import rounds"),
    (BLIND, "sslapp/methods/fixmatch/method.py", "from sslapp.store import events"),
    (BLIND, "sslapp/training/task.py", "from sslapp.datasets.known import digits"),
    (BLIND, "sslapp/acquisition/auto.py", "from sslapp.store.state import load_state"),
    (BLIND, "sslapp/embedding/index.py", "from sslapp.datasets.registry import open_source"),
    (TORCHLESS, "sslapp/datasets/ingest.py", "import torch"),
    (TORCHLESS, "sslapp/store/state.py", "from torch import nn"),
    (TORCHLESS, "sslapp/imaging/decode.py", "import torch.nn.functional"),
    (HEADLESS, "sslapp/usecases/projects/status.py", "import streamlit"),
    (HEADLESS, "sslapp/jobs/worker.py", "import streamlit as st"),
    (HEADLESS, "sslapp/charts/look.py", "import streamlit as st"),
    (LAYERS, "sslapp/charts/look.py", "from sslapp.usecases.access import Access"),
    (ACYCLIC, "sslapp/embedding/encoder.py", "from sslapp.embedding.encoders import ENCODERS"),
    (ACYCLIC, "sslapp/training/objective.py", "from sslapp.training.loop import steps"),
    (ACYCLIC, "sslapp/training/rules/losses.py", "from sslapp.training.loop import steps"),
    (ACYCLIC, "sslapp/methods/card.py", "from sslapp.methods.registry import CARDS"),
    (ACYCLIC, "sslapp/methods/fixmatch/config.py", "from sslapp.methods.fixmatch import method"),
    (PLUGINS, "pages/train.py", "from sslapp.usecases.training.plugins import read_plugin"),
    (PLUGINS, "sslapp/ui/train/start.py", "from sslapp.usecases.training import plugins"),
    (PLUGINS, "sslapp/web/uploads.py", "from sslapp.usecases.training import plugins"),
    (PLAIN, "models/small_cnn.py", "import numpy as np"),
    (PLAIN, "models/small_cnn.py", "from sslapp.vocabulary import Gear"),
]


@pytest.fixture(scope="module")
def house() -> grimp.ImportGraph:
    """Who imports whom, as `lint-imports` reads it."""
    options = read_configuration(str(ROOT / "pyproject.toml"))["session_options"]
    with pytest.MonkeyPatch.context() as patch:
        # pytest puts tests/ on the path, where another folder is called pages
        patch.setattr(sys, "path", [str(ROOT), *(x for x in sys.path if Path(x) != ROOT / "tests")])
        return grimp.build_graph(
            *options["root_packages"], include_external_packages=True, cache_dir=None
        )


@pytest.fixture
def lint(monkeypatch) -> Iterator[Callable[[grimp.ImportGraph], dict[str, str]]]:
    """A function that says which contracts a graph breaks, in the words of `lint-imports`."""
    monkeypatch.setattr(console, "width", 200)
    command = ["--no-cache", str(ROOT / "pyproject.toml")]

    def run(graph: grimp.ImportGraph) -> dict[str, str]:
        settings.configure(GRAPH_BUILDER=SimpleNamespace(build=lambda **_: graph))
        found = CliRunner().invoke(lint_imports_command, command)
        verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)", found.stdout, re.MULTILINE))
        assert verdicts, found.output
        assert (found.exit_code == 0) == ("BROKEN" not in verdicts.values())
        return verdicts

    yield run
    configuration.configure()


def plant(house: grimp.ImportGraph, file: str, line: str) -> grimp.ImportGraph:
    """The house with one more line in a file."""
    assert (ROOT / file).exists()
    importer = file.removesuffix(".py").replace("/", ".")
    (statement,) = ast.parse(line).body
    assert isinstance(statement, ast.Import | ast.ImportFrom)
    names = [each.name for each in statement.names]
    if isinstance(statement, ast.ImportFrom):
        names = [f"{statement.module}.{each}" for each in names]
    planted = deepcopy(house)
    for name in names:
        planted.add_import(
            importer=importer, imported=_imported(house, name), line_number=1, line_contents=line
        )
    return planted


def _imported(house: grimp.ImportGraph, name: str) -> str:
    """The module a dotted name lies in; of other packages the graph knows the top alone."""
    while name not in house.modules:
        name = name.rpartition(".")[0]
        assert name, "the graph knows no such package"
    return name


@pytest.mark.slow
def test_the_house_keeps_its_contracts(house, lint) -> None:
    planted = {contract for contract, *_ in PLANTS}
    assert lint(house) == dict.fromkeys(planted, "KEPT")


@pytest.mark.parametrize(("contract", "file", "line"), PLANTS)
def test_a_planted_import_breaks_its_contract(contract, file, line, house, lint) -> None:
    assert lint(plant(house, file, line))[contract] == "BROKEN"


@pytest.mark.parametrize(
    ("contract", "within"), [(LAYERS, "sslapp"), (SUBJECTS, "sslapp.usecases")]
)
def test_a_folder_that_is_in_no_layer_is_noticed(contract, within, house, lint) -> None:
    grown = deepcopy(house)
    grown.add_module(f"{within}.attic")
    assert lint(grown)[contract] == "BROKEN"


@pytest.mark.slow
def test_lint_imports_reads_the_files_and_fails_for_a_planted_line(tmp_path) -> None:
    for name in ("sslapp", "models", "pages"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    contract, file, line = PLANTS[0]
    path = tmp_path / file
    path.write_text(f"{path.read_text()}\n{line}\n")
    found = subprocess.run(
        [LINT, "--no-cache"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{contract} BROKEN" in found.stdout
    assert found.returncode == 1


def test_no_two_classes_share_a_name() -> None:
    """A name of two things says little of either; private names are their file's own."""
    places: dict[str, list[str]] = {}
    for path in sorted((ROOT / "sslapp").rglob("*.py")):
        for name in re.findall(r"^class ([^\W_]\w*)", path.read_text("utf-8"), re.MULTILINE):
            places.setdefault(name, []).append(path.relative_to(ROOT).as_posix())
    assert "Access" in places
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


HEAVY = (
    *("torch", "torchvision", "streamlit", "plotly", "sklearn", "faiss", "pydicom"),
    *("scipy", "pandas", "pyarrow"),
)


LIGHT = (
    ["--help"],
    ["round", "--help"],
    ["status"],
    ["verify"],
    ["label", "60", "3"],
    ["worker", "--until-idle"],
)


@pytest.mark.slow
def test_light_commands_import_nothing_heavy(project) -> None:
    """One after the other in one process: what none has loaded, none of them loads alone."""
    program = (
        "import json, sys\n"
        "from sslapp.cli import app\n"
        "heavy, light, *options = json.loads(sys.argv[1])\n"
        "for words in light:\n"
        "    app([*options, *words], standalone_mode=False)\n"
        "    print('loaded:', words, [name for name in heavy if name in sys.modules])"
    )
    options = ["--workspace", str(project.workspace.root), "--reader", "Ann"]
    found = subprocess.run(
        [sys.executable, "-c", program, json.dumps([HEAVY, LIGHT, *options])],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = [line for line in found.stdout.splitlines() if line.startswith("loaded: ")]
    assert loaded == [f"loaded: {words} []" for words in LIGHT]
