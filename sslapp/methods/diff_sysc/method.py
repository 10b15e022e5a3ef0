"""Diff-SySC: label diffusion that labels the pool for itself, a new model at every iteration.

For i = 0 .. m - 1: train a new label denoiser D_i (LRA-diffusion, `denoiser`) on
the labelled images; fit its temperature tau_i to the holdout; sample a label vector z for every
pool image; move those with max softmax(z / tau_i) > gamma to the labelled ones, with argmax z; stop
when nothing moved or the pool is empty. The D_i that is best on the holdout is returned.

Where the paper is silent: the features are directions from their mean (`directions`);
of the k = 10 neighbours only so many are asked as agree with the labels there are
(`retrieval.agreeing`); the learning rate falls to nothing over a model's own epochs;
the temperature comes from a geometric grid of 60 values in .02 .. 2 by
the least ECE in 15 bins (the threshold .95 needs tau below .195 for ten classes, so the grid must
reach below it); with fewer than 30 holdout labels it is the one that gives a perfect one-hot vector
a confidence of .99. Of equally good models the later counts, so without a holdout the last does.
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
from sslapp.training.calibration.sources import LEAST_HOLDOUT
from sslapp.training.calibration.temperature import temperature_by_ece
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
"""Confidence that a perfect one-hot vector gets where no temperature can be fitted."""


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
        """Run the iterations and return the best model."""
        check_trainable(task)
        conditioning = self._conditioning(task, run)
        images = len(task.labelled) + len(task.pool)
        chosen = plan(self.config, task.num_classes, images, len(task.labelled))
        best: Tensors = {}
        at = IterationState(0, task.labels, task.labelled, task.pool)
        while at.iteration < len(chosen.epochs):
            result = self._stage(task, run, chosen, at, conditioning)
            if not best or float(result["accuracy"]) >= float(best["accuracy"]):
                best = result
            names = ("moved", "classes", "near.rows", "near.distances")
            moved, classes, rows, distances = (result[name].cpu().numpy() for name in names)
            at = at.after(moved, classes, Neighbours(rows, distances))
            if not len(moved) or not len(at.pool):
                break
        state = {k.removeprefix("state."): v for k, v in best.items() if k.startswith("state.")}
        return self._predictor(task, state, float(best["temperature"]), conditioning)

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
        """One model: its weights, temperature, holdout accuracy, and what it moves."""
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
        model = self._predictor(task, state, 1.0, conditioning)
        temperature, accuracy = self._judged(task, model)
        moved, classes = at.pool[:0], at.pool[:0]
        if at.iteration < len(chosen.epochs) - 1:
            forbidden = task.forbidden[at.pool]
            z = model.labels(features, at.pool, forbidden=forbidden, check=run.check)
            moved, classes = confident(z, at.pool, forbidden, temperature, chosen.gamma)
        metrics = {
            "temperature": temperature,
            "moved": float(len(moved)),
            "holdout labels": float(len(task.validation)),
        }
        if len(task.validation):
            metrics["holdout accuracy"] = accuracy
            metrics |= baselines(task) if at.iteration == 0 else {}
        run.report(done + training.epochs, total, metrics)
        return {
            **{f"state.{name}": value for name, value in state.items()},
            **{f"near.{name}": value for name, value in found.items()},
            "temperature": torch.tensor(temperature, dtype=torch.float64),
            "accuracy": torch.tensor(accuracy, dtype=torch.float64),
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

    def _judged(self, task: Task, model: LabelDiffusionPredictor) -> tuple[float, float]:
        """Temperature and accuracy on the holdout; accuracy -1 without one."""
        rows = task.validation
        if not len(rows):
            return default_temperature(task.num_classes), -1.0
        z = model.labels(features_of(task), rows)
        truth = torch.from_numpy(task.labels[rows])
        accuracy = float((z.argmax(dim=1) == truth).double().mean())
        if len(rows) < LEAST_HOLDOUT:
            return default_temperature(task.num_classes), accuracy
        return temperature_by_ece(z, truth), accuracy

    def _predictor(
        self, task: Task, state: Tensors, temperature: float, conditioning: Conditioning
    ) -> LabelDiffusionPredictor:
        return LabelDiffusionPredictor(
            state=state,
            mean=conditioning.mean,
            num_classes=task.num_classes,
            width=self.config.width,
            diffusion=self.config.diffusion,
            steps=self.config.sampling_steps,
            temperature=temperature,
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


def default_temperature(num_classes: int) -> float:
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
