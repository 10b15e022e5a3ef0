"""A reader made of true labels, with human mistakes and a human pace."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class ReaderModel:
    """How a simulated reader behaves.

    Attributes:
        accuracy: chance that an answer is the true class, in (0, 1].
        fatigue: added chance of a mistake for each hour that was read, without a break.
        bias: chance that a wrong proposal is accepted because it is there (automation bias); it is
            nothing where the class is named blind.
        confusion: (C, C) rows of probabilities of the wrong answers given the true class, zero
            diagonal; None spreads mistakes evenly.
        seconds_label: seconds to name a class; seconds_review: to judge a proposed one;
            seconds_bulk: for a bulk decision.
    """

    accuracy: float = 1.0
    fatigue: float = 0.0
    bias: float = 0.0
    confusion: NDArray[np.float64] | None = None
    seconds_label: float = 3.0
    seconds_review: float = 1.5
    seconds_bulk: float = 10.0


class SimulatedReader:
    """Answers about one image at a time; unless they tire, always the same.

    Args:
        truth: (N,) int64 true class columns. Read one element per answer and in no other way.
        num_classes: C.
        model: accuracy, confusion and pace.
        seed: of the mistakes.

    Raises:
        ValueError: when the confusion does not fit the classes.
    """

    def __init__(
        self, truth: NDArray[np.int64], num_classes: int, model: ReaderModel, seed: int
    ) -> None:
        if model.confusion is not None:
            _check_confusion(model.confusion, num_classes)
        self._truth = truth
        self._num_classes = num_classes
        self._model = model
        self._seed = seed
        self.seconds = 0.0

    def name_class(self, position: int) -> int:
        """Look at an image and name its class."""
        self.seconds += self._model.seconds_label
        return self._answer(position)

    def judge(self, position: int, proposed: int) -> int:
        """Look at an image with a proposed class and name the right one; it may be the same."""
        answer = self._answer(position)
        if self._trusts(position):
            answer = proposed
        agrees = answer == proposed
        self.seconds += self._model.seconds_review if agrees else self._model.seconds_label
        return answer

    def decide_in_bulk(self) -> None:
        """Spend the time that one bulk decision takes."""
        self.seconds += self._model.seconds_bulk

    def _trusts(self, position: int) -> bool:
        rng = np.random.default_rng([self._seed, position, 1])
        return bool(rng.random() < self._model.bias)

    def _answer(self, position: int) -> int:
        true = int(self._truth[position])
        rng = np.random.default_rng([self._seed, position])
        tired = self._model.fatigue * self.seconds / 3600
        if rng.random() < self._model.accuracy - tired:
            return true
        if self._model.confusion is not None:
            chances = self._model.confusion[true].astype(float)
        else:
            chances = np.ones(self._num_classes)
        chances[true] = 0
        return int(rng.choice(self._num_classes, p=chances / chances.sum()))


def _check_confusion(confusion: NDArray[np.float64], num_classes: int) -> None:
    if confusion.shape != (num_classes, num_classes):
        raise ValueError(
            f"confusion: a table of {num_classes} x {num_classes} chances is needed, one row a "
            f"true class; this one has the shape {confusion.shape}."
        )
    wrong = np.where(np.eye(num_classes, dtype=bool), 0, confusion)
    if not np.isfinite(wrong).all() or (wrong < 0).any() or (wrong.sum(axis=1) <= 0).any():
        raise ValueError(
            "confusion: every row needs chances of 0 or more, and one above 0 off the diagonal."
        )
