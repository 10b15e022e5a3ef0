"""The walls of the house: who may import whom, and what must stay light."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINT = Path(sys.executable).with_name("lint-imports")

LAYERS = "Rooms import only from rooms below them"
SUBJECTS = "A subject of the use cases imports only from subjects below it"
BLIND = "Methods and what they are made of know no database and no data set"
TORCHLESS = "Images, data sets and the store work without torch"
HEADLESS = "Only the browser rooms know Streamlit"
PLAIN = "Networks are plain torch"
LEARNING = "Encoders, training and methods have no circles of imports"

PLANTS = [
    (LAYERS, "sslapp/store/log/chain.py", "from sslapp.jobs import queue"),
    (LAYERS, "sslapp/usecases/access.py", "from sslapp.cli import app"),
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
    (BLIND, "sslapp/methods/fixmatch/method.py", "from sslapp.store import events"),
    (BLIND, "sslapp/training/task.py", "from sslapp.datasets import digits"),
    (BLIND, "sslapp/acquisition/auto.py", "from sslapp.store.state import load_state"),
    (BLIND, "sslapp/embedding/index.py", "from sslapp.datasets.registry import open_source"),
    (TORCHLESS, "sslapp/datasets/ingest.py", "import torch"),
    (TORCHLESS, "sslapp/store/state.py", "from torch import nn"),
    (TORCHLESS, "sslapp/imaging/decode.py", "import torch.nn.functional"),
    (HEADLESS, "sslapp/usecases/projects/project.py", "import streamlit"),
    (HEADLESS, "sslapp/jobs/worker.py", "import streamlit as st"),
    (HEADLESS, "sslapp/charts/look.py", "import streamlit as st"),
    (LAYERS, "sslapp/charts/look.py", "from sslapp.usecases.access import Access"),
    (LEARNING, "sslapp/embedding/encoder.py", "from sslapp.embedding.encoders import ENCODERS"),
    (LEARNING, "sslapp/training/objective.py", "from sslapp.training.loop import steps"),
    (LEARNING, "sslapp/training/rules/losses.py", "from sslapp.training.loop import steps"),
    (LEARNING, "sslapp/methods/card.py", "from sslapp.methods.registry import CARDS"),
    (LEARNING, "sslapp/methods/fixmatch/config.py", "from sslapp.methods.fixmatch import method"),
    (PLAIN, "models/small_cnn.py", "import numpy as np"),
    (PLAIN, "models/small_cnn.py", "from sslapp.vocabulary import Gear"),
]


@pytest.fixture
def lint(tmp_path):
    """A function that plants a line in a copy of the house and says which contracts break."""
    for name in ("sslapp", "models"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)

    def run(file: str | None = None, line: str = "") -> dict[str, str]:
        if file is not None:
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
        verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)", found.stdout, re.MULTILINE))
        assert verdicts, found.stdout + found.stderr
        assert (found.returncode == 0) == ("BROKEN" not in verdicts.values())
        return verdicts

    return run


def test_the_house_keeps_its_contracts(lint) -> None:
    kept = (LAYERS, SUBJECTS, BLIND, TORCHLESS, HEADLESS, PLAIN, LEARNING)
    assert lint() == dict.fromkeys(kept, "KEPT")


@pytest.mark.parametrize(("contract", "file", "line"), PLANTS)
def test_a_planted_import_breaks_its_contract(contract, file, line, lint) -> None:
    assert lint(file, line)[contract] == "BROKEN"


@pytest.mark.parametrize(
    ("contract", "within"), [(LAYERS, "sslapp"), (SUBJECTS, "sslapp/usecases")]
)
def test_a_folder_that_is_in_no_layer_is_noticed(contract, within, lint, tmp_path) -> None:
    (tmp_path / within / "attic").mkdir()
    (tmp_path / within / "attic" / "__init__.py").write_text('"""A room nobody planned."""\n')
    assert lint()[contract] == "BROKEN"


HEAVY = ("torch", "torchvision", "streamlit", "plotly", "sklearn", "faiss")


@pytest.mark.parametrize(
    "words", [["--help"], ["round", "--help"], ["status"], ["verify"], ["label", "60", "3"]]
)
def test_light_commands_import_nothing_heavy(words, project) -> None:
    program = (
        "import atexit, sys\n"
        f"heavy = {HEAVY!r}\n"
        "atexit.register(lambda: print('loaded:', *(n for n in heavy if n in sys.modules)))\n"
        "from sslapp.cli import app; app()"
    )
    options = ["--workspace", str(project.workspace.root), "--reader", "Ann"]
    found = subprocess.run(
        [sys.executable, "-c", program, *options, *words],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.splitlines()[-1].strip() == "loaded:"


def test_a_worker_without_work_imports_no_torch(project) -> None:
    program = (
        "import sys; from sslapp.cli import app\n"
        "app(['--workspace', sys.argv[1], 'worker', '--until-idle'], standalone_mode=False)\n"
        "print('torch' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, str(project.workspace.root)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "False"
