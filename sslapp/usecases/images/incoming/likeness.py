"""New images that show the same as an image which is kept apart to measure: of holdout or test."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.review.findings import near_duplicates
from sslapp.rounds.project_pixels import training_store
from sslapp.store import images
from sslapp.store.state import load_state
from sslapp.workspace import Workspace

MOST_APART, MOST_NEW = 2_000, 5_000
"""Images kept apart, and new ones, that are compared: hashing more takes minutes."""

EXAMPLES = 10
_BLOCK = 128


@dataclass(frozen=True, eq=False)
class Apart:
    """Images of a project that are kept apart to measure.

    Attributes:
        names: of each.
        pixels: (n, S, S, C) uint8.
    """

    names: list[str]
    pixels: NDArray[np.uint8]


def kept_apart(conn: Connection, workspace: Workspace, project_id: int) -> Apart | None:
    """The holdout and test images of a project; None where there are none, or too many."""
    if not images.image_count(conn, project_id):
        return None
    state = load_state(conn, project_id)
    positions = np.flatnonzero(state.holdout | state.is_test)
    if not 0 < len(positions) <= MOST_APART:
        return None
    names = [each.name for each in images.image_rows(conn, project_id, positions)]
    return Apart(names, training_store(conn, workspace, project_id).take(positions))


def alike(apart: Apart, pixels: Path, names: list[str]) -> list[tuple[str, str]]:
    """(name, name of the image kept apart) of new images that show the same as one of these.

    Args:
        pixels: of the new images, (m, S, S, C) uint8.
        names: of the new images, at most MOST_NEW.
    """
    new = np.load(pixels, mmap_mode="r")
    hashes = np.concatenate([*_hashes(apart.pixels), *_hashes(new)])
    count = len(apart.names)
    pairs = near_duplicates.alike(hashes, None, seed=0).pairs
    across = pairs[(pairs[:, 0] < count) & (pairs[:, 1] >= count)]
    return [(names[row - count], apart.names[one]) for one, row in across.tolist()]


def _hashes(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(pixels), _BLOCK):
        yield near_duplicates.hashes(np.asarray(pixels[start : start + _BLOCK]))
