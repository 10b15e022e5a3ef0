"""Rules that hold for every page and building block, read from the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "pages").glob("*.py"))
SOURCES = [*PAGES, *sorted((ROOT / "sslapp" / "ui").rglob("*.py")), ROOT / "sslapp" / "main.py"]
CACHES = ("st.cache_data", "st.cache_resource")
PLAIN = {"int", "str", "float", "bool", "int | None", "str | None", "tuple[int, ...]"}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_short_and_asks_who_reads_it_before_anything_else(page: Path) -> None:
    assert len(page.read_text().splitlines()) < 150
    _docstring, *rest = tree(page).body
    first = next(each for each in rest if not isinstance(each, ast.Import | ast.ImportFrom))
    assert ast.unparse(first).startswith("access = require(")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_nothing_injects_markup_or_uses_old_components(path: Path) -> None:
    text = path.read_text()
    assert "unsafe_allow_html" not in text
    assert "components.v1" not in text


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_cached_functions_take_ids_and_are_bounded(path: Path) -> None:
    # Streamlit hashes a sample of a large array, so a changed one may give the old result
    for function in ast.walk(tree(path)):
        if not isinstance(function, ast.FunctionDef):
            continue
        marks = [ast.unparse(each) for each in function.decorator_list]
        cached = [mark for mark in marks if mark.startswith(CACHES)]
        for mark in cached:
            assert "max_entries" in mark, f"{path.name}: {function.name} grows without bound"
        for each in function.args.args if cached else ():
            annotation = ast.unparse(each.annotation) if each.annotation else ""
            assert each.arg.startswith("_") or annotation in PLAIN, f"{path.name}: {each.arg}"
