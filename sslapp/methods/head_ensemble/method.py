"""The mean of linear probe, transductive prototypes and label propagation on frozen features.

    P = 1/M sum_m softmax(z_m / T_m)

with the members' temperatures T_m from cross-fitting on the experts' labels, so that a member that
is too sure of itself does not outvote the others. Classes that readers ruled out for an image have
no share in any member. After the idea of V-PET (Zhang, Mai, Nguyen and Chao, NeurIPS 2025,
arXiv 2503.09707), which averages the votes of fine-tuned models. docs/benchmarks.md, Calibration,
has its accuracy beside that of its members.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from sslapp.methods.head_ensemble.config import HeadEnsembleConfig
from sslapp.methods.label_propagation.method import LabelPropagation, LabelPropagationPredictor
from sslapp.methods.prototypes.method import Prototypes, PrototypesPredictor
from sslapp.methods.supervised.method import Supervised
from sslapp.training import predictor
from sslapp.training.calibration.temperature import fit_temperature
from sslapp.training.folds import Fold, cross_folds
from sslapp.training.method import Method, Predictor
from sslapp.training.predictor import LinearPredictor
from sslapp.training.run import Run
from sslapp.training.task import Features, Indices, Pixels, Task, check_trainable, features_of

FLOOR = 1e-9
"""Least probability whose logarithm is taken."""


class Kind(NamedTuple):
    """A kind of member: how it is fitted, and what reads what it has saved."""

    method: type[Method]
    predictor: type[Predictor]


MEMBERS: Mapping[str, Kind] = {
    "linear probe": Kind(Supervised, LinearPredictor),
    "prototypes": Kind(Prototypes, PrototypesPredictor),
    "label propagation": Kind(LabelPropagation, LabelPropagationPredictor),
}
"""In their order in every table."""


class FittedMember(NamedTuple):
    """A fitted member and its temperature."""

    predictor: Predictor
    temperature: float


class Forbidden(NamedTuple):
    """What readers ruled out: (m,) int64 rows, ascending, and (m, C) bool of their classes."""

    rows: Tensor
    classes: Tensor

    def of(self, indices: Tensor) -> Tensor:
        """(n, C) bool of (n,) rows."""
        found = torch.zeros(len(indices), self.classes.shape[1], dtype=torch.bool)
        if len(self.rows):
            place = torch.searchsorted(self.rows, indices).clamp(max=len(self.rows) - 1)
            there = self.rows[place] == indices
            found[there] = self.classes[place[there]]
        return found


def shares(logits: Tensor, temperature: float, forbidden: Tensor) -> Tensor:
    """(n, C) probabilities of a member without the classes ruled out.

    Args:
        logits: (n, C).
        temperature: T_m.
        forbidden: (n, C) bool; a row with every class is left as it is.
    """
    closed = forbidden & ~forbidden.all(dim=1, keepdim=True)
    return torch.softmax((logits.double() / temperature).masked_fill(closed, -torch.inf), dim=1)


class HeadEnsemblePredictor(Predictor):
    """Logarithms of the mean of its members' probabilities.

    Args:
        members: by name, in the order of MEMBERS.
        forbidden: the classes that readers had ruled out.
    """

    def __init__(self, members: Mapping[str, FittedMember], forbidden: Forbidden) -> None:
        self._members = members
        self._forbidden = forbidden

    def logits(self, source: Pixels | Features, indices: Indices) -> Tensor:
        """Return (n, C) float32: log-probabilities."""
        return _log_mean(list(self.members(source, indices).values()))

    def members(self, source: Pixels | Features, indices: Indices) -> dict[str, Tensor]:
        """Return each member's (n, C) float32 probabilities by its name."""
        closed = self._forbidden.of(torch.from_numpy(indices))
        return {
            name: shares(each.predictor.logits(source, indices), each.temperature, closed).float()
            for name, each in self._members.items()
        }

    def save(self, folder: Path) -> None:
        """Write the members below `folder`, then what they have in common."""
        for name, each in self._members.items():
            each.predictor.save(folder / _in_a_path(name))
        description: dict[str, object] = {
            "kind": "head-ensemble",
            "temperatures": {name: each.temperature for name, each in self._members.items()},
        }
        predictor.write(folder, description, self._forbidden._asdict())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ValueError: when the folder describes another kind of predictor.
        """
        description, tensors = predictor.read(folder, "head-ensemble")
        members = {
            name: FittedMember(MEMBERS[name].predictor.load(folder / _in_a_path(name)), temperature)
            for name, temperature in description["temperatures"].items()
        }
        return cls(members, Forbidden(**tensors))


class HeadEnsemble(Method):
    """Linear probe, prototypes and label propagation, averaged."""

    Config = HeadEnsembleConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Fit the members, and their temperatures by cross-fitting."""
        check_trainable(task)
        folds = cross_folds(task, run.seed, quick=True)
        fitted = {}
        for number, (name, kind) in enumerate(MEMBERS.items(), 1):
            run.check()
            temperature = self._temperature(folds, self._answers(name, folds, run))
            method = kind.method(kind.method.Config())
            fitted[name] = FittedMember(method.fit(task, run.apart()), temperature)
            run.report(number, len(MEMBERS), {f"temperature, {name}": temperature})
        rows = torch.from_numpy(np.flatnonzero(task.forbidden.any(axis=1)))
        found = HeadEnsemblePredictor(
            fitted, Forbidden(rows, torch.from_numpy(task.forbidden)[rows])
        )
        if len(task.validation):
            said = found.logits(features_of(task), task.validation).argmax(dim=1).numpy()
            accuracy = float((said == task.labels[task.validation]).mean())
            run.report(len(MEMBERS), len(MEMBERS), {"holdout accuracy": accuracy})
        return found

    def answer(self, folds: Sequence[Fold], run: Run) -> Tensor:
        """Ask the members, as `Method.answer` does, and average with the temperatures of `fit`.

        Args:
            folds: those of `cross_folds`, about which `fit` has asked already.
        """
        closed = torch.cat(
            [torch.from_numpy(each.task.forbidden[each.rows]) for each in folds]
        )  # (n, C)
        said = []
        for name in MEMBERS:
            logits = self._answers(name, folds, run)
            said.append(shares(logits, self._temperature(folds, logits), closed))
        return _log_mean(said)

    def _answers(self, name: str, folds: Sequence[Fold], run: Run) -> Tensor:
        """(n, C) a member's out-of-sample logits; asked for once in a run."""
        method = MEMBERS[name].method
        if not folds:
            return torch.zeros(0, 2)
        asked = run.stage(
            f"out-of-sample-{_in_a_path(name)}",
            lambda _: {"logits": method(method.Config()).answer(folds, run.apart())},
        )
        return asked["logits"].cpu()

    @staticmethod
    def _temperature(folds: Sequence[Fold], logits: Tensor) -> float:
        """T_m; 1 where there are no answers to fit it to."""
        if not folds:
            return 1.0
        labels = torch.cat([torch.from_numpy(each.labels) for each in folds])
        return fit_temperature(logits, labels)


def _log_mean(members: Sequence[Tensor]) -> Tensor:
    """(n, C) float32 logarithms of the mean of (n, C) probabilities."""
    mean = torch.stack(list(members)).double().mean(dim=0)
    return torch.log(mean.clamp(min=FLOOR)).float()


def _in_a_path(name: str) -> str:
    return name.replace(" ", "-")
