"""Self-training in rounds (Scudder, "Probability of Error of Some Adaptive Pattern-Recognition
Machines", IEEE Transactions on Information Theory 1965; with networks Lee, "Pseudo-Label", ICML
workshop 2013).

With the labelled images L, the pool U and F_u the classes that readers ruled out for u, and no
pseudo-labels P_0 at first, for i = 0, 1, ...

    theta_i = the supervised training on L and P_i, a teacher
    q_u     = p_theta_i(y | u, y not in F_u), clean images, averaged weights
    P_i+1   = {(u, argmax q_u): u in U, max q_u > tau}, the k surest of each class    (rebuild)
    P_i+1   = P_i and that of the images of U which are not in P_i                    (accumulate)

until no image is confident, nothing changes, the pool is empty, or the trainings have been made.
The last one predicts. `noisy_student` trains theta_1, theta_2, ... on strong views of all images,
so that the student has the harder task than its teacher (Xie et al., "Self-training with Noisy
Student improves ImageNet classification", CVPR 2020); its larger students, dropout and soft labels
are left out.

A network's confidence is far from its accuracy, a probe's is nearer: on features tau is lower by
itself, where .95 leaves too few pseudo-labels to learn from (docs/methods.md).

The papers leave open whether a training goes on with the weights of the one before: here each
starts anew, from the same ones. Pseudo-labels stand in a batch where accepted ones do, so a
reader's own labels keep their share of it (`expert_share`). The cap counts what one choice gives:
with `accumulate` as many join after every training. An image that has one class left gets no
pseudo-label, for its confidence is 1 whatever the model believes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sslapp.methods.self_training.config import SelfTrainingConfig
from sslapp.methods.supervised.config import SupervisedConfig
from sslapp.methods.supervised.method import Supervised
from sslapp.training import configuration
from sslapp.training.method import Method, Predictor
from sslapp.training.rules.losses import allowed_probabilities
from sslapp.training.run import Run, Tensors
from sslapp.training.task import Indices, Task, check_trainable
from sslapp.vocabulary import Gear, Source

ASKED_AT_ONCE = 4096
TAU = {Gear.PIXELS: 0.95, Gear.FEATURES: 0.8}
"""Of whoever chooses none."""


@dataclass(frozen=True, eq=False)
class PseudoLabels:
    """P_i.

    Attributes:
        rows: (n,) int64 rows of the pool, ascending.
        classes: (n,) int64.
    """

    rows: Indices
    classes: Indices

    def same_as(self, other: "PseudoLabels") -> bool:
        """Whether the same images have the same classes."""
        return np.array_equal(self.rows, other.rows) and np.array_equal(self.classes, other.classes)

    def given(self, task: Task) -> Task:
        """The task with them as labels that no expert gave, and without them in the pool."""
        labels, source = task.labels.copy(), task.source.copy()
        labels[self.rows], source[self.rows] = self.classes, Source.ACCEPTED
        return replace(
            task,
            labels=labels,
            source=source,
            labelled=np.concatenate([task.labelled, self.rows]),
            pool=np.setdiff1d(task.pool, self.rows),
        )

    def joined(self, others: "PseudoLabels") -> "PseudoLabels":
        """These and others, which are about other images."""
        rows = np.concatenate([self.rows, others.rows])
        order = np.argsort(rows)
        return PseudoLabels(rows[order], np.concatenate([self.classes, others.classes])[order])


NONE = PseudoLabels(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


class SelfTraining(Method):
    """Supervised trainings, each on the confident answers of the one before as well."""

    Config = SelfTrainingConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train until nothing new is confident; return the last model."""
        check_trainable(task)
        number, pseudo = 0, NONE
        while True:
            told = self._reporting(task, run, number, pseudo)
            within = told.within(f"iteration-{number}")
            fitted = self._trained(number).fit(pseudo.given(task), within)
            number += 1
            if number == self.config.iterations:
                return fitted
            chosen = self._chosen(task, within, fitted, pseudo)
            if chosen.same_as(pseudo) or not len(chosen.rows):
                return fitted
            pseudo = chosen

    def _trained(self, number: int) -> Supervised:
        """The training of the iteration `number`, from 0."""
        options = {name: getattr(self.config, name) for name in SupervisedConfig.model_fields}
        if number and self.config.noisy_student:
            options["labelled_views"] = "strong"
        return Supervised(SupervisedConfig(**options))

    def _chosen(
        self, task: Task, run: Run, fitted: Predictor, pseudo: PseudoLabels
    ) -> PseudoLabels:
        """P_i+1, as a stage."""
        accumulates = self.config.mode == "accumulate"
        asked = np.setdiff1d(task.pool, pseudo.rows) if accumulates else np.sort(task.pool)
        found = run.stage("pseudo-labels", lambda _: self._confident(task, run, fitted, asked))
        new = PseudoLabels(found["rows"].cpu().numpy(), found["classes"].cpu().numpy())
        return pseudo.joined(new) if accumulates else new

    def _confident(self, task: Task, run: Run, fitted: Predictor, rows: Indices) -> Tensors:
        source = task.pixels if run.gear is Gear.PIXELS else task.features
        assert source is not None  # the training would have refused the task
        parts = []
        for start in range(0, len(rows), ASKED_AT_ONCE):
            run.check()
            parts.append(fitted.logits(source, rows[start : start + ASKED_AT_ONCE]).cpu().double())
        logits = torch.cat(parts) if parts else torch.zeros(0, task.num_classes)
        tau = self.config.tau or TAU[run.gear]
        places, classes = confident(logits, task.forbidden[rows], tau, self.config.most_per_class)
        return {"rows": torch.from_numpy(rows)[places], "classes": classes}

    def _reporting(self, task: Task, run: Run, number: int, pseudo: PseudoLabels) -> Run:
        """The run whose reports are of all trainings, with what this one's pseudo-labels are."""
        counts = np.bincount(pseudo.classes, minlength=task.num_classes)
        known: dict[str, float] = {"mask rate": len(pseudo.rows) / max(1, len(task.pool))}
        known |= {f"pseudo_labels/{c}": float(count) for c, count in enumerate(counts.tolist())}
        all_of_them = self.config.iterations
        if run.gear is Gear.FEATURES:  # a probe takes no steps and reports nothing
            run.report(number, all_of_them, known)
            return run
        steps = configuration.steps(self.config, task)

        def report(step: int, _: int, metrics: Mapping[str, Any]) -> None:
            run.report(number * steps + step, all_of_them * steps, {**known, **metrics})

        return run.apart(report)


def confident(
    logits: Tensor, forbidden: NDArray[np.bool_], tau: float, most_per_class: int = 0
) -> tuple[Tensor, Tensor]:
    """Which images get a pseudo-label, and which one.

    Args:
        logits: (n, C) of clean images.
        forbidden: (n, C) bool; classes that readers ruled out take no part.
        tau: strictly above it counts.
        most_per_class: of each class at most so many, the most confident; 0 for no limit.

    Returns:
        (m,) int64 places, ascending, and their (m,) int64 classes.
    """
    p = allowed_probabilities(logits, torch.from_numpy(forbidden))
    confidence, classes = p.max(dim=1)
    several = torch.from_numpy((~forbidden).sum(axis=1) > 1)
    counts = (confidence > tau) & several
    if most_per_class:
        for each in range(logits.shape[1]):
            places = torch.nonzero(counts & (classes == each))[:, 0]
            # of equals the first, whatever the sort would do
            order = torch.argsort(confidence[places], descending=True, stable=True)
            counts[places[order[most_per_class:]]] = False
    places = torch.nonzero(counts)[:, 0]
    return places, classes[places]
