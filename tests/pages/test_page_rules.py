"""Rules that hold for every page, read from its source; tests/gates.py holds those for all code."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "pages").glob("*.py"))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_short_and_asks_who_reads_it_before_anything_else(page: Path) -> None:
    assert len(page.read_text().splitlines()) < 150
    _docstring, *rest = tree(page).body
    first = next(each for each in rest if not isinstance(each, ast.Import | ast.ImportFrom))
    assert ast.unparse(first).startswith("access = require(")


def caught(path: Path) -> set[str]:
    """Names of the errors that a file catches."""
    handlers = [each for each in ast.walk(tree(path)) if isinstance(each, ast.ExceptHandler)]
    types = [each.type for each in handlers if each.type is not None]
    return {each.id for kind in types for each in ast.walk(kind) if isinstance(each, ast.Name)}


def test_one_place_knows_which_errors_a_reader_can_mend() -> None:
    theirs = {"ValueError", "Refused", "Unknown", "NotAllowed", "WrongFields"}
    files = [*PAGES, *(ROOT / "sslapp" / "ui").rglob("*.py"), ROOT / "sslapp" / "main.py"]
    found = {each.name for each in files if caught(each) & theirs}
    assert found == {"faults.py", "access.py"}  # the gate turns away who may read nothing


def test_navigation_is_reached_before_any_gate_and_knows_every_page() -> None:
    # until it was reached once, Streamlit would run a page's file without the main script
    main = tree(ROOT / "sslapp" / "main.py").body
    kinds = ast.Expr | ast.Assign | ast.With
    calls = [ast.unparse(each) for each in main if isinstance(each, kinds)]
    at = next(n for n, each in enumerate(calls) if each.startswith("page = st.navigation("))
    assert not [each for each in calls[:at] if "require" in each or "st.stop" in each]
    assert calls[at + 1 :] == ["with faults.page():\n    page.run()"]
    named = set(re.findall(r"PAGES / '(\w+)\.py'", calls[at]))
    assert named == {page.stem for page in PAGES}
