"""Each gate falls for a line that it is there for, and lets what is allowed pass."""

from pathlib import Path

import gates
import pytest

CACHE = "import streamlit as st\n"
FORBIDDEN = {
    "run code": [
        ("x.py", "import pickle"),
        ("x.py", "from joblib import load"),
        ("x.py", "import pandas as pd\npd.read_pickle(path)"),
        ("x.py", "np.load(path, allow_pickle=True)"),
        ("x.py", "np.load(path, allow_pickle=trusted)"),
        ("x.py", "import shelve as s"),
    ],
    "store.integrity alone": [
        ("x.py", "conn.execute(round_.update().values(seed=1))"),
        ("x.py", "conn.execute(schema.project.insert(), rows)"),
        ("x.py", "conn.execute(insert(embedding).values(values))"),
        ("x.py", "update(snapshot).where(snapshot.c.id == 1)"),
    ],
    "queries the database": [
        ("x.py", "from sqlalchemy import Connection, select"),
        ("x.py", "import sqlalchemy as sa"),
        ("x.py", "from sqlalchemy.sql import func"),
        ("x.py", "conn.exec_driver_sql('DELETE FROM event')"),
        ("jobs/worker.py", "from sqlalchemy import update"),
    ],
    "weights_only": [
        ("x.py", "torch.load(path, weights_only=False)"),
        ("x.py", "torch.load(path)"),
    ],
    "become markup": [
        ("x.py", "st.markdown(name, unsafe_allow_html=True)"),
        ("x.py", "st.html(name, unsafe_allow_javascript=True)"),
    ],
    "st.components.v2": [
        ("x.py", "import streamlit.components.v1 as components"),
        ("x.py", "from streamlit.components.v1 import html"),
        ("x.py", "st.components.v1.html(text)"),
    ],
    "fetches from addresses": [
        ("x.py", "import requests"),
        ("x.py", "from urllib.request import urlopen"),
        ("x.py", "model = torch.hub.load('a', 'b')"),
        ("x.py", "from torch.hub import load_state_dict_from_url"),
    ],
    "compares a sample": [
        ("x.py", CACHE + "@st.cache_data(max_entries=4)\ndef f(a: np.ndarray) -> int: ..."),
        (
            "x.py",
            CACHE + "@st.cache_resource(max_entries=4)\ndef f(*, a: pd.DataFrame) -> int: ...",
        ),
        ("x.py", CACHE + "@st.cache_data(max_entries=4)\ndef f(a) -> int: ..."),
    ],
    "without bound": [
        ("x.py", CACHE + "@st.cache_data\ndef f(a: int) -> int: ..."),
        ("x.py", "@cache_resource()\ndef f(a: int) -> int: ..."),
    ],
    "cached figure": [
        ("x.py", CACHE + "@st.cache_data(max_entries=4)\ndef f(a: int) -> go.Figure: ..."),
        ("x.py", CACHE + "@st.cache_resource(max_entries=4)\ndef f(a: int): ..."),
    ],
    "textContent": [
        ("x.js", "cell.innerHTML = name"),
        ("x.js", 'cell.innerHTML = "" + name'),
        ("x.js", "cell.outerHTML = `<b>${name}</b>`"),
        ("x.js", "cell.innerHTML += name"),
    ],
    "makes markup": [("x.js", 'cell.insertAdjacentHTML("beforeend", name)')],
    "as code": [("x.js", "eval(text)"), ("x.js", "const f = new Function(text)")],
    "another machine": [
        ("x.js", 'import {x} from "https://cdn.example.org/x.js"'),
        ("x.js", 'const x = await import("//cdn.example.org/x.js")'),
        ("x.css", '@import "https://fonts.example.org/x.css";'),
        ("x.css", "a { background: url(https://example.org/x.png) }"),
        ("x.py", "PAGE = '<script src=\"https://cdn.example.org/x.js\"></script>'"),
    ],
}
ALLOWED = [
    ("x.py", "from sqlalchemy import Connection, Engine, RowMapping"),
    ("store/x.py", "from sqlalchemy import Connection, select"),
    ("jobs/queue.py", "from sqlalchemy import select, update"),
    ("x.js", 'cell.innerHTML = "";'),
    ("x.js", "cell.textContent = name"),
    ("x.js", 'import {x} from "./x.js"'),
    ("x.js", 'svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")'),
    ("x.py", "torch.load(path, weights_only=True)"),
    ("x.py", "safetensors.torch.load(content)"),
    ("x.py", "np.load(path, mmap_mode='r', allow_pickle=False)"),
    ("x.py", "from urllib.parse import urlsplit"),
    (
        "x.py",
        CACHE + "@st.cache_data(max_entries=4)\ndef f(_who: Access, a: int) -> np.ndarray: ...",
    ),
]


def planted(folder: Path, file: str, text: str) -> list[str]:
    path = folder / "sslapp" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return gates.faults(folder)


@pytest.mark.slow
def test_the_program_passes_every_gate() -> None:
    assert gates.faults() == []


@pytest.mark.parametrize(
    ("word", "file", "text"),
    [(word, *each) for word, cases in FORBIDDEN.items() for each in cases],
)
def test_a_forbidden_line_is_named_with_its_place(
    tmp_path: Path, word: str, file: str, text: str
) -> None:
    found = planted(tmp_path, file, text)
    assert any(word in each for each in found), found
    assert all(each.startswith(f"sslapp/{file}:") for each in found)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("from sslapp.web import lifespan", False),
        ("import streamlit as st", False),
        ("from sslapp.store.projects import classes", True),
        ("from sslapp import usecases", True),
        ("import sslapp.jobs.queue", True),
    ],
)
def test_the_launcher_imports_from_the_web_room_alone(
    tmp_path: Path, line: str, fault: bool
) -> None:
    (tmp_path / "app.py").write_text(line)
    wanted = ["sslapp.web alone" in each for each in gates.faults(tmp_path)]
    assert wanted == [True] * fault


@pytest.mark.parametrize(("file", "text"), ALLOWED)
def test_what_is_allowed_passes(tmp_path: Path, file: str, text: str) -> None:
    assert planted(tmp_path, file, text) == []
