"""What a semi-supervised method is: a Config and `fit`."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import torch

from sslapp.training.configuration import MethodConfig
from sslapp.training.run import Run
from sslapp.training.task import Features, Indices, Pixels, Task


class Predictor(ABC):
    """What a fitted method leaves: class scores for any row of a source of images or features."""

    @abstractmethod
    def logits(self, source: Pixels | Features, indices: Indices) -> torch.Tensor:
        """Return (n, C) float32 scores; softmax of a row gives its raw probabilities."""

    def embed(self, source: Pixels | Features, indices: Indices) -> torch.Tensor | None:
        """Return (n, D) float32 of the last hidden layer, or None where there is none."""
        return None

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
