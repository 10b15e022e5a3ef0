"""Quarter turns, told apart as a task without labels (Gidaris et al., "Unsupervised Representation
Learning by Predicting Image Rotations", ICLR 2018)."""

import torch
from torch import Tensor

from sslapp.training.augmentation.pixels import send

QUARTERS = 4


def drawn_turns(images: Tensor, generator: torch.Generator) -> Tensor:
    """(n,) int64 quarter turns in 0 .. 3 for (n, ...) images. generator: on the CPU."""
    return send(torch.randint(QUARTERS, (len(images),), generator=generator), images.device)


def rotated(images: Tensor, turns: Tensor) -> Tensor:
    """Images turned counter-clockwise.

    Args:
        images: (n, C, S, S).
        turns: (n,) int64 quarter turns.
    """
    every = torch.stack([torch.rot90(images, quarter, (2, 3)) for quarter in range(QUARTERS)])
    return every[turns, torch.arange(len(images), device=images.device)]
