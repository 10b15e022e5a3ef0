"""What the colours of the review map mean: a small code for each image and a colour a code."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslapp.charts import look
from sslapp.usecases.images.metadata import PALETTE
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.reviewing.facets import AnyFacet, Coded, Facet, MetadataFacet
from sslapp.vocabulary import Source

NOTHING = "#8A93A0"
"""Grey of an image about which there is nothing to say in the chosen colouring."""


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


SOURCES = {Source.EXPERT: "#4A52C4", Source.ADJUDICATED: "#B65C8A", Source.ACCEPTED: "#3F9B8F"}
SAME, OTHER = "#5B9BC7", "#D55E00"
MEASURES = ("#C77D2E", "#8C6D4F")

# Cividis (Nuñez, Anderton and Renslow, 2018): even for colour-blind eyes, and dark means doubtful
# no less than yellow means sure.
_CIVIDIS = ("#00224E", "#2A3F6D", "#575C6D", "#7D7C78", "#A69D75", "#D3C164", "#FEE838")


def coding(board: Board, facet: AnyFacet, found: Coded) -> Coding:
    """Give every code of a facet its colour."""
    # the chart's payload: a byte an image where a byte will do
    codes = found.codes.astype(np.uint8) if len(found.names) < 256 else found.codes
    return Coding(codes, (NOTHING, *_colours(board, facet, found)), found.names, found.ends)


def _colours(board: Board, facet: AnyFacet, found: Coded) -> tuple[str, ...]:
    """A colour for each code after that of nothing."""
    number = len(found.names) - 1
    match facet:
        case Facet.CLASS:
            return tuple(each.colour for each in board.classes)
        case Facet.SOURCE:
            return tuple(SOURCES.values())
        case Facet.CORRECT | Facet.CHANGE:
            return (SAME, OTHER)
        case Facet.MEASURED:
            return MEASURES
        case Facet.READER | MetadataFacet() if not found.ordered:
            known = look.LINES if facet is Facet.READER else PALETTE
            return tuple(known[each % len(known)] for each in range(number))
        case _:
            return gradient(_CIVIDIS, number) if number else ()


def gradient(anchors: Sequence[str], count: int) -> tuple[str, ...]:
    """`count` colours at even distances along a line through the anchors."""
    known = np.array([_rgb(each) for each in anchors], dtype=np.float64)
    at = np.linspace(0, len(anchors) - 1, count)
    mixed = [np.interp(at, np.arange(len(anchors)), known[:, channel]) for channel in range(3)]
    rgb = np.rint(np.stack(mixed, axis=1)).astype(int).tolist()
    return tuple(f"#{red:02X}{green:02X}{blue:02X}" for red, green, blue in rgb)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
