"""Which map makes confidence right, where there are labels enough to tell: temperature scaling,
unless another one predicts labels that it was not fitted to surely better.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from sslapp.training.calibration.scaling import (
    Isotonic,
    Scaling,
    Temperature,
    Vector,
    log_probabilities,
    softmax,
)
from sslapp.training.calibration.temperature import fit_temperature

Logits = NDArray[np.float64]
Labels = NDArray[np.int64]
Fit = Callable[[Logits, Labels], Scaling]

LEAST_COMPARED = 100
"""Answers below which temperature is the only map: one parameter is all that they support."""

LEAST_OF_CLASS = 10
"""Answers about each class from which on it may have a weight and a bias of its own."""

LEAST_ISOTONIC = 300
"""Answers from which on isotonic regression is tried. It has as many parameters as steps: a tenth
of 300 answers knows its share right to about .05, and with fewer steps fit chance (Niculescu-Mizil
and Caruana, "Predicting Good Probabilities with Supervised Learning", ICML 2005, section 5)."""

FOLDS = 5

SURE = 1.645
"""Standard errors by which a mean gain must exceed zero: one-sided 95 %."""

PULL = 4.0
"""1 / .5 squared: a class's weight is expected within half of that of temperature scaling, its bias
within .5, before anything is known of it."""


def choose_scaling(logits: Logits, labels: Labels, groups: Labels | None = None) -> Scaling:
    """The map for a round, from its out-of-sample answers.

    Every map that the answers suffice for is fitted to four fifths and judged by the negative
    log-likelihood of the rest. Another one than temperature scaling is taken where its mean paired
    gain over it exceeds 1.645 standard errors; of several the one with the largest gain. Where all
    answers are right they cannot tell how sure to be, and nothing is compared.

    Args:
        logits: (n, C) float64.
        labels: (n,).
        groups: (n,) patients: a patient's answers stay in one fold and are one witness.

    Returns:
        The same for the same answers.
    """
    _, unit = np.unique(np.arange(len(labels)) if groups is None else groups, return_inverse=True)
    fits = _supported(logits, labels)
    if not fits or unit.max() + 1 < FOLDS:
        return _temperature(logits, labels)
    fold = _folds(labels, unit)
    usual = _held_out_losses(_temperature, logits, labels, fold)
    best: Fit = _temperature
    most = 0.0
    for fit in fits:
        gain = usual - _held_out_losses(fit, logits, labels, fold)
        error = _error_of_mean(gain, unit)
        if gain.mean() > max(SURE * error, most):
            best, most = fit, float(gain.mean())
    return best(logits, labels)


def _supported(logits: Logits, labels: Labels) -> list[Fit]:
    """The maps beside temperature scaling that the answers suffice for."""
    if len(labels) < LEAST_COMPARED or (logits.argmax(axis=1) == labels).all():
        return []
    fits: list[Fit] = []
    if np.bincount(labels, minlength=logits.shape[1]).min() >= LEAST_OF_CLASS:
        fits.append(fit_vector)
    if len(labels) >= LEAST_ISOTONIC:
        fits.append(fit_isotonic)
    return fits


def _folds(labels: Labels, unit: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) 0 to 4: drawn class by class, by a unit's first answer, so that fits have seen each."""
    units, first = np.unique(unit, return_index=True)
    order = np.random.default_rng(len(units)).permutation(len(units))
    order = order[np.argsort(labels[first[order]], kind="stable")]
    fold = np.empty(len(units), dtype=np.int64)
    fold[order] = np.arange(len(units)) % FOLDS
    return fold[unit]


def _error_of_mean(values: NDArray[np.float64], unit: NDArray[np.int64]) -> float:
    """Standard error of the mean of values of which those of a unit are not independent.

    sqrt(U / (U - 1) sum_u (sum of u's deviations)^2) / n; infinite for a single unit.
    """
    sums = np.bincount(unit, weights=values - values.mean())
    if len(sums) < 2:
        return math.inf
    return math.sqrt(len(sums) / (len(sums) - 1) * float((sums**2).sum())) / len(values)


def _held_out_losses(
    fit: Fit, logits: Logits, labels: Labels, fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(n,) negative log-likelihoods, each by a map that was fitted without its fold."""
    losses = np.empty(len(labels))
    for each in np.unique(fold).tolist():
        out = fold == each
        p = fit(logits[~out], labels[~out]).of_logits(logits[out])
        of_label = p[np.arange(len(p)), labels[out]]
        losses[out] = -np.log(np.maximum(of_label, np.finfo(np.float64).tiny))
    return losses


def fit_vector(logits: Logits, labels: Labels) -> Vector:
    """Vector scaling, pulled towards temperature scaling (Guo et al., ICML 2017, section 4.2).

    The minimum of sum_i -log softmax(w z_i + b)_{y_i} + PULL / 2 sum_c ((w_c T - 1)^2 + b_c^2),
    z the log-probabilities and T the likeliest temperature; it is convex. By L-BFGS in float64.
    """
    temperature = _temperature(logits, labels).temperature
    z = log_probabilities(logits)
    classes = z.shape[1]
    truth = np.eye(classes)[labels]

    def loss(both: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weight, bias = both[:classes], both[classes:]
        p = softmax(z * weight + bias)
        of_label = np.maximum(p[truth > 0], np.finfo(np.float64).tiny)
        apart = weight * temperature - 1
        value = -np.log(of_label).sum() + PULL / 2 * ((apart**2).sum() + (bias**2).sum())
        wrong = p - truth
        slope = (wrong * z).sum(axis=0) + PULL * temperature * apart
        return float(value), np.concatenate([slope, wrong.sum(axis=0) + PULL * bias])

    start = np.concatenate([np.full(classes, 1 / temperature), np.zeros(classes)])
    options = {"maxiter": 500, "ftol": 1e-14, "gtol": 1e-8}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    return Vector(temperature, tuple(found[:classes].tolist()), tuple(found[classes:].tolist()))


def fit_isotonic(logits: Logits, labels: Labels) -> Isotonic:
    """Isotonic regression of being right on the confidence after temperature scaling.

    One wrong answer is added at the surest and a right one at the least sure, so that no step is 0
    or 1 and the ends are believed no further than their answers carry.
    """
    temperature = _temperature(logits, labels)
    p = temperature.of_logits(logits)
    sure, right = p.max(axis=1), p.argmax(axis=1) == labels
    at = np.concatenate([sure, [sure.max(), sure.min()]])
    said = np.concatenate([right.astype(np.float64), [0.0, 1.0]])
    found = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(at, said)
    return Isotonic(
        temperature.temperature,
        tuple(found.X_thresholds_.tolist()),
        tuple(found.y_thresholds_.tolist()),
    )


def _temperature(logits: Logits, labels: Labels) -> Temperature:
    return Temperature(fit_temperature(torch.from_numpy(logits), torch.from_numpy(labels)))
