"""Difference hashes of 64 bits: which of many images show nearly the same as others, cheaply.

An image is averaged down to 9 x 8 grey fields; a bit says whether a field is brighter than the one
to its left, by more than noise is. The hash stays when an image is scaled, compressed anew or made
brighter; not when it is moved, cut or turned. It takes some ten thousandths of a second an image
where `near_duplicates.hashes`, which stays then too, takes thirty times that.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BITS = 64
NEAR = 6
"""Bits that may differ in images of which it is worth to ask whether they show the same."""

MOST_PAIRS = 20_000_000_000
"""Pairs that are compared: some twenty seconds on one core."""

_NOISE = 1.5
"""Grey levels by which fields must differ for a bit to be set."""

_BLOCK = 4_096

DifferenceHashes = NDArray[np.uint8]
"""(n, 8): the packed bits."""


def difference_hashes(images: NDArray[np.uint8]) -> DifferenceHashes:
    """Hash images, a block at a time.

    Args:
        images: (n, S, S, C) uint8; may be a memory map.
    """
    found = [_hashed(np.asarray(part)) for part in _blocks(images)]
    return np.concatenate([np.zeros((0, BITS // 8), dtype=np.uint8), *found])


def nearest(
    asked: DifferenceHashes, among: DifferenceHashes
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Compare every hash with every other one, exactly.

    Args:
        asked: (n, 8).
        among: (m, 8), one at least.

    Returns:
        (n,) row of the nearest of the others, and (n,) bits by which it differs.
    """
    import faiss

    index = faiss.IndexBinaryFlat(BITS)
    index.add(np.ascontiguousarray(among))
    bits, rows = index.search(np.ascontiguousarray(asked), 1)
    return rows[:, 0].astype(np.int64), bits[:, 0].astype(np.int64)


def _hashed(images: NDArray[np.uint8]) -> DifferenceHashes:
    grey = images.mean(axis=3, dtype=np.float32)
    high, wide = grey.shape[1:]
    fields = _averaging(8, high) @ grey @ _averaging(9, wide).T  # (n, 8, 9)
    brighter = np.diff(fields, axis=2) > _NOISE
    return np.packbits(brighter.reshape(len(images), BITS), axis=1)


def _averaging(fields: int, pixels: int) -> NDArray[np.float32]:
    """(fields, pixels): each row takes the mean over its part of a line of pixels."""
    edges = np.linspace(0, pixels, fields + 1)
    left, right = edges[:-1, None], edges[1:, None]
    place = np.arange(pixels)
    covered = np.clip(np.minimum(right, place + 1) - np.maximum(left, place), 0, None)
    return (covered / covered.sum(axis=1, keepdims=True)).astype(np.float32)


def _blocks(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(images), _BLOCK):
        yield images[start : start + _BLOCK]
