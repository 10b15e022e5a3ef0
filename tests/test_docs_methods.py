"""What `make docs` writes into docs/ stands there, and docs/methods.md has a section a method."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs import write
from sslapp.methods.registry import CARDS
from sslapp.training.configuration import LongConfig, TrainingConfig

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "methods.md"


@pytest.mark.parametrize("path", [PAGE, ROOT / "docs" / "cli.md"], ids=lambda each: each.name)
def test_what_is_written_is_what_the_program_has(path):
    assert path.read_text(encoding="utf-8") == write.pages()[path], "Run `make docs`."


def test_a_default_that_moved_is_noticed():
    page = PAGE.read_text(encoding="utf-8")
    moved = page.replace("| whole number | 4 |", "| whole number | 64 |")
    assert moved != page
    assert write.with_tables(moved) == page
    table = write.options_table("TrainingConfig")
    for name in TrainingConfig.model_fields.keys() - LongConfig.model_fields.keys():
        assert f"\n| `{name}` |" in table
    assert "| `steps` | whole number | 0 | at least 0 and at most 1,048,576 | 0: by the" in table


def test_what_a_class_inherits_stands_with_its_parent():
    assert "| `steps` |" not in write.options_table("FixMatchConfig")


def test_what_a_parent_without_a_table_has_stands_with_its_children():
    assert "| `lambda_c` |" in write.options_table("PiModelConfig")


@pytest.mark.parametrize(
    "edit",
    [
        lambda page: page.replace("<!-- options: FixMatchConfig -->\n", ""),
        lambda page: page + "\n<!-- options: NobodyConfig -->\n",
    ],
)
def test_a_mark_too_few_or_too_many_is_refused(edit):
    with pytest.raises(ValueError, match=r"the mark <!-- options: (FixMatch|Nobody)Config -->"):
        write.with_tables(edit(PAGE.read_text(encoding="utf-8")))


@pytest.mark.slow
def test_the_reference_has_every_command_whatever_the_terminal():
    reference = write.cli_reference()
    for words in ("next", "round start", "round options", "worker", "reader list"):
        assert f"## `sslapp {words}`\n" in reference
    program = "from docs import write; print(write.cli_reference(), end='')"
    narrow = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "COLUMNS": "40", "FORCE_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert narrow.stdout == reference


def test_every_method_has_a_section_of_its_own():
    headings = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [each for each in headings if each.startswith("`")] == [
        f"`{card.name}`: {card.title}" for card in CARDS.values()
    ]


@pytest.mark.parametrize("page", ["methods", "cli"])
def test_the_page_is_linked_from_the_readme(page):
    assert f"(docs/{page}.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
