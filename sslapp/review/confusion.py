"""What was predicted for images whose class is known, and how far two rounds agree."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Classes = NDArray[np.integer]


def confusion(first: Classes, second: Classes, num_classes: int) -> NDArray[np.int64]:
    """Count pairs of classes.

    Args:
        first: (n,) classes 0..C-1, such as true ones.
        second: (n,) classes 0..C-1, such as predicted ones.
        num_classes: C.

    Returns:
        (C, C) int64; entry [i, j] counts images of first class i and second class j.
    """
    pairs = first.astype(np.int64) * num_classes + second
    counts = np.bincount(pairs, minlength=num_classes * num_classes)
    return counts.reshape(num_classes, num_classes).astype(np.int64)


def cohen_kappa(counts: NDArray[np.int64]) -> float | None:
    """Agreement beyond chance: (p_o - p_e) / (1 - p_e) (Cohen, "A Coefficient of Agreement for
    Nominal Scales", 1960).

    Args:
        counts: (C, C) from `confusion`.

    Returns:
        At most 1; None for no images, or where both always name the same one class and chance
        agrees fully.
    """
    total = counts.sum()
    if not total:
        return None
    observed = np.trace(counts) / total
    chance = float(counts.sum(axis=0) @ counts.sum(axis=1)) / float(total) ** 2
    return None if chance >= 1 else float((observed - chance) / (1 - chance))


@dataclass(frozen=True)
class Paired:
    """Two rounds judged on the same images.

    Attributes:
        judged: n.
        only_first, only_second: images that only one of them got right.
        p_value: of the exact McNemar test: how often a difference at least as large would come
            from two rounds that are equally good.
    """

    judged: int
    only_first: int
    only_second: int
    p_value: float

    @property
    def difference(self) -> float:
        """Accuracy of the second minus that of the first; 0 where nothing was judged."""
        return (self.only_second - self.only_first) / self.judged if self.judged else 0.0


def paired(first_right: NDArray[np.bool_], second_right: NDArray[np.bool_]) -> Paired:
    """Compare two rounds on images that both predicted (McNemar, 1947, in its exact form).

    Only images on which they differ say anything; if both are equally good, each of these is a
    fair coin.

    Args:
        first_right, second_right: (n,) bool, image by image.
    """
    from scipy import stats

    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    differing = only_first + only_second
    p_value = stats.binomtest(only_first, differing).pvalue if differing else 1.0
    return Paired(len(first_right), only_first, only_second, float(p_value))
