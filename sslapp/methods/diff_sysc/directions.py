"""Features as directions from their mean: centred rows of length 1.

A label denoiser sees a noisy label of C numbers beside D features in one linear layer. Where each
feature has the size of a label's entry, the label is drowned by hundreds of them and the training
spends thousands of steps to find it; of length 1 together they weigh as much as the label.
"""

import numpy as np
from torch import Tensor

from sslapp.training.task import Features, Indices, Pixels

ROWS = 4096


def centre(features: Features, rows: Indices) -> Tensor:
    """(D,) float32: the mean of the features of (n,) rows, n > 0."""
    total = features.take(rows[:0]).double().sum(dim=0)
    ascending = np.sort(rows)
    for start in range(0, len(rows), ROWS):
        total += features.take(ascending[start : start + ROWS]).double().sum(dim=0)
    return (total / len(rows)).float()


def directions(source: Pixels | Features, rows: Indices, mean: Tensor) -> Tensor:
    """(n, D) float32: centred features of length 1; zeros where there is nothing but the mean."""
    return of_length_1(source.take(rows) - mean)


def of_length_1(apart: Tensor) -> Tensor:
    """(n, D) float32 rows divided by their length; zeros stay."""
    return apart / apart.norm(dim=1, keepdim=True).clamp(min=1e-12)
