"""Evaluations on the holdout while a network trains: the student's and the averaged weights'.

They look and change nothing: no weight, no random draw and no checkpointed choice depends on them,
and the published predictor is the last averaged weights whatever they say. The test split is never
read.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from sslapp.training.loop import figures
from sslapp.training.run import Run, Tensors
from sslapp.training.task import Indices, Task

Evaluate = Callable[[Mapping[str, Tensor], Indices], Tensor]


class Evaluation:
    """The evaluations of one training.

    Args:
        task: its validation rows are the holdout.
        run: keys the choice among the rows of a large holdout.
        total: steps of the training.
        report_every: steps between reports; evaluations fall on some of them.
        images_a_step: images of a training step, each view counted.
        evaluate: (weights, rows) -> (n, C) logits of clean images.
    """

    def __init__(
        self,
        task: Task,
        run: Run,
        *,
        total: int,
        report_every: int,
        images_a_step: int,
        evaluate: Evaluate,
    ) -> None:
        reports = max(1, total // report_every)
        self.every = report_every * max(1, reports // figures.EVALUATIONS)
        self._total = total
        self._evaluate = evaluate
        allowed = figures.rows_allowed(images_a_step, total, total // self.every)
        self.rows = _part(task.validation, allowed, run)
        self._truth = torch.from_numpy(task.labels[self.rows])
        self._courses: dict[str, list[float]] = {figures.ACCURACY: [], figures.STUDENT: []}

    def due(self, done: int) -> bool:
        """Whether there is an evaluation after `done` steps."""
        return done % self.every == 0 or done == self._total

    def take(
        self, done: int, *, averaged: Mapping[str, Tensor], student: Mapping[str, Tensor]
    ) -> dict[str, float]:
        """Evaluate both after `done` steps and return figures to report; at the end all of them."""
        metrics = {figures.EVALUATED: float(len(self.rows))}
        if not len(self.rows):
            return metrics
        for name, weights in ((figures.ACCURACY, averaged), (figures.STUDENT, student)):
            right = self._evaluate(weights, self.rows).argmax(dim=1) == self._truth
            metrics[name] = float(right.double().mean())
            self._courses[name].append(metrics[name])
        if done == self._total:
            for name, course in self._courses.items():
                metrics |= figures.summary(name, course)
        return metrics

    def state_dict(self) -> Tensors:
        """The figures so far, for a checkpoint."""
        return {
            name: torch.tensor(course, dtype=torch.float64)
            for name, course in self._courses.items()
        }

    def load_state_dict(self, state: Tensors) -> None:
        """Take over what `state_dict` returned."""
        self._courses = {name: state[name].tolist() for name in self._courses}


def _part(rows: Indices, allowed: int, run: Run) -> Indices:
    """All rows, or so many of them drawn at random, ascending."""
    ascending = np.sort(rows)
    if len(rows) <= allowed:
        return ascending
    generator = run.generator("evaluation", device="cpu")
    return np.sort(ascending[torch.randperm(len(rows), generator=generator).numpy()[:allowed]])
