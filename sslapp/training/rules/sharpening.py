"""Making targets surer than the predictions that they come from, up to a class alone."""

import torch
from torch import Tensor


def sharpened(p: Tensor, temperature: float) -> Tensor:
    """norm(p^(1/T)): softmax(z / T) for p = softmax(z); zeros stay zeros.

    Args:
        p: (n, C) probabilities.
        temperature: T > 0; below 1 it sharpens.
    """
    return torch.softmax(torch.log(p) / temperature, dim=1)


def one_hot(labels: Tensor, like: Tensor) -> Tensor:
    """(n,) classes as (n, C) probabilities, C, type and device being those of `like`."""
    # torch's own asks the device whether all labels are classes
    empty = like.new_zeros(len(labels), like.shape[1])
    return empty.scatter_(1, labels[:, None], 1)
