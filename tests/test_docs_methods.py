"""docs/methods.md says of every method what its options are; this is where the two are compared."""

import re
from pathlib import Path

import pytest

from sslapp.methods.registry import CARDS
from sslapp.training.configuration import ConsistencyConfig, MethodConfig, TrainingConfig

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "methods.md"

CONFIGS = {
    each.__name__: each
    for each in (TrainingConfig, ConsistencyConfig, *(card.options for card in CARDS.values()))
}


def shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def wanted(config: type[MethodConfig]) -> str:
    """The table of the options that a class adds to those of its parent."""
    inherited = getattr(config.__mro__[1], "model_fields", {})
    lines = ["| option | default | what it does |", "|---|---|---|"]
    for name, field in config.model_fields.items():
        if name not in inherited:
            about = str(field.description).replace("|", "\\|")
            lines.append(f"| `{name}` | {shown(field.default)} | {about} |")
    return "\n".join(lines)


def written(page: str, name: str) -> str:
    """The table that follows a class's mark on the page; empty without one."""
    found = re.search(rf"<!-- options: {name} -->\n((?:\|.*\n)+)", page)
    return found[1].rstrip("\n") if found else ""


@pytest.mark.parametrize("name", CONFIGS)
def test_the_table_of_options_is_what_the_code_has(name):
    table = wanted(CONFIGS[name])
    assert written(PAGE.read_text(encoding="utf-8"), name) == table, (
        f"Paste into docs/methods.md:\n\n<!-- options: {name} -->\n{table}\n"
    )


def test_a_default_that_moved_is_noticed():
    page = f"<!-- options: TrainingConfig -->\n{wanted(TrainingConfig)}\n"
    assert written(page, "TrainingConfig") == wanted(TrainingConfig)
    assert written(page.replace("| 32 |", "| 64 |"), "TrainingConfig") != wanted(TrainingConfig)
    assert written(page, "ConsistencyConfig") == ""


def test_every_method_has_a_section_of_its_own():
    headings = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [each for each in headings if each.startswith("`")] == [
        f"`{card.name}`: {card.title}" for card in CARDS.values()
    ]


def test_the_page_is_linked_from_the_readme():
    assert "(docs/methods.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
