"""Pins that do not fit are refused."""

import shutil

import pins
import pytest


@pytest.fixture
def copy(tmp_path):
    """A function that changes lines of constraints.txt in a copy and returns the faults."""
    for name in (*pins.FILES, pins.PINS):
        shutil.copy(pins.ROOT / name, tmp_path)

    def faults(changes: dict[str, str]) -> list[str]:
        path = tmp_path / pins.PINS
        text = path.read_text()
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)
        return pins.faults(tmp_path)

    return faults


WRONG = ("pillow", "starlette", "structlog", "numpy")


def version(package: str) -> str:
    return pins.pinned(pins.ROOT)[package]


@pytest.mark.slow
def test_the_pins_are_complete_in_range_and_installed(copy) -> None:
    assert copy({}) == []


@pytest.mark.slow
def test_what_has_no_pin_another_range_or_another_version_is_named_and_nothing_else(copy) -> None:
    """Of a requirement, of what a requirement brings; and what is installed."""
    found = copy(
        {
            _line("pillow"): "",
            _line("starlette"): "",
            _line("structlog"): "structlog==3.0\n",
            _line("numpy"): f"numpy=={version('numpy')}.99\n",
        }
    )
    wanted = {
        "pillow is required by ": "has no pin. Run `make constraints`.",
        "starlette is required by streamlit ": "has no pin. Run `make constraints`.",
        "structlog==3.0 is outside >=26 of requirements.txt": "Run `make constraints`.",
        f"structlog {version('structlog')} is installed and 3.0 is pinned": "",
        f"numpy {version('numpy')} is installed and {version('numpy')}.99 is pinned": "",
    }
    for start, end in wanted.items():
        assert any(each.startswith(start) and end in each for each in found), (start, found)
    assert all(each.startswith(WRONG) for each in found), found


def test_pins_are_written_sorted_from_the_report_of_pip(tmp_path) -> None:
    entries = [{"metadata": {"name": name, "version": "1.0"}} for name in ("Beta_x", "alpha")]
    assert pins.write({"install": entries}, tmp_path) == 2
    assert (tmp_path / pins.PINS).read_text().endswith("alpha==1.0\nbeta-x==1.0\n")


def _line(package: str) -> str:
    return f"{package}=={version(package)}\n"
