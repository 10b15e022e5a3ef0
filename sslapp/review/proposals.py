"""Each image's best allowed class, for a million images without a second copy of the round.

The same rule and the same arithmetic as `candidates` with a threshold of 0, but in chunks that
stay in the processor's cache, and for every image instead of the pool alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslapp.review.candidates import Candidates, says_nothing
from sslapp.training.calibration.scaling import Scaling

CHUNK = 32_768
"""Rows at a time: with ten classes 1.3 MB, and float64 is never made."""


@dataclass(frozen=True)
class Proposals:
    """What a round proposes for each of N images.

    Attributes:
        columns: (N,) int16 most probable allowed class, -1 where fewer than two are allowed or all
            that are have the same probability.
        confidence: (N,) float32 calibrated probability of it among those allowed; 0 where none.
    """

    columns: NDArray[np.int16]
    confidence: NDArray[np.float32]


def best_classes(
    raw: NDArray[np.float32], scaling: Scaling, forbidden: NDArray[np.bool_]
) -> Proposals:
    """Find every image's best allowed class.

    Args:
        raw: (N, C) float32 probabilities as the round stored them; may be a memory map.
        scaling: the round's.
        forbidden: (N, C) bool, True where a reader said "not this class".

    Raises:
        ValueError: when the shapes do not fit together.
    """
    if forbidden.shape != raw.shape:
        raise ValueError(f"forbidden: expected shape {raw.shape}, got {forbidden.shape}.")
    columns = np.empty(len(raw), dtype=np.int16)
    confidence = np.empty(len(raw), dtype=np.float32)
    for start in range(0, len(raw), CHUNK):
        part = slice(start, start + CHUNK)
        stored = np.asarray(raw[part], dtype=np.float32)
        allowed = scaling.apply(stored)
        ruled_out = forbidden[part]
        none = says_nothing(stored, ruled_out)
        if ruled_out.any() or raw.shape[1] < 2:
            allowed = np.where(ruled_out, np.float32(0), allowed)
            none |= (~ruled_out).sum(axis=1) < 2
        mass = allowed.sum(axis=1)
        best = allowed.argmax(axis=1)
        none |= ~(mass > 0)
        top = np.take_along_axis(allowed, best[:, None], axis=1)[:, 0]
        columns[part] = np.where(none, -1, best)
        confidence[part] = np.where(none, 0, top / np.where(none, 1, mass))
    return Proposals(columns, confidence)


def likeliest_columns(raw: NDArray[np.float32], scaling: Scaling) -> NDArray[np.int64]:
    """(N,) every image's likeliest class after scaling, whatever readers ruled out.

    Args:
        raw: (N, C) float32 probabilities as the round stored them; may be a memory map.
        scaling: the round's.
    """
    columns = np.empty(len(raw), dtype=np.int64)
    for start in range(0, len(raw), CHUNK):
        part = slice(start, start + CHUNK)
        columns[part] = scaling.columns(np.asarray(raw[part]))
    return columns


def by_doubt(proposals: Proposals, eligible: NDArray[np.bool_]) -> Candidates:
    """The eligible images that have a proposal, most doubtful first, then by position.

    Args:
        eligible: (N,) bool.
    """
    rows = np.flatnonzero(eligible & (proposals.columns >= 0))
    # A confidence is never negative, so its bits are ordered as it is; with the position below
    # them one number says both, and sorting numbers is several times quicker than an argsort.
    keys = proposals.confidence[rows].view(np.uint32).astype(np.uint64) << np.uint64(32)
    keys |= rows.astype(np.uint64)
    keys.sort()
    positions = (keys & np.uint64(0xFFFF_FFFF)).astype(np.int64)
    return Candidates(
        positions,
        proposals.columns[positions].astype(np.int64),
        (keys >> np.uint64(32)).astype(np.uint32).view(np.float32),
    )
