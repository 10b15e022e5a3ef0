"""Class colours can be seen on every surface and told apart, also by colour-blind readers."""

import itertools
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sslapp.charts import look
from sslapp.store.label_classes import PALETTE

ROOT = Path(__file__).parents[2]
THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
SURFACES = [
    THEME[mode][name]
    for mode in ("light", "dark")
    for name in ("backgroundColor", "secondaryBackgroundColor")
]

# severity 1.0 of Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of
# Color Vision Deficiency" (2009), for linear RGB
VISION = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
) / [[0.9505], [1.0], [1.089]]


def linear(colour: str) -> NDArray[np.float64]:
    values = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2, from 1 to 21."""
    low, high = sorted(float(linear(each) @ [0.2126, 0.7152, 0.0722]) for each in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(colour: str, vision: str) -> NDArray[np.float64]:
    seen = np.clip(np.asarray(VISION[vision]) @ linear(colour), 0, 1)
    f = np.cbrt(TO_XYZ @ seen)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("surface", SURFACES)
def test_the_outline_around_class_colours_shows_on_every_surface(surface: str) -> None:
    assert contrast(look.OUTLINE, surface) >= 3


@pytest.mark.parametrize("colour", PALETTE)
def test_a_class_colour_needs_its_outline_on_one_theme_at_most(colour: str) -> None:
    assert re.fullmatch("#[0-9A-F]{6}", colour)
    assert max(contrast(colour, THEME[mode]["backgroundColor"]) for mode in ("light", "dark")) >= 3


@pytest.mark.parametrize("colour", PALETTE)
def test_a_class_colour_is_seen_in_a_dark_room(colour: str) -> None:
    assert contrast(colour, THEME["dark"]["backgroundColor"]) >= 2


@pytest.mark.parametrize("vision", VISION)
def test_the_first_classes_are_told_apart_by_every_eye(vision: str) -> None:
    seen = [lab(each, vision) for each in PALETTE[:8]]
    nearest = min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2))
    assert nearest >= 15  # two marks side by side differ clearly from about 10 on


def test_no_colour_comes_twice() -> None:
    assert len(set(PALETTE)) == len(PALETTE)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_and_buttons_can_be_read(mode: str) -> None:
    theme = THEME[mode]
    for surface in (theme["backgroundColor"], theme["secondaryBackgroundColor"]):
        assert contrast(theme["textColor"], surface) >= 7
        assert contrast(theme["grayColor"], surface) >= 4.5
    assert contrast("#FFFFFF", theme["primaryColor"]) >= 4.5
