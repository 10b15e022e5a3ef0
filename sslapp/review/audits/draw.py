"""The order in which an audit asks about the images of a lot.

Drawing without replacement with weights: the order is known whole from the weights and a seed that
is drawn after they are fixed, so anybody can draw it again.
"""

import hashlib
import secrets

import numpy as np
from numpy.typing import NDArray

LEAST = 1e-4
"""Added to every image's doubt: none is so sure that it is never drawn."""

SEED_BITS = 63


def fresh_seed() -> int:
    """A seed from the operating system's entropy, in [0, 2^63)."""
    return secrets.randbits(SEED_BITS)


def weights(confidence: NDArray[np.floating], mix: float) -> NDArray[np.float64]:
    """What images are drawn by: the doubtful ones more often.

    w_i = mix / N + (1 - mix) g_i / sum(g) with g_i = 1 - c_i + 1e-4; they sum to 1.

    Args:
        confidence: (N,) in [0, 1], calibrated, that the label is right.
        mix: in (0, 1]; 1 draws uniformly.

    Raises:
        ValueError: for another mix, a confidence outside [0, 1] or none.
    """
    c = np.asarray(confidence, dtype=np.float64)
    if not 0 < mix <= 1:
        raise ValueError(f"mix: {mix} is not above 0 and at most 1.")
    if len(c) == 0 or not ((c >= 0) & (c <= 1)).all():
        raise ValueError("confidence: at least one, and each between 0 and 1.")
    doubt = 1 - c + LEAST
    drawn: NDArray[np.float64] = mix / len(c) + (1 - mix) * doubt / doubt.sum()
    return drawn


def draw_order(weight: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """(N,) int64 which image is drawn first, second, and so on, without replacement.

    The exponential race: image i comes at time Exp(1) / w_i. The exponentials are made of raw words
    of Philox with a key from the seed, whose stream is fixed for good (Salmon et al., "Parallel
    Random Numbers: As Easy as 1, 2, 3", 2011); those of NumPy's distributions may change.
    """
    digest = hashlib.sha256(f"{seed}/audit".encode()).digest()
    words = np.frombuffer(digest[:16], dtype="<u8")
    stream = np.random.Philox(key=words).random_raw(len(weight))
    uniform = (stream >> np.uint64(11)) * 2.0**-53  # [0, 1)
    return np.argsort(-np.log1p(-uniform) / weight, kind="stable")
