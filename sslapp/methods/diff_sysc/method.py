"""Diff-SySC: label diffusion that labels the pool for itself, a new model at every iteration.

For i = 0 .. m - 1: train a new label denoiser D_i (LRA-diffusion, `denoiser`) on
the labelled images; sample a label vector z for every pool image; move those with
max softmax(z / tau) > gamma to the labelled ones, with argmax z; stop when nothing moved or the
pool is empty. The last D_i is returned.

The paper fits tau to a validation set of thousands of labels and returns the D_i that is best on
it. Here such labels are the holdout, which measures the round and must decide nothing in it: tau
gives a perfect one-hot vector a confidence of .99.

Where the paper is silent: the features are directions from their mean (`directions`);
of the k = 10 neighbours only so many are asked as agree with the labels there are
(`retrieval.agreeing`); the learning rate falls to nothing over a model's own epochs.
Nothing is moved in the last iteration, since no model would learn from it. What readers ruled out
for an image is neither retrieved nor sampled for it and never its label; no loss is made of it.

The paper's epochs are made for 250 labels and more: 10 steps each at first and some 1,800 later. A
smaller set is passed over as often as 4,000 steps of the paper's batch size, later 1,500, take.

schedule "paper" keeps the batch size throughout, in float32; "fast" keeps the passes and the first
iteration's batches and then takes batches of a fiftieth of the labelled images, 50 steps a pass,
in the number format of the run where a batch is large.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from sslapp.methods.diff_sysc.config import DiffSySCConfig
from sslapp.methods.diff_sysc.denoiser import Examples, Training, train
from sslapp.methods.diff_sysc.directions import centre, directions
from sslapp.methods.diff_sysc.image_encoder import ImageEncoder
from sslapp.methods.diff_sysc.predictor import LabelDiffusionPredictor
from sslapp.methods.diff_sysc.retrieval import NONE, Neighbours, agreeing, label_pools, nearest
from sslapp.training import standardisation
from sslapp.training.method import Method, Predictor
from sslapp.training.run import Run, Tensors
from sslapp.training.task import Indices, Task, check_trainable, features_of

FIRST_STEPS, LATER_STEPS, STEPS_AN_EPOCH = 4000, 1500, 50
"""Least steps of the paper's batches, of the first model and of later ones; steps of a pass of the
fast schedule."""

LARGE = 100
"""Images in a step from which on short numbers are taken. At 25 the weights' rounding at every step
costs more than the products save, at 200 far less (benchmarks/diff_sysc.py); between is choice."""

MOST = 10
"""Neighbours whose labels are retrieved at most: the paper's k."""

SURE = 0.99
"""Confidence that a perfect one-hot vector gets."""


@dataclass(frozen=True)
class Plan:
    """The numbers of the paper's table that fit a task.

    Attributes:
        gamma: confidence above which a pool image is moved.
        batch: labelled images in a step.
        epochs: of each iteration.
    """

    gamma: float
    batch: int
    epochs: tuple[int, ...]


PAPER = {
    # classes, images, labels
    (10, 50_000, 250): Plan(0.95, 25, (400, 30, 30, 20)),  # CIFAR-10
    (10, 50_000, 4_000): Plan(0.95, 200, (100, 20, 20, 20)),
    (100, 50_000, 2_500): Plan(0.6, 25, (300, 400, 450, 500)),  # CIFAR-100
    (100, 50_000, 10_000): Plan(0.7, 200, (300, 400, 450, 500)),
    (10, 105_000, 250): Plan(0.95, 25, (300, 30, 30, 30)),  # STL-10
    (10, 105_000, 1_000): Plan(0.95, 25, (200, 30, 20, 20)),
}
"""The paper's settings (its section 4)."""


def plan(config: DiffSySCConfig, num_classes: int, images: int, labels: int) -> Plan:
    """What the options leave automatic: the nearest of the paper's settings.

    Its 10 classes stand for up to 50 and its 100 for more; among those the nearest is the one with
    the least ratio of images times the least ratio of labels.
    """
    kind = 100 if num_classes > 50 else 10

    def apart(setting: tuple[int, int, int]) -> float:
        _, theirs, their_labels = setting
        return abs(math.log(images / theirs)) + abs(math.log(labels / their_labels))

    row = PAPER[min((each for each in PAPER if each[0] == kind), key=apart)]
    epochs = row.epochs + row.epochs[-1:] * (config.iterations - len(row.epochs))
    first = config.first_epochs or epochs[0]
    later = [config.later_epochs or each for each in epochs[1 : config.iterations]]
    return Plan(config.confidence or row.gamma, config.batch_size or row.batch, (first, *later))


@dataclass(frozen=True)
class Conditioning:
    """What every model of a fit looks at.

    Attributes:
        mean: (D,) of the features of the labelled rows and the pool.
        encoder: the trainable one, if there is to be one.
    """

    mean: Tensor
    encoder: ImageEncoder | None


@dataclass(frozen=True)
class IterationState:
    """What is labelled when an iteration begins.

    Attributes:
        iteration: its number, from 0.
        labels: (N,) int64; those of `labelled` count.
        labelled, pool: disjoint (n,) int64 rows; what was moved comes after what was labelled.
        near: neighbours among the labelled rows of the iteration before.
    """

    iteration: int
    labels: Indices
    labelled: Indices
    pool: Indices
    near: Neighbours = NONE

    def after(self, moved: Indices, classes: Indices, near: Neighbours = NONE) -> "IterationState":
        """With some rows of the pool moved to the labelled ones."""
        labels = self.labels.copy()
        labels[moved] = classes
        labelled = np.concatenate([self.labelled, moved])
        return IterationState(
            self.iteration + 1, labels, labelled, np.setdiff1d(self.pool, moved), near
        )


class DiffSySC(Method):
    """A label diffusion model that enlarges its own training set where it is confident."""

    Config = DiffSySCConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Run the iterations and return the last model."""
        check_trainable(task)
        conditioning = self._conditioning(task, run)
        images = len(task.labelled) + len(task.pool)
        chosen = plan(self.config, task.num_classes, images, len(task.labelled))
        last: Tensors = {}
        at = IterationState(0, task.labels, task.labelled, task.pool)
        while at.iteration < len(chosen.epochs):
            last = self._stage(task, run, chosen, at, conditioning)
            names = ("moved", "classes", "near.rows", "near.distances")
            moved, classes, rows, distances = (last[name].cpu().numpy() for name in names)
            at = at.after(moved, classes, Neighbours(rows, distances))
            if not len(moved) or not len(at.pool):
                break
        state = {k.removeprefix("state."): v for k, v in last.items() if k.startswith("state.")}
        return self._predictor(task, state, conditioning)

    def _conditioning(self, task: Task, run: Run) -> Conditioning:
        encoder = None
        if self.config.encoder == "trainable":
            encoder = ImageEncoder.of(task, run, self.config.network)
        mean = centre(features_of(task), np.concatenate([task.labelled, task.pool]))
        return Conditioning(mean, encoder)

    def _stage(
        self, task: Task, run: Run, chosen: Plan, at: IterationState, conditioning: Conditioning
    ) -> Tensors:
        name = f"iteration-{at.iteration}"
        return run.stage(name, lambda _: self._iterate(task, run, chosen, at, conditioning))

    def _iterate(
        self, task: Task, run: Run, chosen: Plan, at: IterationState, conditioning: Conditioning
    ) -> Tensors:
        """One model: its weights and what it moves."""
        done, total = sum(chosen.epochs[: at.iteration]), sum(chosen.epochs)
        features = features_of(task)
        x, labels = directions(features, at.labelled, conditioning.mean), at.labels[at.labelled]
        found = run.stage("neighbours", lambda _: self._nearest(x, at, run))
        near = Neighbours(*(found[name].cpu().numpy() for name in ("rows", "distances")))
        k = self.config.neighbours or agreeing(near.rows, labels)
        training = self._training(chosen, at, run)
        examples = Examples(
            features=x,
            pools=label_pools(near.rows[:, :k], labels, task.forbidden[at.labelled]),
            num_classes=task.num_classes,
            encoder=conditioning.encoder,
            rows=at.labelled,
        )
        state = train(
            examples,
            run,
            training,
            report=lambda epoch, metrics: run.report(done + epoch, total, metrics),
        )
        model = self._predictor(task, state, conditioning)
        moved, classes = at.pool[:0], at.pool[:0]
        if at.iteration < len(chosen.epochs) - 1:
            forbidden = task.forbidden[at.pool]
            z = model.labels(features, at.pool, forbidden=forbidden, check=run.check)
            tau = sure_temperature(task.num_classes)
            moved, classes = confident(z, at.pool, forbidden, tau, chosen.gamma)
        metrics = {"moved": float(len(moved)), "holdout labels": float(len(task.validation))}
        if len(task.validation):
            found_there = model.logits(features, task.validation).argmax(dim=1).numpy()
            right = found_there == task.labels[task.validation]
            metrics["holdout accuracy"] = float(right.mean())
            metrics |= baselines(task) if at.iteration == 0 else {}
        run.report(done + training.epochs, total, metrics)
        return {
            **{f"state.{name}": value for name, value in state.items()},
            **{f"near.{name}": value for name, value in found.items()},
            "moved": torch.from_numpy(moved),
            "classes": torch.from_numpy(classes),
        }

    def _nearest(self, x: Tensor, at: IterationState, run: Run) -> Tensors:
        near = nearest(x.numpy(), self.config.neighbours or MOST, at.near, check=run.check)
        return {"rows": torch.from_numpy(near.rows), "distances": torch.from_numpy(near.distances)}

    def _training(self, chosen: Plan, at: IterationState, run: Run) -> Training:
        epochs, images, batch = chosen.epochs[at.iteration], len(at.labelled), chosen.batch
        steps_an_epoch = max(1, images // batch)
        least_steps = LATER_STEPS if at.iteration else FIRST_STEPS
        fast = self.config.schedule == "fast"
        if at.iteration and fast:
            batch = max(batch, math.ceil(images / STEPS_AN_EPOCH))
        return Training(
            epochs=epochs,
            passes=max(epochs, math.ceil(least_steps / steps_an_epoch)),
            batch=batch,
            learning_rate=self.config.learning_rate,
            width=self.config.width,
            diffusion=self.config.diffusion,
            dtype=run.dtype if fast and batch >= LARGE else torch.float32,
            purpose=f"iteration-{at.iteration}",
        )

    def _predictor(
        self, task: Task, state: Tensors, conditioning: Conditioning
    ) -> LabelDiffusionPredictor:
        return LabelDiffusionPredictor(
            state=state,
            mean=conditioning.mean,
            num_classes=task.num_classes,
            width=self.config.width,
            diffusion=self.config.diffusion,
            steps=self.config.sampling_steps,
            temperature=sure_temperature(task.num_classes),
            encoder=conditioning.encoder,
        )


def confident(
    z: Tensor, rows: Indices, forbidden: np.ndarray, temperature: float, gamma: float
) -> tuple[Indices, Indices]:
    """The rows whose label vector is clear enough, and their classes.

    Args:
        z: (n, C) label vectors of the rows.
        rows: (n,) int64.
        forbidden: (n, C) bool; classes that readers ruled out take no part.
        temperature: tau.
        gamma: in [0, 1]; strictly above it counts.
    """
    allowed = z.masked_fill(torch.from_numpy(forbidden), -torch.inf)
    confidence, classes = torch.softmax(allowed.double() / temperature, dim=1).max(dim=1)
    # with one class left its confidence is 1 whatever the model believes
    enough = (confidence > gamma).numpy() & ((~forbidden).sum(axis=1) > 1)
    return rows[enough], classes.numpy()[enough]


def sure_temperature(num_classes: int) -> float:
    """tau with which a perfect one-hot vector of C classes has the confidence .99.

    max softmax(z / tau) = 1 / (1 + (C - 1) exp(-1 / tau)) for such a vector.
    """
    return 1 / math.log(SURE / (1 - SURE) * (num_classes - 1))


def baselines(task: Task) -> dict[str, float]:
    """Holdout accuracy of a linear probe and of k-NN on the same features and labels.

    Good frozen features explain most of what the method reaches, so these stand beside it.
    """
    features = features_of(task)
    x, y = features.take(task.labelled).double(), task.labels[task.labelled]
    held, truth = features.take(task.validation).double(), task.labels[task.validation]
    if len(np.unique(y)) < 2:
        return {}
    standardise = standardisation.fit(x)
    probe = LogisticRegression(max_iter=500).fit(standardise(x).numpy(), y)
    nearest = KNeighborsClassifier(min(10, len(y)), weights="distance").fit(x.numpy(), y)
    return {
        "linear probe holdout accuracy": float(probe.score(standardise(held).numpy(), truth)),
        "k-NN holdout accuracy": float(nearest.score(held.numpy(), truth)),
    }
