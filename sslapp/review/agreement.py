"""Agreement of successive rounds: which images changed their predicted class.

An image that flips from round to round is one that the method has not settled; a falling share of
flips says that further rounds bring little.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Flips:
    """Images whose likeliest class differs between two rounds, by position.

    Attributes:
        positions: (f,) int64.
        before, after: (f,) int64 class columns.
        compared: how many images were compared.
    """

    positions: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    compared: int

    @property
    def share(self) -> float | None:
        """Flips divided by images compared; None when there were none."""
        return len(self.positions) / self.compared if self.compared else None


def flips(
    previous_probabilities: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    rows: NDArray[np.int64],
) -> Flips:
    """Compare the likeliest classes of two rounds.

    Args:
        previous_probabilities: (M, C); its columns mean the same classes as those of the other.
        probabilities: (N, C).
        rows: (n,) distinct positions to compare; those that one of the rounds does not cover are
            left out.

    Raises:
        ValueError: when the rounds have different numbers of classes.
    """
    if previous_probabilities.shape[1] != probabilities.shape[1]:
        raise ValueError(
            f"The rounds have {previous_probabilities.shape[1]} and {probabilities.shape[1]} "
            "classes. Compare rounds of one class list, or map the columns first."
        )
    covered = min(len(previous_probabilities), len(probabilities))
    both = np.sort(rows[rows < covered])
    before = previous_probabilities[both].argmax(axis=1).astype(np.int64)
    after = probabilities[both].argmax(axis=1).astype(np.int64)
    changed = before != after
    return Flips(both[changed], before[changed], after[changed], len(both))
