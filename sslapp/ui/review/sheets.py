"""The sheet of images in front of a reader, and turning to another one.

The selection loses images as they are decided. Were the sheet simply "images 73 to 144 of it",
every decision would pull images away under the reader's hand; so a sheet keeps its images until it
is turned. It is small enough to be kept in the session.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LENGTH = 72

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Sheet:
    """Some images of a selection.

    Attributes:
        scope: the selection it is of.
        start: where it began in the selection when it was made.
        images: their positions, in the selection's order.
        total: how many images the selection had then.
    """

    scope: str
    start: int
    images: tuple[int, ...]
    total: int


def current(sheet: Sheet | None, scope: str, positions: Positions) -> Sheet:
    """The sheet to show: the same one unless something else is selected or all of it is decided.

    An empty one is cut anew, for an undo may have brought images back.

    Args:
        sheet: the one shown so far, if any.
        scope: the selection.
        positions: (n,) its undecided images in order.
    """
    if sheet is None or sheet.scope != scope or not sheet.images:
        return _cut(scope, positions, 0)
    decided = not np.isin(sheet.images, positions).any()
    if decided and len(positions) and sheet.total - len(positions) > len(sheet.images):
        return _cut(scope, positions, 0)  # a bulk decision took it all
    return sheet


def turn(sheet: Sheet, positions: Positions, to: str | None) -> Sheet:
    """The sheet after or before this one, among what is undecided now."""
    if to == "back":
        return _cut(sheet.scope, positions, max(0, _first(sheet, positions) - LENGTH))
    return _cut(sheet.scope, positions, _after(sheet, positions))


def token(sheet: Sheet, hashes: Sequence[str]) -> str:
    """A name for exactly these images; `hashes` are of their contents, in the sheet's order."""
    named = repr((sheet.scope, sheet.start, sheet.images, tuple(hashes))).encode()
    return hashlib.sha256(named).hexdigest()[:16]


def about(sheet: Sheet, positions: Positions) -> dict[str, Any]:
    """What the browser is told: where the sheet is, what lies before and after it."""
    after, first = _after(sheet, positions), _first(sheet, positions)
    last = sheet.start + len(sheet.images)
    return {
        "range": f"{sheet.start + 1:,}–{last:,}" if sheet.images else "",
        "less": first > 0,
        "more": after < len(positions),
    }


def _cut(scope: str, positions: Positions, start: int) -> Sheet:
    start = start if start < len(positions) else 0
    images = tuple(positions[start : start + LENGTH].tolist())
    return Sheet(scope, start, images, len(positions))


def _still_there(sheet: Sheet, positions: Positions) -> NDArray[np.intp]:
    """Indices into the selection of the sheet's images that are undecided."""
    return np.flatnonzero(np.isin(positions, sheet.images))


def _first(sheet: Sheet, positions: Positions) -> int:
    there = _still_there(sheet, positions)
    return int(there[0]) if len(there) else min(sheet.start, len(positions))


def _after(sheet: Sheet, positions: Positions) -> int:
    there = _still_there(sheet, positions)
    return int(there[-1]) + 1 if len(there) else min(sheet.start, len(positions))
