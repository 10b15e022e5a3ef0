"""A linear probe on frozen features: what it says of labels that it was not taught.

Multinomial logistic regression on standardised features, for the few labels that a reader has; it
needs no torch. Of many labels a seeded sample is trained on: a linear map of some hundred numbers
has little to learn from more than a few thousand images.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDS = 5
TAUGHT = 4_000
"""Labels that one fit is taught at most: seconds with a thousand numbers an image."""

STRENGTH = 0.1
"""C of scikit-learn, the inverse of the penalty: over four draws of 500 digits with 20 wrong labels
.1 put as many of them first as 1 did, in half the time."""

_STEPS = 200
_BLOCK = 4_096

Rows = NDArray[np.int64]
Report = Callable[[int, int], object]


@dataclass(frozen=True, eq=False)
class Probe:
    """A fitted probe.

    Attributes:
        mean, scale: (D,) float32 of the features that it was taught.
        weight: (K, D) float32.
        bias: (K,) float32.
        columns: (K,) int64 the classes that it was taught, as columns.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    columns: NDArray[np.int64]

    def logits(self, features: NDArray[np.generic], rows: Rows) -> NDArray[np.float32]:
        """(n, K) of (n,) rows of features; of one class alone they are 0."""
        found = np.empty((len(rows), len(self.columns)), dtype=np.float32)
        for start in range(0, len(rows), _BLOCK):
            x = np.asarray(features[rows[start : start + _BLOCK]], dtype=np.float32)
            found[start : start + _BLOCK] = (x - self.mean) / self.scale @ self.weight.T + self.bias
        return found


def fit(
    features: NDArray[np.generic],
    rows: Rows,
    columns: NDArray[np.int64],
    *,
    seed: int,
    taught: int = TAUGHT,
) -> Probe:
    """Fit a probe.

    Args:
        features: (N, D), which may be memory-mapped.
        rows: (n,) of them, n > 0, which are labelled.
        columns: (n,) their classes, numbered from 0.
        seed: of the sample.
        taught: most labels that it learns from.
    """
    if len(rows) > taught:
        chosen = np.random.default_rng(seed).choice(len(rows), taught, replace=False)
        rows, columns = rows[chosen], columns[chosen]
    x = np.asarray(features[rows], dtype=np.float32)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale[scale < 1e-6] = 1  # what never changes says nothing
    there = np.unique(columns)
    weight, bias = np.zeros((1, x.shape[1])), np.zeros(1)
    if len(there) > 1:
        model = _regression((x - mean) / scale, columns)
        weight, bias = model.coef_, model.intercept_
    if len(there) == 2:  # scikit-learn keeps the difference alone
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return Probe(mean, scale, weight.astype(np.float32), bias.astype(np.float32), there)


def out_of_sample(
    features: NDArray[np.generic],
    rows: Rows,
    columns: NDArray[np.int64],
    classes: int,
    *,
    groups: NDArray[np.int64] | None = None,
    seed: int,
    taught: int = TAUGHT,
    report: Report = lambda done, total: None,
) -> NDArray[np.float32]:
    """What probes say of each label that they were not taught: (n, C) float32, rows sum to 1.

    Args:
        features: (N, D), which may be memory-mapped.
        rows: (n,) of them, which are labelled.
        columns: (n,) their labels, 0 to C - 1.
        classes: C.
        groups: (n,) images of one group (patient) are asked about together.
        seed: of the folds and of samples.
        taught: most labels that one fit learns from.
        report: is told the progress in folds; it may raise to leave.
    """
    fold = _folds(columns, groups, seed)
    found = np.full((len(columns), classes), 1 / classes, dtype=np.float32)
    for number in range(FOLDS):
        asked, others = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        if len(asked) and len(others):
            seeds = {"seed": seed + number, "taught": taught}
            probe = fit(features, rows[others], columns[others], **seeds)
            found[asked] = 0
            found[np.ix_(asked, probe.columns)] = softmax(probe.logits(features, rows[asked]))
        report(number + 1, FOLDS)
    return found


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, K) probabilities of (n, K) logits."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def energies(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n,) energies -log sum exp of (n, K) logits: higher for what a classifier does not know
    (Liu, Wang, Owens and Li, NeurIPS 2020, section 3)."""
    most = logits.max(axis=1)
    return -(most + np.log(np.exp(logits - most[:, None]).sum(axis=1)))


def _folds(
    columns: NDArray[np.int64], groups: NDArray[np.int64] | None, seed: int
) -> NDArray[np.int64]:
    """(n,) fold of each label: every class is dealt out evenly, and a group stays together."""
    units = np.arange(len(columns))
    if groups is not None:
        _, firsts, units = np.unique(groups, return_index=True, return_inverse=True)
    else:
        firsts = units
    shuffled = np.random.default_rng(seed).permutation(len(firsts))
    order = shuffled[np.argsort(columns[firsts][shuffled], kind="stable")]
    fold = np.empty(len(firsts), dtype=np.int64)
    fold[order] = np.arange(len(order)) % FOLDS
    return fold[units]


def _regression(x: NDArray[np.float32], y: NDArray[np.int64]) -> Any:
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it stops after some steps: it need not be exact
        return LogisticRegression(C=STRENGTH, max_iter=_STEPS).fit(x, y)
