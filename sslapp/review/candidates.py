"""Candidates: the predictions that are confident enough to be proposed as pseudo-labels.

What a reader has said comes first. A forbidden class is masked out and the rest of the row is
brought back to sum 1 before the likeliest class is taken. An image with fewer than two classes
left is no candidate: its renormalised confidence would be 1 whatever the model believes. Nor is one
whose classes are all equally likely, to the last bit: there the model says nothing, as label
propagation does of images that no label reaches.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DEFAULT_THRESHOLD = 0.95
"""Calibrated confidence from which on a class is proposed unless the reader says otherwise."""


def check_threshold(value: float) -> None:
    """Check that a number can be a threshold.

    Raises:
        ValueError: when it is not from 0 to 1; NaN is not.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"The threshold {value:g} is not a number from 0 to 1, such as 0.95.")


Positions = NDArray[np.int64]
Probabilities = NDArray[np.float32]
Thresholds = float | NDArray[np.float32]


@dataclass(frozen=True)
class Candidates:
    """Proposed pseudo-labels, most doubtful first, then by position.

    Attributes:
        positions: (n,) int64 images.
        columns: (n,) int64 proposed class columns.
        confidence: (n,) float32 calibrated probability of that class among those allowed.
    """

    positions: Positions
    columns: NDArray[np.int64]
    confidence: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.positions)

    def reach(self, thresholds: Thresholds, num_classes: int) -> NDArray[np.bool_]:
        """(n,) bool: which of them reach their threshold.

        Args:
            thresholds: one number, or (C,) one for each class column; compared in float32.
            num_classes: C.

        Raises:
            ValueError: for another number of thresholds.
        """
        limits = np.asarray(thresholds, dtype=np.float32)
        if limits.shape not in ((), (num_classes,)):
            raise ValueError(
                f"thresholds: expected one number or {num_classes}, one for each class of the "
                f"round, got shape {limits.shape}."
            )
        if limits.ndim == 0 or not len(limits) or (limits == limits[0]).all():
            return self.confidence >= limits.max(initial=0)
        return self.confidence >= limits[self.columns]

    def among(self, mask: NDArray[np.bool_]) -> "Candidates":
        """Those that an (n,) mask holds, in their order."""
        return Candidates(self.positions[mask], self.columns[mask], self.confidence[mask])


@dataclass(frozen=True)
class ThresholdCurve:
    """What each threshold of a grid would propose. T thresholds, C classes.

    Attributes:
        thresholds: (T,) float32, as given.
        counts: (T,) int64 candidates.
        coverage: (T,) float64 candidates divided by eligible images; 0 when there are none.
        by_class: (T, C) int64 candidates of each class.
    """

    thresholds: NDArray[np.float32]
    counts: NDArray[np.int64]
    coverage: NDArray[np.float64]
    by_class: NDArray[np.int64]


def candidates(
    probabilities: Probabilities,
    eligible: Positions,
    thresholds: Thresholds,
    forbidden: NDArray[np.bool_],
    withheld: Positions,
) -> Candidates:
    """Return the images whose best allowed class reaches its threshold.

    Args:
        probabilities: (N, C) float32, calibrated.
        eligible: (n,) positions that may be proposed: the pool.
        thresholds: one number, or (C,) one for each class; compared in float32.
        forbidden: (N, C) bool, True where a reader said "not this class".
        withheld: positions taken off the list until the next round.

    Raises:
        ValueError: when shapes do not fit together, or a position was not in the round.
    """
    proposed = _best_allowed(probabilities, eligible, forbidden, withheld)
    return proposed.among(proposed.reach(thresholds, probabilities.shape[1]))


def counts_by_class(found: Candidates, num_classes: int) -> NDArray[np.int64]:
    """Return (C,) int64: how many candidates each class column has."""
    return np.bincount(found.columns, minlength=num_classes).astype(np.int64)


def threshold_curve(
    probabilities: Probabilities,
    eligible: Positions,
    thresholds: NDArray[np.float32],
    forbidden: NDArray[np.bool_],
    withheld: Positions,
) -> ThresholdCurve:
    """Count the candidates at every threshold of a grid at once, for a slider's preview.

    Args:
        thresholds: (T,) grid, in any order; each is applied to all classes.
        probabilities, eligible, forbidden, withheld: as for `candidates`.
    """
    classes = probabilities.shape[1]
    grid = np.asarray(thresholds, dtype=np.float32)
    proposed = _best_allowed(probabilities, eligible, forbidden, withheld)
    by_class = np.zeros((len(grid), classes), dtype=np.int64)
    for column in range(classes):
        ascending = proposed.confidence[proposed.columns == column]  # they come sorted
        by_class[:, column] = len(ascending) - np.searchsorted(ascending, grid, side="left")
    counts = by_class.sum(axis=1)
    return ThresholdCurve(grid, counts, counts / max(1, len(eligible)), by_class)


def says_nothing(probabilities: Probabilities, forbidden: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,) bool: which rows of (n, C) give every class that is not forbidden the same."""
    if not forbidden.any():
        return probabilities.max(axis=1, initial=0) == probabilities.min(axis=1, initial=1)
    highest = np.where(forbidden, np.float32(0), probabilities).max(axis=1, initial=0)
    return highest == np.where(forbidden, np.float32(1), probabilities).min(axis=1, initial=1)


def _best_allowed(
    probabilities: Probabilities,
    eligible: Positions,
    forbidden: NDArray[np.bool_],
    withheld: Positions,
) -> Candidates:
    """Every eligible image's best allowed class, confidence ascending, then by position."""
    if forbidden.shape != probabilities.shape:
        raise ValueError(f"forbidden: expected shape {probabilities.shape}, got {forbidden.shape}.")
    rows = np.setdiff1d(eligible, withheld)
    if len(rows) and (rows[0] < 0 or rows[-1] >= len(probabilities)):
        raise ValueError(
            f"eligible: position {rows[-1]} is not among the {len(probabilities)} images of the "
            "round. Leave out images that were imported after it."
        )
    rows = rows[(~forbidden[rows]).sum(axis=1) >= 2]
    allowed = np.where(forbidden[rows], np.float32(0), probabilities[rows])
    mass = allowed.sum(axis=1)
    says = (mass > 0) & ~says_nothing(probabilities[rows], forbidden[rows])
    rows, allowed, mass = rows[says], allowed[says], mass[says]
    columns = allowed.argmax(axis=1).astype(np.int64)
    confidence = (allowed[np.arange(len(rows)), columns] / mass).astype(np.float32)
    order = np.lexsort((rows, confidence))
    return Candidates(rows[order], columns[order], confidence[order])
