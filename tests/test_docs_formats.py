"""docs/formats.md says of each of its trees and lists what the program makes of it."""

import re
from pathlib import Path

import pytest

from docs import write

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "formats.md"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_every_tree_and_list_becomes_what_the_page_says(page) -> None:
    assert page == write.with_formats(page), "Run `make docs`."
    assert len(re.findall(r"^<!-- (layout|list|table): ", page, re.MULTILINE)) == page.count(
        "<!-- end -->"
    )


@pytest.mark.parametrize(
    ("written", "otherwise"),
    [
        ("| `ill/old/2.png` | pool | ill |", "| `ill/old/2.png` | pool | old |"),
        ("| `test/ill/3.png` | test |", "| `test/ill/3.png` | pool |"),
        ("| `validation` | pool |", "| `validation` | test |"),
        ("| 2 | scans/007.png | healthy |", "| 2 | scans/007.png | ill |"),
    ],
)
def test_a_claim_that_is_not_so_is_noticed(page, written, otherwise) -> None:
    changed = page.replace(written, otherwise)
    assert changed != page
    assert write.with_formats(changed) == page


def test_a_layout_without_its_table_gets_one_and_an_unknown_table_is_refused() -> None:
    tree = "<!-- layout: . -->\n\n```text\na/1.png\nb/2.png\n```\n<!-- end -->\n"
    assert "| `b/2.png` | pool | b |  |" in write.with_formats(tree)
    with pytest.raises(ValueError, match="there is no table colours"):
        write.with_formats("<!-- table: colours -->\n<!-- end -->\n")


def test_the_page_is_linked_from_the_readme() -> None:
    assert "(docs/formats.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
