"""Transductive prototypes: one point a class in the space of frozen features, moved by the
unlabelled images themselves (PT-MAP: Hu, Gripon and Pateux, "Leveraging the Feature Distribution in
Transfer-based Few-Shot Learning", ICANN 2021, sections 3.1 and 3.2).

Features are made more Gaussian (signed square root, centring, with enough labels whitened principal
components) and brought to length 1. The prototypes w_c start as class means of the labelled
images. Then, a few times: every unlabelled image is shared among the classes,

    p_ic  proportional to  u_i exp(-lambda |f_i - w_c|^2 + v_c),   sum_c p_ic = 1,

where v makes the shares of a class add up to what is known of its frequency (Sinkhorn's iteration;
v = 0 where nothing is known), and every prototype takes a step towards the mean of what it was
given. Nothing is trained, so a round takes a second. Any other row is answered by the same formula.
"""

from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from sslapp.methods.cards import PrototypesConfig
from sslapp.training import predictor
from sslapp.training.method import Method, Predictor
from sslapp.training.run import Run, Tensors
from sslapp.training.task import Features, Indices, Pixels, Task, check_trainable, features_of

SINKHORN_STEPS = 100
SINKHORN_TOLERANCE = 1e-6
COMPONENTS = 64
"""Principal components that are kept when features are whitened."""

LABELS_TO_WHITEN = 64
"""Labels from which on whitening helps rather than blows up noise."""

HOLDOUT_FOR_FREQUENCIES = 30
"""Holdout labels from which on they say how frequent classes are."""

CHUNK = 65_536
"""Rows that are prepared at once."""


class Preparation(NamedTuple):
    """How features are made ready: x -> unit(W (sqrt(x) - mean)).

    Attributes:
        mean: (D,) float64 of the square roots.
        basis: (K, D) float64 whitening components; K = 0 keeps all D as they are.
    """

    mean: Tensor
    basis: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Prepare (n, D) float features. Returns (n, D) or (n, K) float64 of length 1."""
        x = _root(x) - self.mean
        if len(self.basis):
            x = x @ self.basis.T
        return x / x.norm(dim=1, keepdim=True).clamp(min=1e-12)


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
        scores = _affinity(f, self._tensors["prototypes"], self._sharpness)
        return torch.log_softmax(scores + self._tensors["offset"], dim=1).clamp(min=-60.0).float()

    def embed(self, source: Pixels | Features, indices: Indices) -> Tensor:
        """Return (n, K) float32: the prepared features, in which distances were taken."""
        return self._prepare(source.take(indices).flatten(1)).float()

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


class Prototypes(Method):
    """Class prototypes moved by optimal transport of the unlabelled images."""

    Config = PrototypesConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Place the prototypes."""
        tensors = run.stage("prototypes", lambda _: self._place(task, run))
        return PrototypesPredictor(**tensors, sharpness=self.config.sharpness)

    def _place(self, task: Task, run: Run) -> Tensors:
        run.check()
        check_trainable(task)
        config: PrototypesConfig = self.config
        source = features_of(task)
        rows = np.sort(np.concatenate([task.labelled, task.pool]))
        prepare = fit_preparation(source, rows, whiten=self._whitens(len(task.labelled)))
        f_l = _prepared(prepare, source, task.labelled)
        f_u = _prepared(prepare, source, task.pool)
        y = torch.from_numpy(task.labels[task.labelled])
        given = torch.nn.functional.one_hot(y, task.num_classes).double()  # (n_l, C)
        absent = given.sum(dim=0) == 0
        closed = torch.from_numpy(task.forbidden[task.pool]) | absent  # (n_u, C)
        closed[closed.all(dim=1)] = absent
        frequencies = self._frequencies(task)
        w = _means(f_l, given, fallback=torch.zeros(task.num_classes, f_l.shape[1]).double())
        offset = torch.zeros(task.num_classes, dtype=torch.float64)
        for step in range(1, config.iterations + 1):
            run.check()
            scores = _affinity(f_u, w, config.sharpness).masked_fill(closed, -torch.inf)
            offset = balance(scores, frequencies, offset)
            p = torch.softmax(scores + offset, dim=1)  # (n_u, C)
            target = _means(torch.cat([f_l, f_u]), torch.cat([given, p]), fallback=w)
            w = w + config.step * (target - w)
            if step % 5 == 0 or step == config.iterations:
                moved = float((target - w).norm())
                run.report(step, config.iterations, {"prototype distance": moved})
        return {
            "mean": prepare.mean,
            "basis": prepare.basis,
            "prototypes": w,
            "offset": offset.masked_fill(absent, -torch.inf),
        }

    def _whitens(self, labels: int) -> bool:
        chosen = self.config.whitening
        return chosen == "on" or (chosen == "auto" and labels >= LABELS_TO_WHITEN)

    def _frequencies(self, task: Task) -> Tensor | None:
        """(C,) float64 shares of the classes in the pool; None when they are left free."""
        chosen, classes = self.config.frequencies, task.num_classes
        if chosen == "uniform":
            return torch.full((classes,), 1 / classes, dtype=torch.float64)
        known = task.labels[task.validation]
        if chosen == "free" or len(known) < HOLDOUT_FOR_FREQUENCIES:
            return None
        # one image more in every class: a class that a small holdout missed may yet exist
        counts = np.bincount(known, minlength=classes) + 1.0
        return torch.from_numpy(counts / counts.sum())


def fit_preparation(source: Features, rows: Indices, *, whiten: bool) -> Preparation:
    """Fit the preparation to some rows, labelled and unlabelled ones alike.

    Args:
        source: (N, D) features.
        rows: (n,) rows to learn from.
        whiten: keep COMPONENTS principal components, each brought to variance 1; at most a
            quarter of D, and fewer than rows.
    """
    dim = source.shape[1]
    total, square = torch.zeros(dim).double(), torch.zeros(dim, dim if whiten else 0).double()
    for chunk in _chunks(rows):
        x = _root(source.take(chunk).flatten(1))
        total += x.sum(dim=0)
        if whiten:
            square += x.T @ x
    mean = total / len(rows)
    if not whiten:
        return Preparation(mean, torch.zeros(0, dim, dtype=torch.float64))
    covariance = square / len(rows) - torch.outer(mean, mean)
    values, vectors = torch.linalg.eigh(covariance)  # ascending
    # the last directions of a narrow space are noise, which whitening would blow up
    kept = min(COMPONENTS, max(dim // 4, 1), max(len(rows) - 1, 1))
    values, vectors = values[-kept:].clamp(min=1e-12), vectors[:, -kept:]
    # an eigenvector's sign is the library's whim; distances do not see it
    return Preparation(mean, (vectors / values.sqrt()).T.contiguous())


def balance(scores: Tensor, frequencies: Tensor | None, start: Tensor) -> Tensor:
    """Offsets v with which softmax(scores + v) gives every class its frequency.

    Sinkhorn's iteration in the logarithm (Cuturi, NIPS 2013): alternately each row is brought to
    sum 1 and each column to its share.

    Args:
        scores: (n, C) float64; minus infinity where a class is closed to a row.
        frequencies: (C,) shares that sum to 1; None leaves v at 0.
        start: (C,) offsets to begin with.

    Returns:
        (C,) float64; 0 for a class that is closed to every row. The columns of the softmax meet
        their shares to 1e-6 of n, or as near as 100 iterations bring them.
    """
    if frequencies is None or not len(scores):
        return torch.zeros_like(start)
    open_ = torch.isfinite(scores).any(dim=0)
    shares = torch.where(open_, frequencies, 0.0)
    wanted = torch.log(shares / shares.sum() * len(scores))  # (C,)
    offset = start.clone()
    for _ in range(SINKHORN_STEPS):
        shared = torch.log_softmax(scores + offset, dim=1)
        gap = torch.where(open_, wanted - torch.logsumexp(shared, dim=0), 0.0)
        offset = offset + gap
        if float(gap.abs().max()) < SINKHORN_TOLERANCE:
            break
    return offset - offset[open_].mean()


def _root(x: Tensor) -> Tensor:
    x = x.double()
    return torch.sign(x) * x.abs().sqrt()


def _affinity(f: Tensor, prototypes: Tensor, sharpness: float) -> Tensor:
    """(n, C) float64: -lambda |f - w_c|^2."""
    return -sharpness * torch.cdist(f, prototypes) ** 2


def _means(f: Tensor, weights: Tensor, *, fallback: Tensor) -> Tensor:
    """(C, K) weighted means of the rows of f; a class without weight keeps its fallback."""
    mass = weights.sum(dim=0)  # (C,)
    means = (weights.T @ f) / mass.clamp(min=1e-12)[:, None]
    return torch.where((mass > 0)[:, None], means, fallback)


def _prepared(prepare: Preparation, source: Features, rows: Indices) -> Tensor:
    parts = [prepare(source.take(chunk).flatten(1)) for chunk in _chunks(rows)]
    return torch.cat(parts) if parts else prepare(torch.zeros(0, source.shape[1]))


def _chunks(rows: Indices) -> list[Indices]:
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
