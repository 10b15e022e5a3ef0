"""Pins that do not fit are refused."""

import shutil

import pins
import pytest


@pytest.fixture
def copy(tmp_path):
    """A function that changes a line of constraints.txt in a copy and returns the faults."""
    for name in (*pins.FILES, pins.PINS):
        shutil.copy(pins.ROOT / name, tmp_path)

    def faults(old: str = "", new: str = "") -> list[str]:
        path = tmp_path / pins.PINS
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        return pins.faults(tmp_path)

    return faults


def version(package: str) -> str:
    return pins.pinned(pins.ROOT)[package]


def test_the_pins_are_complete_in_range_and_installed(copy) -> None:
    assert copy() == []


def test_a_required_package_without_pin_is_named(copy) -> None:
    (fault,) = copy(f"pillow=={version('pillow')}\n")[:1]
    assert fault.startswith("pillow is required by ")
    assert "make constraints" in fault


def test_what_a_requirement_brings_needs_a_pin_too(copy) -> None:
    assert any("starlette is required by streamlit" in each for each in copy(_line("starlette")))


def test_a_pin_outside_the_range_is_named(copy) -> None:
    found = copy(_line("structlog"), "structlog==3.0\n")
    assert any("structlog==3.0 is outside >=26 of requirements.txt" in each for each in found)


def test_another_version_than_the_pinned_one_is_named(copy) -> None:
    found = copy(_line("pillow"), "pillow==13.99\n")
    assert any(each.startswith(f"pillow {version('pillow')} is installed") for each in found)


def test_pins_are_written_sorted_from_the_report_of_pip(tmp_path) -> None:
    entries = [{"metadata": {"name": name, "version": "1.0"}} for name in ("Beta_x", "alpha")]
    assert pins.write({"install": entries}, tmp_path) == 2
    assert (tmp_path / pins.PINS).read_text().endswith("alpha==1.0\nbeta-x==1.0\n")


def _line(package: str) -> str:
    return f"{package}=={version(package)}\n"
