"""What the colours of the review map mean: a small code for each image and a colour a code."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sslapp.usecases.reviewing.board import Board, flipped
from sslapp.vocabulary import Source

NOTHING = "#8A93A0"
"""Grey of an image about which there is nothing to say in the chosen colouring."""

BINS = 24
"""Steps of confidence; finer ones cannot be told apart."""


class Colouring(StrEnum):
    """What the map colours by."""

    CLASS = "class"
    CONFIDENCE = "confidence"
    SOURCE = "source"
    CHANGE = "change"


@dataclass(frozen=True, eq=False)
class Coding:
    """Colours of all images.

    Attributes:
        codes: (N,) uint8 or int16, which entry of `colours` an image has; 0 is NOTHING.
        colours: "#rrggbb" each.
        names: what each colour means; "" for one that the legend leaves out.
        ends: what the first and the last colour after NOTHING mean, if the colours are a scale.
    """

    codes: NDArray[np.integer]
    colours: tuple[str, ...]
    names: tuple[str, ...]
    ends: tuple[str, str] | None = None

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """(K, 3) uint8."""
        return np.array([_rgb(each) for each in self.colours], dtype=np.uint8)


SOURCES = {
    Source.EXPERT: ("#4A52C4", "expert"),
    Source.ADJUDICATED: ("#B65C8A", "adjudicated"),
    Source.ACCEPTED: ("#3F9B8F", "accepted"),
}
CHANGES = (("#5B9BC7", "same class"), ("#D55E00", "another class"))

# Cividis (Nuñez, Anderton and Renslow, 2018): even for colour-blind eyes, and dark means doubtful
# no less than yellow means sure.
_CIVIDIS = ("#00224E", "#2A3F6D", "#575C6D", "#7D7C78", "#A69D75", "#D3C164", "#FEE838")


def coding(board: Board, colouring: Colouring, before: NDArray[np.int16] | None) -> Coding:
    """Give every image of the board its code.

    Args:
        before: the columns of the round before, (N,); None when there was none.
    """
    match colouring:
        case Colouring.CLASS:
            return _by_class(board)
        case Colouring.CONFIDENCE:
            return _by_confidence(board)
        case Colouring.SOURCE:
            colours, names = zip(*SOURCES.values(), strict=True)
            return Coding(board.source, (NOTHING, *colours), ("no label", *names))
        case Colouring.CHANGE:
            return _by_change(board, before)


def _by_class(board: Board) -> Coding:
    """Experts' labels as they are, everything else as predicted."""
    codes = board.predicted + np.int16(1)
    said = board.expert & (board.labels >= 0)
    codes[said] = board.labels[said] + np.int16(1)
    colours = tuple(each.colour for each in board.classes)
    names = tuple(each.name for each in board.classes)
    return Coding(codes, (NOTHING, *colours), ("no prediction", *names))


def _by_confidence(board: Board) -> Coding:
    # one class among C is never less probable than 1/C
    least = 1 / max(board.known, 1)
    share = (board.confidence - np.float32(least)) * np.float32(BINS / max(1 - least, 1e-6))
    codes = np.clip(share, 0, BINS - 1).astype(np.uint8) + np.uint8(1)
    codes[board.predicted < 0] = 0
    return Coding(
        codes,
        (NOTHING, *gradient(_CIVIDIS, BINS)),
        ("no prediction", *[""] * BINS),
        ends=(f"{100 * least:.0f} %", "100 %"),
    )


def _by_change(board: Board, before: NDArray[np.int16] | None) -> Coding:
    colours, names = zip(*CHANGES, strict=True)
    codes = np.zeros(len(board), dtype=np.uint8)
    if before is not None:
        codes[(board.predicted >= 0) & (before >= 0)] = 1
        codes[flipped(board, before)] = 2
    return Coding(codes, (NOTHING, *colours), ("not in both rounds", *names))


def steps(colours: Sequence[str]) -> list[tuple[float, str]]:
    """A plotly colour scale without transitions. Returns two stops a colour, from 0 to 1."""
    edges = np.linspace(0, 1, len(colours) + 1).tolist()
    stops = zip(colours, pairwise(edges), strict=True)
    return [(edge, colour) for colour, ends in stops for edge in ends]


def gradient(anchors: Sequence[str], count: int) -> tuple[str, ...]:
    """`count` colours at even distances along a line through the anchors."""
    known = np.array([_rgb(each) for each in anchors], dtype=np.float64)
    at = np.linspace(0, len(anchors) - 1, count)
    mixed = [np.interp(at, np.arange(len(anchors)), known[:, channel]) for channel in range(3)]
    rgb = np.rint(np.stack(mixed, axis=1)).astype(int).tolist()
    return tuple(f"#{red:02X}{green:02X}{blue:02X}" for red, green, blue in rgb)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
