"""Images that show the same: by perceptual hashes, and by the distance of their features.

The hash is imagehash's pHash of 256 bits (the signs of low frequencies of the image), taken of all
shifts of an image at once. It stays when
an image is made brighter, scaled or compressed anew, but on a small image not when it is moved by a
pixel. So the inside of every image is compared with the insides of the others at every shift by a
pixel. Of digits of 8 pixels, the hardest there are, that were moved by a pixel and made brighter,
238 of 240 differ in at most 26 bits; of the 1.6 million pairs of digits that are not the same, 1
does. Of 1,000 X-rays (28 and 128 pixels) no pair does that is not the same image.

Features find what was scaled or redrawn a little. Their radius is chosen from the data: a tenth of
the median distance from an image to its nearest one. Hashes have a say there too: encoders to which
everything looks alike would make one group of it all.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslapp.embedding.index import NeighbourIndex
from sslapp.review.findings.found import Found, rows_of

BITS = 256
NEAR = 26
"""Bits that may differ, 10 %, where hashes alone say that two images are the same."""

LOOSE = 64
"""Bits that may differ where features say so: a quarter; of unlike images half of them do."""

SHARE = 0.1
"""The radius in features, of the median distance to the nearest image."""

SAMPLE = 1_000
"""Images whose nearest one is looked up for that median."""

SHIFTS = tuple((down, right) for down in (0, -1, 1) for right in (0, -1, 1))
"""Of an image's inside, in pixels; none first."""

_SIDE = 64
"""Pixels of the square whose frequencies are taken."""

_BLOCK = 1_024

Hashes = NDArray[np.uint8]
Pairs = NDArray[np.int64]
Report = Callable[[int, int], object]
"""report(done, total) is told how many images are through; it may raise to leave."""


@dataclass(frozen=True, eq=False)
class Alike:
    """m pairs of images that show the same.

    Attributes:
        pairs: (m, 2) int64 positions, the lower one first, each pair once.
        bits: (m,) int64 of their hashes that differ, at the best shift.
        radius: in features; 0 without any.
    """

    pairs: Pairs
    bits: NDArray[np.int64]
    radius: float


def hashes(images: NDArray[np.uint8]) -> Hashes:
    """(n, 9, 32) uint8: the packed hashes of each image's inside at every shift.

    Args:
        images: (n, S, S, C) uint8, S at least 4.
    """
    from PIL import Image

    found = np.empty((len(images), len(SHIFTS), BITS // 8), dtype=np.uint8)
    high, wide = images.shape[1:3]
    for row, image in enumerate(images):
        grey = Image.fromarray(image.squeeze()).convert("L")
        insides = [
            grey.crop((1 + right, 1 + down, wide - 1 + right, high - 1 + down)).resize(
                (_SIDE, _SIDE), Image.Resampling.LANCZOS
            )
            for down, right in SHIFTS
        ]
        found[row] = _hashes_of(np.stack([np.asarray(each) for each in insides]))
    return found


def _hashes_of(squares: NDArray[np.uint8]) -> Hashes:
    """(n, 32) uint8: which of the low frequencies of (n, 64, 64) squares are above their median."""
    from scipy.fftpack import dct

    low = math.isqrt(BITS)
    frequencies = dct(dct(squares, axis=1)[:, :low], axis=2)[:, :, :low].reshape(-1, BITS)
    return np.packbits(frequencies > np.median(frequencies, axis=1, keepdims=True), axis=1)


def alike(
    found: Hashes,
    index: NeighbourIndex | None,
    *,
    seed: int,
    report: Report = lambda done, total: None,
) -> Alike:
    """Find the pairs of images that show the same.

    Args:
        found: (N, 9, 32) as `hashes` made them.
        index: of the features of the first images, if there are some.
        seed: of the sample that the radius is chosen from.
        report: is told the progress.
    """
    radius = 0.0 if index is None else _radius(index, seed)
    pairs = [_by_hash(found, report)]
    if index is not None:
        near = _ordered(_by_features(index, radius, report))
        pairs.append(near[differing(found, near) <= LOOSE])
    every = np.unique(np.concatenate(pairs), axis=0)
    return Alike(every, differing(found, every), radius)


def differing(found: Hashes, pairs: Pairs) -> NDArray[np.int64]:
    """(m,) int64: bits in which (m, 2) images differ, at the best shift of one against the other.

    Args:
        found: (N, 9, 32) as `hashes` made them.
        pairs: (m, 2) rows of it.
    """
    least = np.full(len(pairs), BITS, dtype=np.int64)
    for start in range(0, len(pairs), _BLOCK):
        part = slice(start, start + _BLOCK)
        one, other = pairs[part, 0], pairs[part, 1]
        for still, moved in ((one, other), (other, one)):
            apart = np.bitwise_count(found[still, :1] ^ found[moved]).sum(axis=2, dtype=np.int64)
            least[part] = np.minimum(least[part], apart.min(axis=1))
    return least


def grouped(found: Alike, count: int) -> Found:
    """Put images that show the same into groups, the largest likeness first, by union of pairs.

    Args:
        found: pairs of the images.
        count: how many images there are.

    Returns:
        The images in groups of two and more, group after group, each with the image that it is
        most like and the bits that differ.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    one, other = found.pairs.T
    joined = coo_array((np.ones(len(one)), (one, other)), shape=(count, count))
    _, group = connected_components(joined, directed=False)
    # each pair from both of its ends; of an image's pairs the one that differs least comes first
    ends = np.concatenate([one, other])
    far_ends, bits = np.concatenate([other, one]), np.tile(found.bits, 2)
    order = np.lexsort((far_ends, bits, ends))
    positions, first = np.unique(ends[order], return_index=True)
    partners, least = far_ends[order][first], bits[order][first]
    of_group = np.full(count, BITS, dtype=np.int64)
    np.minimum.at(of_group, group[positions], least)
    mine = group[positions]
    row = np.lexsort((positions, mine, of_group[mine]))
    starts = np.concatenate([[True], np.diff(mine[row]) != 0])[: len(row)]
    return rows_of(
        positions[row],
        least[row].astype(np.float32),
        others=partners[row],
        groups=np.cumsum(starts) - 1,
    )


def _radius(index: NeighbourIndex, seed: int) -> float:
    count = len(index)
    if count < 2:
        return 0.0
    asked = np.random.default_rng(seed).choice(count, min(SAMPLE, count), replace=False)
    nearest, _ = index.neighbours(np.sort(asked), 1)
    return SHARE * float(np.median(nearest))


def _by_hash(found: Hashes, report: Report) -> Pairs:
    import faiss

    count = len(found)
    index = faiss.IndexBinaryFlat(BITS)
    index.add(np.ascontiguousarray(found.reshape(-1, BITS // 8)))
    still = np.ascontiguousarray(found[:, 0])
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    for start in range(0, count, _BLOCK):
        ends, _, rows = index.range_search(still[start : start + _BLOCK], NEAR + 1)
        asked = start + np.repeat(np.arange(len(ends) - 1), np.diff(ends).astype(np.int64))
        pairs.append(_ordered(np.stack([asked, rows // len(SHIFTS)], axis=1)))
        report(min(start + _BLOCK, count), count)
    return np.concatenate(pairs)


def _by_features(index: NeighbourIndex, radius: float, report: Report) -> Pairs:
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    for start in range(0, len(index), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(index)))
        pairs.append(_ordered(index.within(rows, radius)))
        report(int(rows[-1]) + 1, len(index))
    return np.concatenate(pairs)


def _ordered(pairs: Pairs) -> Pairs:
    """Each pair once, its lower position first; none of an image with itself."""
    apart = np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1).astype(np.int64)
    return np.unique(apart, axis=0)
