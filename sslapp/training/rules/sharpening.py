"""Making soft targets surer than the predictions that they come from."""

import torch
from torch import Tensor


def sharpened(p: Tensor, temperature: float) -> Tensor:
    """norm(p^(1/T)): softmax(z / T) for p = softmax(z); zeros stay zeros.

    Args:
        p: (n, C) probabilities.
        temperature: T > 0; below 1 it sharpens.
    """
    return torch.softmax(torch.log(p) / temperature, dim=1)
