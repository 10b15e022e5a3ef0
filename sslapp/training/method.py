"""What a semi-supervised method is: a Config and `fit`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import torch

from sslapp.training.configuration import MethodConfig
from sslapp.training.folds import Fold
from sslapp.training.run import Checkpoints, Report, Run, Tensors
from sslapp.training.task import Features, Indices, Pixels, Task
from sslapp.vocabulary import Gear


class Predictor(ABC):
    """What a fitted method leaves: class scores for any row of a source of images or features."""

    @abstractmethod
    def logits(self, source: Pixels | Features, indices: Indices) -> torch.Tensor:
        """Return (n, C) float32 scores; softmax of a row gives its raw probabilities."""

    def embed(self, source: Pixels | Features, indices: Indices) -> torch.Tensor | None:
        """Return (n, D) float32 of the last hidden layer that the fit taught.

        None where there is no such layer: a head on frozen features sees those themselves.
        """
        return None

    def with_members(
        self, source: Pixels | Features, indices: Indices
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return `logits`, and each member's (n, C) float32 probabilities by its name, if any."""
        return self.logits(source, indices), {}

    def detached(self, source: Pixels | Features) -> "Predictor":
        """The same for images of elsewhere: what it reads of fitted rows is taken along.

        Args:
            source: what it was fitted on.
        """
        return self

    def module(self) -> torch.nn.Module:
        """What a row of a source becomes, as a module that can be traced.

        Returns:
            (n, D) float32 features, or (n, C, S, S) float32 images in [0, 1], -> (n, C) float32
            logits; of several encoders' features where it was fitted on several, in their order.

        Raises:
            ValueError: when there is no such module, with the mend.
        """
        raise ValueError(
            f"{type(self).__name__} answers inside of its project alone. Export a round of another "
            "method."
        )

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the predictor below `folder` as safetensors and JSON."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""


class Method(ABC):
    """A semi-supervised algorithm; its card (`methods.card`) says how readers know it.

    Class attributes:
        Config: its options.
    """

    Config: ClassVar[type[MethodConfig]]

    def __init__(self, config: Any) -> None:
        """Keep the options; everything else happens in `fit`."""
        self.config = config

    @abstractmethod
    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on `task` and return a predictor.

        All randomness comes from `run.generator(purpose, step)`, all files go through `run.stage`.

        Raises:
            Stopped: when `run.should_stop()` became true.
            ValueError: when the task cannot be trained on, with the mend.
        """

    def answer(self, folds: Sequence[Fold], run: Run) -> torch.Tensor:
        """Ask, for every fold, a fit to its task about the images that it lacks.

        Returns:
            (n, C) float32 logits of the folds' rows, one fold after the other, on the CPU.

        Raises:
            Stopped, ValueError: as `fit`.
        """
        answers = []
        for done, fold in enumerate(folds):
            ask = partial(self._answer, fold, run.apart(_after(run.report, done, len(folds))))
            answers.append(run.stage(f"fold-{done + 1}", ask)["logits"])
        return torch.cat(answers).cpu()

    def _answer(self, fold: Fold, run: Run, _: Checkpoints) -> Tensors:
        source = fold.task.pixels if run.gear is Gear.PIXELS else fold.task.features
        assert source is not None  # the fit would have refused the task
        return {"logits": self.fit(fold.task, run).logits(source, fold.rows).float()}


def _after(report: Report, done: int, fits: int) -> Report:
    """A fit's report as that of the one after `done` of `fits` fits of its length."""
    return lambda step, total, metrics: report(done * total + step, fits * total, metrics)
