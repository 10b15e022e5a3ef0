"""Conformal sets of a round: the classes that an image may be, at a stated coverage.

An image whose set holds one class alone can be proposed as that class, in place of one whose
confidence reaches a threshold. The coverage is each class's: of its images at least this share have
a set that holds it, if they are exchangeable with those that the round was asked about. Held-out
images are; of cross-fitting and of a held-out third other fits were asked, which were taught less.
Scores are of what the method says before it is calibrated: a map that was fitted to the answers
would suit them better than it suits other images.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslapp.store.rounds import FinishedRound
from sslapp.training.calibration.conformal import class_quantiles, sets
from sslapp.training.calibration.scaling import softmax
from sslapp.workspace import Workspace

COVERAGES = (0.8, 0.9, 0.95)
"""What pages offer: 4, 9 and 19 labels of each class are needed for it."""

ROUNDING = 1e-6
"""By how much two float32 softmaxes of one image may differ. A set is wider by it, so that an image
that ties with an answer is inside as the answer is; a wider set covers no less."""


@dataclass(frozen=True, eq=False)
class Coverage:
    """Sets that hold an image's class for a share of the images of every class.

    Attributes:
        share: in (0, 1), 1 - alpha.
        quantiles: (C,) float64 of 1 - p_c by the round's columns, plus ROUNDING; infinite where a
            class has too few labels, minus infinite for a class that is retired.
        judged: (C,) int64 labels of each class that the answers are about.
    """

    share: float
    quantiles: NDArray[np.float64]
    judged: NDArray[np.int64]

    @property
    def needed(self) -> int:
        """Labels of a class below which no set can leave it out."""
        return math.ceil(self.share / (1 - self.share) - 1e-9)

    @property
    def lacking(self) -> NDArray[np.int64]:
        """Columns of the classes in use that have fewer labels: every set would hold them."""
        return np.flatnonzero(self.quantiles == math.inf)

    @property
    def suffices(self) -> bool:
        """Whether the labels are enough for every class in use."""
        return not len(self.lacking)

    def alone(
        self,
        probabilities: NDArray[np.floating],
        forbidden: NDArray[np.bool_],
        columns: NDArray[np.integer],
    ) -> NDArray[np.bool_]:
        """(q,) bool: whether an image's set holds this class and no other that it may be.

        Args:
            probabilities: (q, C) float32 as the round stored them.
            forbidden: (q, C) bool, classes that an image cannot be.
            columns: (q,) the classes.
        """
        inside = sets(probabilities, self.quantiles) & ~forbidden
        single = inside.sum(axis=1) == 1
        return single & inside[np.arange(len(inside)), columns]


def coverage_of(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.int64],
    in_use: NDArray[np.bool_],
    share: float,
) -> Coverage:
    """The sets of a round at a coverage.

    Args:
        probabilities: (n, C) float32 softmax, not calibrated, of images that the fit which gave
            them was not taught.
        labels: (n,) columns.
        in_use: (C,) bool, False for columns of classes that are retired by now.
        share: of every class's images.

    Raises:
        ValueError: unless 0 < share < 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"coverage: {share} is no share between 0 and 1.")
    quantiles = class_quantiles(probabilities, labels, 1 - share)
    judged = np.bincount(labels, minlength=probabilities.shape[1]).astype(np.int64)
    return Coverage(share, np.where(in_use, quantiles + ROUNDING, -math.inf), judged)


def read_coverages(
    workspace: Workspace,
    found: FinishedRound,
    in_use: NDArray[np.bool_],
    shares: Sequence[float] = COVERAGES,
) -> list[Coverage]:
    """The sets of a round at several coverages; [] where it has no out-of-sample answers."""
    answers = found.read_answers(workspace)
    if answers is None:
        return []
    p = softmax(np.asarray(answers.logits, dtype=np.float32))  # as the images' are
    return [coverage_of(p, answers.labels, in_use, share) for share in shares]
