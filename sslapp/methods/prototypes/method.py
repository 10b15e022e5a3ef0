"""Transductive prototypes: one point a class in the space of frozen features, moved by the
unlabelled images themselves.

Features are prepared by `preparation`. The prototypes w_c start as class means of the
labelled images, and an image's share of a class is p_ic = softmax_c(-lambda |f_i - w_c|^2 + v_c).
Two algorithms move them:

- `transport` (PT-MAP: Hu, Gripon and Pateux, "Leveraging the Feature Distribution in Transfer-based
  Few-Shot Learning", ICANN 2021, section 3.2): v makes the shares of a class add up to what is
  known of its frequency (Sinkhorn's iteration; v = 0 where nothing is known), and every prototype
  takes a step towards the mean of what it was given.
- `tim`: after `transport`, and with the frequencies that it found, down the gradient of a loss that
  wants right labels, those frequencies and clear shares, with v = 0; see `information`.

No network is trained, so a round takes seconds. Any other row is answered by the same formula.
"""

from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import beta
from torch import Tensor, nn

from sslapp.methods.prototypes.config import PrototypesConfig
from sslapp.methods.prototypes.information import Adam, Images, affinity, loss_and_gradient
from sslapp.methods.prototypes.preparation import Preparation, fit_preparation
from sslapp.training import predictor
from sslapp.training.method import Method, Predictor
from sslapp.training.run import Run, Tensors
from sslapp.training.task import Features, Indices, Pixels, Task, check_trainable, features_of

SINKHORN_STEPS = 100
SINKHORN_TOLERANCE, ROUGHLY = 1e-6, 1e-4
"""How closely bounds are kept in the end, and while the prototypes still move."""

LABELS_TO_WHITEN = 64
"""Labels from which on whitening helps transport rather than blows up noise."""

HOLDOUT_FOR_FREQUENCIES = 30
"""Holdout labels from which on they say how frequent classes are."""

SURE = 0.95
"""Confidence of the interval in which the holdout puts the frequency of a class."""


class Algorithm(NamedTuple):
    """An algorithm with its numbers.

    Attributes:
        tim: whether it is tim rather than transport.
        sharpness: lambda.
        step: of transport, the share of the way to the mean; of tim, Adam's rate.
        iterations: how often the prototypes move.
        whiten: whether features are whitened.
    """

    tim: bool
    sharpness: float
    step: float
    iterations: int
    whiten: bool


TRANSPORT = Algorithm(tim=False, sharpness=30.0, step=0.2, iterations=20, whiten=False)
TIM = Algorithm(tim=True, sharpness=7.5, step=0.01, iterations=100, whiten=False)


def choose(config: PrototypesConfig, labels: int) -> Algorithm:
    """The algorithm and its numbers; what the options leave at 0 is the algorithm's own."""
    tim = config.algorithm == "tim"
    whiten = not tim and labels >= LABELS_TO_WHITEN
    if config.whitening != "auto":
        whiten = config.whitening == "on"
    own = TIM if tim else TRANSPORT
    return own._replace(
        whiten=whiten,
        sharpness=config.sharpness or own.sharpness,
        step=config.step or own.step,
        iterations=config.iterations or own.iterations,
    )


class PrototypesPredictor(Predictor):
    """Log-shares of every class for any row of the feature source.

    Args:
        mean, basis: the preparation, as in `Preparation`.
        prototypes: (C, K) float64.
        offset: (C,) float64, v; minus infinity for a class nobody labelled.
        sharpness: lambda.
    """

    def __init__(
        self, *, mean: Tensor, basis: Tensor, prototypes: Tensor, offset: Tensor, sharpness: float
    ) -> None:
        tensors = {"mean": mean, "basis": basis, "prototypes": prototypes, "offset": offset}
        self._tensors = {name: value.cpu() for name, value in tensors.items()}
        self._prepare = Preparation(self._tensors["mean"], self._tensors["basis"])
        self._sharpness = sharpness

    def logits(self, source: Pixels | Features, indices: Indices) -> Tensor:
        """Return (n, C) float32: log-probabilities."""
        f = self._prepare(source.take(indices).flatten(1))  # (n, K)
        scores = affinity(f, self._tensors["prototypes"], self._sharpness)
        return torch.log_softmax(scores + self._tensors["offset"], dim=1).clamp(min=-60.0).float()

    def module(self) -> nn.Module:
        """Features -> log-probabilities."""
        return PrototypesModule(**self._tensors, sharpness=self._sharpness)

    def save(self, folder: Path) -> None:
        """Write tensors and sharpness below `folder`."""
        description: dict[str, object] = {"kind": "prototypes", "sharpness": self._sharpness}
        predictor.write(folder, description, self._tensors)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ValueError: when the folder describes another kind of predictor.
        """
        description, tensors = predictor.read(folder, "prototypes")
        return cls(**tensors, sharpness=description["sharpness"])


class PrototypesModule(nn.Module):
    """The formula of `PrototypesPredictor.logits`, whose arguments it takes."""

    mean: Tensor
    basis: Tensor
    prototypes: Tensor
    offset: Tensor

    def __init__(
        self, *, mean: Tensor, basis: Tensor, prototypes: Tensor, offset: Tensor, sharpness: float
    ) -> None:
        super().__init__()
        named = {"mean": mean, "basis": basis, "prototypes": prototypes, "offset": offset}
        for name, value in named.items():
            self.register_buffer(name, value)
        self._sharpness = sharpness

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, C) float32 for (n, D) features."""
        f = Preparation(self.mean, self.basis)(x)
        scores = affinity(f, self.prototypes, self._sharpness) + self.offset
        return torch.log_softmax(scores, dim=1).clamp(min=-60.0).float()


class Prototypes(Method):
    """Class prototypes moved by the unlabelled images."""

    Config = PrototypesConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Place the prototypes."""
        algorithm = choose(self.config, len(task.labelled))
        tensors = run.stage("prototypes", lambda _: self._place(task, run, algorithm))
        return PrototypesPredictor(**tensors, sharpness=algorithm.sharpness)

    def _place(self, task: Task, run: Run, algorithm: Algorithm) -> Tensors:
        run.check()
        check_trainable(task)
        source = features_of(task)
        rows = np.sort(np.concatenate([task.labelled, task.pool]))
        prepare = fit_preparation(source, rows, whiten=algorithm.whiten)
        images = self._images(task, prepare, algorithm)
        w = _means(images, images.unlabelled.new_zeros(images.closed.shape), fallback=None)
        first = TRANSPORT if algorithm.tim else algorithm
        w, offset = transport(w, images, first, run)
        if algorithm.tim:
            scores = _scores(w, images, first.sharpness)
            shares = torch.softmax(scores + offset, dim=1)  # (n_u, C)
            # bounds alone are not enough for it: left free, clear shares are had with few classes
            found = shares.mean(dim=0).float() if len(shares) else images.bounds[1]
            w = descend(w, images._replace(bounds=found.expand(2, -1)), algorithm, run)
            offset = torch.zeros_like(offset)
        return {
            "mean": prepare.mean,
            "basis": prepare.basis,
            "prototypes": w.double(),
            "offset": offset.masked_fill(images.absent, -torch.inf),
        }

    def _images(self, task: Task, prepare: Preparation, algorithm: Algorithm) -> Images:
        source = features_of(task)
        y = torch.from_numpy(task.labels[task.labelled])
        given = torch.nn.functional.one_hot(y, task.num_classes).float()  # (n_l, C)
        absent = given.sum(dim=0) == 0
        # an image whose classes are all ruled out or without a label says nothing about the rest
        pool = task.pool[~(task.forbidden[task.pool] | absent.numpy()).all(axis=1)]
        return Images(
            labelled=prepare.rows(source, task.labelled),
            given=given,
            unlabelled=prepare.rows(source, pool),
            closed=torch.from_numpy(task.forbidden[pool]) | absent,
            absent=absent,
            bounds=self._bounds(task, absent),
            sharpness=algorithm.sharpness,
        )

    def _bounds(self, task: Task, absent: Tensor) -> Tensor:
        """(2, C) float32: least and greatest share of each class in the pool; 0 for absent ones."""
        classes, known = task.num_classes, task.labels[task.validation]
        chosen = self.config.frequencies
        if chosen == "holdout" and len(known) >= HOLDOUT_FOR_FREQUENCIES:
            return frequency_bounds(np.bincount(known, minlength=classes), absent)
        if chosen == "uniform":
            return torch.where(absent, 0.0, 1 / (~absent).sum()).expand(2, classes)
        return torch.stack([torch.zeros(classes), torch.ones(classes)]).masked_fill(absent, 0.0)


def frequency_bounds(counts: NDArray[np.int64], absent: Tensor) -> Tensor:
    """Clopper and Pearson's interval of each class's frequency (Biometrika 26, 1934).

    The interval and not the frequency that was found: shares that must meet the accidents of a
    small holdout pull prototypes off their classes.

    Args:
        counts: (C,) holdout labels of each class; those of absent classes do not count.
        absent: (C,) bool; classes without a label to train on.

    Returns:
        (2, C) float32, both 0 for an absent class.
    """
    k = np.where(absent.numpy(), 0, counts)
    n, tail = max(k.sum(), 1), (1 - SURE) / 2
    low = np.where(k > 0, beta.ppf(tail, np.maximum(k, 1), n - k + 1), 0.0)
    high = np.where(k < n, beta.ppf(1 - tail, k + 1, np.maximum(n - k, 1)), 1.0)
    return torch.from_numpy(np.stack([low, high])).float().masked_fill(absent, 0.0)


def balance(
    scores: Tensor, bounds: Tensor, start: Tensor, tolerance: float = SINKHORN_TOLERANCE
) -> Tensor:
    """Offsets v with which softmax(scores + v) keeps every class's share within its bounds.

    Sinkhorn's iteration in the logarithm with a range in place of a sum (Chizat, Peyre, Schmitzer
    and Vialard, "Scaling Algorithms for Unbalanced Optimal Transport Problems", Math. Comp. 2018,
    section 5): alternately each row is brought to sum 1 and each column into its range, by the
    offset nearest to 0. Equal bounds give the balanced transport, bounds 0 and 1 none.

    Args:
        scores: (n, C); minus infinity where a class is closed to a row, but not all of a row.
        bounds: (2, C) least and greatest share; 0 for a class that is closed to every row.
        start: (C,) offsets to begin with.
        tolerance: to which the columns of the softmax keep their bounds, as a share of these.

    Returns:
        (C,) offsets; 0 for a class that is closed to every row. The columns of the softmax keep
        their bounds to the tolerance, or as near as 100 iterations bring them.
    """
    if not len(scores) or bool((bounds[1] - bounds[0] == 1).all()):
        return torch.zeros_like(start)
    open_ = torch.isfinite(scores).any(dim=0) & (bounds[1] > 0)
    low, high = torch.log(bounds * len(scores))  # (C,) each
    offset = start
    for _ in range(SINKHORN_STEPS):
        mass = torch.logsumexp(torch.log_softmax(scores + offset, dim=1), dim=0) - offset
        moved = torch.where(open_, torch.zeros_like(mass).clamp(low - mass, high - mass), 0.0)
        moved = torch.where(open_, moved - _level(moved, bounds), 0.0)
        gap, offset = float((moved - offset).abs().max()), moved
        if gap < tolerance:
            break
    return offset


def _level(offset: Tensor, bounds: Tensor) -> Tensor:
    """() what to take off all offsets: the rest of the iteration is slow to find it.

    A common shift changes no softmax, so the best is where the dual's linear part, low v for v > 0
    and high v for v < 0, is greatest against the rows': at one of the offsets (Sejourne, Vialard
    and Peyre, "Faster Unbalanced Optimal Transport", AISTATS 2022).
    """
    shifted = offset - offset[:, None]  # (C, C), row k with v_k taken off
    gain = shifted.clamp(min=0.0) @ bounds[0] + shifted.clamp(max=0.0) @ bounds[1]
    return offset[(gain + offset).argmax()]


def transport(w: Tensor, images: Images, algorithm: Algorithm, run: Run) -> tuple[Tensor, Tensor]:
    """Move prototypes by shares of the unlabelled images. Returns (C, K) and (C,) offsets."""
    offset = torch.zeros(len(w), dtype=torch.float64)
    for step in range(1, algorithm.iterations + 1):
        run.check()
        scores = _scores(w, images, algorithm.sharpness)
        tolerance = SINKHORN_TOLERANCE if step == algorithm.iterations else ROUGHLY
        offset = balance(scores, images.bounds.double(), offset, tolerance)
        target = _means(images, torch.softmax(scores + offset, dim=1).float(), fallback=w)
        moved, w = float((target - w).norm()), w + algorithm.step * (target - w)
        if step % 5 == 0 or step == algorithm.iterations:
            run.report(step, algorithm.iterations, {"prototype distance": moved})
    return w, offset


def descend(w: Tensor, images: Images, algorithm: Algorithm, run: Run) -> Tensor:
    """Move prototypes down the gradient of tim's loss. Returns (C, K)."""
    adam = Adam(algorithm.step)
    for step in range(1, algorithm.iterations + 1):
        run.check()
        loss, gradient = loss_and_gradient(w, images)
        w = adam(w, gradient)
        if step % 10 == 0 or step == algorithm.iterations:
            run.report(step, algorithm.iterations, {"loss": float(loss)})
    return w


def _scores(w: Tensor, images: Images, sharpness: float) -> Tensor:
    """(n_u, C) float64 (in float32 the balance never settles), minus infinity where closed."""
    scores = affinity(images.unlabelled, w, sharpness).double()
    return scores.masked_fill(images.closed, -torch.inf)


def _means(images: Images, shares: Tensor, *, fallback: Tensor | None) -> Tensor:
    """(C, K) means of the images weighted by labels and shares; the fallback without weight."""
    mass = images.given.sum(dim=0) + shares.sum(dim=0)  # (C,)
    total = images.given.T @ images.labelled + shares.T @ images.unlabelled  # (C, K)
    means = total / mass.clamp(min=1e-12)[:, None]
    return means if fallback is None else torch.where((mass > 0)[:, None], means, fallback)
