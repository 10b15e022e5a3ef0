"""The mean of linear probe, transductive prototypes and label propagation on frozen features.

    P = sum_m a_m softmax(z_m / T_m) / sum_m a_m,   a_m = (k_m + 1) / (n + 2)

with the members' temperatures T_m from cross-fitting on the experts' labels, so that a member that
is too sure of itself does not outvote the others, and k_m of the n labels right there (Laplace's
rule of succession), so that one that is often wrong has less of a say. Classes that readers ruled
out for an image have no share in any member. Where several encoders have seen the images, each has
its own three members. After the idea of V-PET (Zhang, Mai, Nguyen and Chao, NeurIPS 2025,
arXiv 2503.09707), which averages the votes of fine-tuned models. docs/methods.md, Suggestion, has
its accuracy beside that of its members.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn

from sslapp.methods.head_ensemble.config import HeadEnsembleConfig
from sslapp.methods.label_propagation.method import (
    GraphVotePredictor,
    LabelPropagation,
    LabelPropagationPredictor,
)
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
    """A kind of member: the method that it is, and what reads what it has saved."""

    name: str
    method: type[Method]
    predictor: type[Predictor]


MEMBERS: Mapping[str, Kind] = {
    "linear probe": Kind("supervised", Supervised, LinearPredictor),
    "prototypes": Kind("prototypes", Prototypes, PrototypesPredictor),
    "label propagation": Kind("label-propagation", LabelPropagation, LabelPropagationPredictor),
}
"""In their order in every table."""


@dataclass(frozen=True)
class HeadMember:
    """One kind on the features of one encoder.

    Attributes:
        label: the kind's key in MEMBERS.
        encoder: whose features it sees; "" for the task's own where no others are beside them.
    """

    label: str
    encoder: str

    @property
    def name(self) -> str:
        """What pages call it."""
        return f"{self.label}, {self.encoder}" if self.encoder else self.label

    @property
    def kind(self) -> Kind:
        """What it is."""
        return MEMBERS[self.label]

    def sees(self, features: Features) -> Features:
        """The features of its encoder.

        Raises:
            ValueError: when they are not there.
        """
        if not self.encoder:
            return features
        for each in (features, *features.beside):
            if each.name == self.encoder:
                return each
        raise ValueError(f"features: there are none of {self.encoder}; embed the images by it.")

    def task(self, whole: Task) -> Task:
        """The task with the features of its encoder alone."""
        return replace(whole, features=self.sees(features_of(whole)))

    def run(self, whole: Run) -> Run:
        """The run in which its stages have names of their own."""
        apart = whole.apart()
        return apart.within(self.encoder) if self.encoder else apart

    def answer(self, folds: Sequence[Fold], run: Run) -> Tensor:
        """(n, C) out-of-sample logits, as `Method.answer`; asked for once in a run."""
        if not folds:
            return torch.zeros(0, 2)
        mine = [replace(each, task=self.task(each.task)) for each in folds]
        method, inside = self.kind.method, self.run(run)
        asked = inside.stage(
            f"out-of-sample-{_in_a_path(self.label)}",
            lambda _: {"logits": method(method.Config()).answer(mine, inside)},
        )
        return asked["logits"].cpu()


def members_of(features: Features) -> list[HeadMember]:
    """The members of an ensemble on these features: three an encoder."""
    encoders = [each.name for each in (features, *features.beside)] if features.beside else [""]
    return [HeadMember(label, encoder) for encoder in encoders for label in MEMBERS]


def average(folds: Sequence[Fold], answers: Sequence[Tensor]) -> Tensor:
    """What an ensemble says out of sample: the weighted mean of its members.

    How much a member counts in a fold is known from the other folds alone: what was fitted to the
    labels that it is asked about would make it look better than it is.

    Args:
        folds: about which they were asked.
        answers: (n, C) logits of each member.

    Returns:
        (n, C) float32 log-probabilities.
    """
    closed = torch.cat([torch.from_numpy(each.task.forbidden[each.rows]) for each in folds])
    labels = torch.cat([torch.from_numpy(each.labels) for each in folds])
    fold = torch.repeat_interleave(
        torch.arange(len(folds)), torch.tensor([len(each.rows) for each in folds])
    )
    parts = []
    for number in range(len(folds)):
        mine = fold == number
        weights = [Weight.of(z[~mine], labels[~mine]) for z in answers]
        p = [
            shares(z[mine], each.temperature, closed[mine])
            for z, each in zip(answers, weights, strict=True)
        ]
        parts.append(_log_mean(p, [each.share for each in weights]))
    return torch.cat(parts)


class Weight(NamedTuple):
    """How much a member's answers count: its temperature T_m and its share a_m, in [0, 1]."""

    temperature: float
    share: float

    @classmethod
    def of(cls, logits: Tensor, labels: Tensor) -> Self:
        """By its (n, C) out-of-sample logits; 1 and 1/2 where there are none."""
        if not len(labels):
            return cls(1.0, 0.5)
        right = int((logits.argmax(dim=1) == labels).sum())
        return cls(fit_temperature(logits, labels), (right + 1) / (len(labels) + 2))


class FittedMember(NamedTuple):
    """A fitted member, how much it counts, and which it is."""

    predictor: Predictor
    weight: Weight
    member: HeadMember


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
    """Logarithms of the weighted mean of its members' probabilities.

    Args:
        members: by name, in the order of `members_of`.
        forbidden: the classes that readers had ruled out.
    """

    def __init__(self, members: Mapping[str, FittedMember], forbidden: Forbidden) -> None:
        self._members = members
        self._forbidden = forbidden

    def logits(self, source: Pixels | Features, indices: Indices) -> Tensor:
        """Return (n, C) float32: log-probabilities."""
        return self.with_members(source, indices)[0]

    def with_members(
        self, source: Pixels | Features, indices: Indices
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the logits and what they are the mean of."""
        said = self.members(source, indices)
        shared = [each.weight.share for each in self._members.values()]
        return _log_mean(list(said.values()), shared), said

    def members(self, source: Pixels | Features, indices: Indices) -> dict[str, Tensor]:
        """Return each member's (n, C) float32 probabilities by its name."""
        closed = self._forbidden.of(torch.from_numpy(indices))
        return {
            name: self._shares(each, source, indices, closed)
            for name, each in self._members.items()
        }

    @staticmethod
    def _shares(
        each: FittedMember, source: Pixels | Features, indices: Indices, closed: Tensor
    ) -> Tensor:
        features: Features = source  # type: ignore[assignment]
        logits = each.predictor.logits(each.member.sees(features), indices)
        return shares(logits, each.weight.temperature, closed).float()

    def detached(self, source: Pixels | Features) -> "HeadEnsemblePredictor":
        """The same for images of elsewhere, about which nobody has ruled anything out."""
        features: Features = source  # type: ignore[assignment]
        members = {
            name: each._replace(predictor=each.predictor.detached(each.member.sees(features)))
            for name, each in self._members.items()
        }
        nothing = Forbidden(self._forbidden.rows[:0], self._forbidden.classes[:0])
        return HeadEnsemblePredictor(members, nothing)

    def module(self) -> nn.Module:
        """Features of each encoder -> log-probabilities."""
        return EnsembleModule(list(self._members.values()))

    def save(self, folder: Path) -> None:
        """Write the members below `folder`, then what they have in common."""
        for name, each in self._members.items():
            each.predictor.save(folder / _in_a_path(name))
        description: dict[str, object] = {
            "kind": "head-ensemble",
            "members": [
                {
                    "of": each.member.label,
                    "on": each.member.encoder,
                    "detached": isinstance(each.predictor, GraphVotePredictor),
                    **each.weight._asdict(),
                }
                for each in self._members.values()
            ],
        }
        predictor.write(folder, description, self._forbidden._asdict())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ValueError: when the folder describes another kind of predictor.
        """
        description, tensors = predictor.read(folder, "head-ensemble")
        members = {}
        for each in description["members"]:
            found = HeadMember(each["of"], each["on"])
            # rounds of earlier versions do not say it: theirs answer in their project
            of = GraphVotePredictor if each.get("detached") else found.kind.predictor
            loaded = of.load(folder / _in_a_path(found.name))
            weight = Weight(each["temperature"], each["share"])
            members[found.name] = FittedMember(loaded, weight, found)
        return cls(members, Forbidden(**tensors))


class EnsembleModule(nn.Module):
    """The weighted mean over some fitted members, with nothing ruled out.

    Args:
        members: those of an encoder one after the other.
    """

    def __init__(self, members: Sequence[FittedMember]) -> None:
        super().__init__()
        encoders = list(dict.fromkeys(each.member.encoder for each in members))
        self._reads = [encoders.index(each.member.encoder) for each in members]
        self._weights = [each.weight for each in members]
        self.heads = nn.ModuleList(each.predictor.module() for each in members)

    def forward(self, *features: Tensor) -> Tensor:
        """Return (n, C) float32 log-probabilities for (n, D) features of each encoder."""
        said = [
            torch.softmax(head(features[at]).double() / weight.temperature, dim=1)
            for head, at, weight in zip(self.heads, self._reads, self._weights, strict=True)
        ]
        return _log_mean(said, [each.share for each in self._weights])


class HeadEnsemble(Method):
    """Linear probe, prototypes and label propagation, averaged, on one encoder or several."""

    Config = HeadEnsembleConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Fit the members, and how much each counts by cross-fitting."""
        check_trainable(task)
        folds = cross_folds(task, run.seed, quick=True)
        asked = np.concatenate([each.labels for each in folds] or [np.zeros(0, dtype=np.int64)])
        labels = torch.from_numpy(asked)
        members = members_of(features_of(task))
        fitted = {}
        for number, each in enumerate(members, 1):
            run.check()
            weight = Weight.of(each.answer(folds, run), labels)
            method = each.kind.method(each.kind.method.Config())
            predictor = method.fit(each.task(task), each.run(run))
            fitted[each.name] = FittedMember(predictor, weight, each)
            reported = {f"{name}, {each.name}": value for name, value in weight._asdict().items()}
            run.report(number, len(members), reported)
        rows = torch.from_numpy(np.flatnonzero(task.forbidden.any(axis=1)))
        found = HeadEnsemblePredictor(
            fitted, Forbidden(rows, torch.from_numpy(task.forbidden)[rows])
        )
        if len(task.validation):
            said = found.logits(features_of(task), task.validation).argmax(dim=1).numpy()
            accuracy = float((said == task.labels[task.validation]).mean())
            run.report(len(members), len(members), {"holdout accuracy": accuracy})
        return found

    def answer(self, folds: Sequence[Fold], run: Run) -> Tensor:
        """Ask the members, as `Method.answer` does, and average them.

        Args:
            folds: several; those of `cross_folds`, about which `fit` has asked already.
        """
        members = members_of(features_of(folds[0].task))
        return average(folds, [each.answer(folds, run) for each in members])


def _log_mean(members: Sequence[Tensor], shared: Sequence[float]) -> Tensor:
    """(n, C) float32 logarithms of the weighted mean of (n, C) probabilities."""
    share = torch.tensor(shared, dtype=torch.float64) / sum(shared)
    mean = torch.einsum("m,mnc->nc", share, torch.stack(list(members)).double())
    return torch.log(mean.clamp(min=FLOOR)).float()


def _in_a_path(name: str) -> str:
    return name.replace(", ", "-").replace(" ", "-")
