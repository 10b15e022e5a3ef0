"""New images that show the same as an image which is kept apart to measure.

It is of holdout or test, here already, or a test image of the same import.

A few thousand are compared at every shift by a pixel. Of more, difference hashes find those that it
is worth to compare so; what was moved or cut is not found then.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.datasets.ingest import Ingested
from sslapp.review.findings import near_duplicates
from sslapp.review.findings.difference_hashes import (
    MOST_PAIRS,
    NEAR,
    difference_hashes,
    nearest,
)
from sslapp.rounds.project_pixels import training_store
from sslapp.store import images
from sslapp.store.state import load_state
from sslapp.vocabulary import Split
from sslapp.workspace import Workspace

MOST_APART, MOST_NEW = 2_000, 5_000
"""Images kept apart, and new ones, that are all compared at every shift: more takes minutes."""

EXAMPLES = 10
_BLOCK = 128
_AT_ONCE = 4_096

Check = Callable[[], object]
"""Called between two blocks; may raise to leave."""


@dataclass(frozen=True, eq=False)
class Apart:
    """Images that are kept apart to measure.

    Attributes:
        names: of each.
        positions: (n,) int64 of each in what `take` reads.
        take: (m,) int64 positions -> their pixels.
    """

    names: list[str]
    positions: NDArray[np.int64]
    take: Callable[[NDArray[np.int64]], NDArray[np.uint8]]

    def pixels(self, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.uint8]:
        """(m, S, S, C) of some of them."""
        return self.take(self.positions[rows])


@dataclass(frozen=True)
class Likeness:
    """What was found.

    Attributes:
        pairs: (name, name of the image kept apart) of new images that show the same as one.
        left: how many more may, which were too many to be looked at closely.
    """

    pairs: list[tuple[str, str]]
    left: int


def kept_apart(conn: Connection, workspace: Workspace, project_id: int) -> Apart | None:
    """The holdout and test images of a project; None where there are none."""
    if not images.image_count(conn, project_id):
        return None
    state = load_state(conn, project_id)
    positions = np.flatnonzero(state.holdout | state.is_test)
    if not len(positions):
        return None
    names = [each.name for each in images.image_rows(conn, project_id, positions)]
    return Apart(names, positions, training_store(conn, workspace, project_id).take)


def tests_of(ingested: Ingested) -> Apart | None:
    """The test images that an import brings itself; None where there are none."""
    positions = np.flatnonzero([row.split == Split.TEST for row in ingested.rows])
    if not len(positions):
        return None
    pixels = np.load(ingested.pixels, mmap_mode="r")
    names = [ingested.rows[position].name for position in positions.tolist()]
    return Apart(names, positions, lambda rows: np.asarray(pixels[rows]))


def too_many(apart: Apart, new: int) -> bool:
    """Whether so many new images would take minutes even by difference hashes."""
    return len(apart.names) * new > MOST_PAIRS


def alike(
    apart: Apart,
    pixels: Path,
    names: Sequence[str],
    check: Check = lambda: None,
    *,
    but: NDArray[np.int64] | None = None,
) -> Likeness:
    """Find the new images that show the same as one that is kept apart.

    Args:
        pixels: of the new images, (m, S, S, C) uint8.
        names: of the new images, not too many.
        but: (k,) int64 rows of new images that are not asked about.
    """
    new = np.load(pixels, mmap_mode="r")
    asked = np.ones(len(new), dtype=np.bool_)
    asked[[] if but is None else but] = False
    few = len(apart.names) <= MOST_APART and len(new) <= MOST_NEW
    pairs, left = (_of_few(apart, new), 0) if few else _of_many(apart, new, asked, check)
    pairs = pairs[asked[pairs[:, 1]]]
    return Likeness([(names[row], apart.names[one]) for one, row in pairs.tolist()], left)


def _of_few(apart: Apart, new: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(p, 2) rows of images kept apart and of new ones."""
    hashes = np.concatenate([*_hashes(apart.pixels()), *_hashes(new)])
    count = len(apart.names)
    pairs = near_duplicates.alike(hashes, None, seed=0).pairs
    across = pairs[(pairs[:, 0] < count) & (pairs[:, 1] >= count)]
    return across - np.array([0, count])


def _of_many(
    apart: Apart, new: NDArray[np.uint8], asked: NDArray[np.bool_], check: Check
) -> tuple[NDArray[np.int64], int]:
    """The same, of the images kept apart only that which each new one is most like; and how many
    new ones nobody looked at closely."""
    among = np.concatenate(
        [difference_hashes(apart.pixels(part)) for part in _parts(len(apart.names), check)]
    )
    found = [
        nearest(difference_hashes(np.asarray(new[part])), among) for part in _parts(len(new), check)
    ]
    rows, bits = (np.concatenate(each) for each in zip(*found, strict=True))
    worth = np.flatnonzero(asked & (bits <= NEAR))
    closest = np.sort(worth[np.argsort(bits[worth], kind="stable")[:MOST_NEW]])
    same = [_same(apart, new, rows, closest[part]) for part in _parts(len(closest), check, _BLOCK)]
    pairs = np.concatenate([np.zeros((0, 2), dtype=np.int64), *same])
    return pairs, len(worth) - len(closest)


def _same(
    apart: Apart, new: NDArray[np.uint8], rows: NDArray[np.int64], worth: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Those of some new images that show the same as the one kept apart that was found for each."""
    known, place = np.unique(rows[worth], return_inverse=True)
    hashes = np.concatenate([*_hashes(apart.pixels(known)), *_hashes(new[worth])])
    pairs = np.stack([place, len(known) + np.arange(len(worth))], axis=1)
    same = near_duplicates.differing(hashes, pairs) <= near_duplicates.NEAR
    return np.stack([rows[worth][same], worth[same]], axis=1)


def _parts(count: int, check: Check, size: int = _AT_ONCE) -> Iterator[slice]:
    for start in range(0, count, size):
        check()
        yield slice(start, start + size)


def _hashes(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    yield np.zeros((0, len(near_duplicates.SHIFTS), near_duplicates.BITS // 8), dtype=np.uint8)
    for start in range(0, len(pixels), _BLOCK):
        yield near_duplicates.hashes(np.asarray(pixels[start : start + _BLOCK]))
