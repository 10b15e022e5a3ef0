"""How far the members of an ensemble differ about an image, and what each of them says.

The measure is the generalised Jensen-Shannon divergence of the members' distributions,

    D = H(1/M sum_m p_m) - 1/M sum_m H(p_m)    in nats, between 0 and log(min(M, C)):

what is left of the ensemble's doubt when the doubt of each member is taken off. It is the quantity
of BALD (Houlsby, Huszar, Ghahramani and Lengyel, arXiv 1112.5745) with the members of an ensemble
for the samples of a posterior (Lakshminarayanan, Pritzel and Blundell, NeurIPS 2017, section 3.5).
Members that are all torn between the same classes do not differ: D is 0.

What a reader has said comes first, as for `proposals`: a forbidden class is masked out and the rest
of each member's row is brought back to sum 1, and with fewer than two classes left nobody says
anything.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHUNK = 1 << 20
"""Probabilities at a time, 4 MB as float32."""

NOTHING = -1
"""In place of a class column where a member says nothing."""


@dataclass(frozen=True, eq=False)
class Opinions:
    """What M members of an ensemble say of q images.

    Attributes:
        divergence: (q,) float32 nats: how far the members differ; 0 where fewer than two speak.
        columns: (q, M) int16 each member's likeliest allowed class; NOTHING where it gives no
            allowed class a probability, or fewer than two are allowed.
        shares: (q, M) float32 its probability among those allowed; 0 where it says nothing.
    """

    divergence: NDArray[np.float32]
    columns: NDArray[np.int16]
    shares: NDArray[np.float32]


def opinions(
    members: NDArray[np.float16], positions: NDArray[np.int64], forbidden: NDArray[np.bool_]
) -> Opinions:
    """Compare what the members of an ensemble say of some images.

    Args:
        members: (N, M, C) float16 probabilities as a round stored them; may be a memory map.
        positions: (q,) rows of it.
        forbidden: (q, C) bool, True where a reader said "not this class".

    Raises:
        ValueError: when the shapes do not fit together.
    """
    _, voices, classes = members.shape
    if forbidden.shape != (len(positions), classes):
        expected = (len(positions), classes)
        raise ValueError(f"forbidden: expected shape {expected}, got {forbidden.shape}.")
    divergence = np.empty(len(positions), dtype=np.float32)
    columns = np.empty((len(positions), voices), dtype=np.int16)
    shares = np.empty((len(positions), voices), dtype=np.float32)
    rows = max(1, CHUNK // max(1, voices * classes))
    for start in range(0, len(positions), rows):
        part = slice(start, start + rows)
        found = _allowed(members[positions[part]], forbidden[part])
        best = found.argmax(axis=2)
        top = np.take_along_axis(found, best[:, :, None], axis=2)[:, :, 0]
        divergence[part] = _divergence(found)
        columns[part] = np.where(top > 0, best, NOTHING)
        shares[part] = top
    return Opinions(divergence, columns, shares)


def _allowed(stored: NDArray[np.float16], forbidden: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(n, M, C) float32 without the forbidden classes: rows sum to 1, or are 0 for nothing said."""
    found: NDArray[np.float32] = stored.astype(np.float32)
    if forbidden.any():
        found[np.broadcast_to(forbidden[:, None, :], found.shape)] = 0
    found[(~forbidden).sum(axis=1) < 2] = 0
    mass = found.sum(axis=2, keepdims=True)
    return np.divide(found, mass, out=found, where=mass > 0)


def _divergence(found: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n,) float32 nats, of the members that say anything: (n, M, C), rows that sum to 1 or are 0.

    A row of zeros has no entropy, so leaving it out is a matter of the count alone.
    """
    speaking = (found.max(axis=2, initial=0) > 0).sum(axis=1)
    count = np.maximum(speaking, 1).astype(np.float32)
    single = _entropies(found).sum(axis=1) / count
    joint = _entropies(found.sum(axis=1) / count[:, None])
    # of members that say the same, what is left is what rounding leaves
    return np.where(speaking < 2, np.float32(0), np.maximum(joint - single, 0))


def _entropies(found: NDArray[np.float32]) -> NDArray[np.float32]:
    """Entropies in nats over the last axis; 0 log 0 = 0."""
    smallest = np.finfo(np.float32).tiny
    logs: NDArray[np.float32] = np.log(np.maximum(found, smallest))
    entropies: NDArray[np.float32] = -np.einsum("...c,...c->...", found, logs)
    return entropies
