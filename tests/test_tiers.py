"""What `make quick` runs needs no browser, database server or whole project, and kills nothing."""

import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEFT_OUT = ("browser", "postgres", "slow", "project")
HEAVY = {"browser", "server_launcher", "make_server", "serve", "launcher"}
KILLS = re.compile(r"SIGKILL|\.kill\(\)|get_context\(")


def quick(session: pytest.Session) -> list[pytest.Function]:
    marked = {item: {mark.name for mark in item.iter_markers()} for item in session.items}
    return [item for item, marks in marked.items() if marks.isdisjoint(LEFT_OUT)]


def test_make_quick_leaves_out_the_marks_of_the_other_tiers() -> None:
    (selection,) = re.findall(r'pytest .*-m "(.+)"', (ROOT / "Makefile").read_text())
    assert selection == " and ".join(f"not {each}" for each in LEFT_OUT)


def test_no_quick_test_opens_a_browser_or_a_database_server_or_kills(request) -> None:
    found = quick(request.session)
    assert request.node in found
    for item in found:
        assert not HEAVY & set(item.fixturenames), item.nodeid
        assert not item.path.name.endswith("_browser.py"), item.nodeid
        assert "postgresql" not in item.name, item.nodeid
    functions = {item.function for item in found} - {request.node.function}
    assert not [each for each in functions if KILLS.search(inspect.getsource(each))]
