"""Perturbations of what a network is given or makes, drawn on the host and sent ahead."""

import torch
from torch import Tensor

from sslapp.training.augmentation.pixels import send


def gaussian(images: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Images with normal noise added.

    Args:
        images: (n, C, H, W) normalised, any float type.
        deviation: of the noise, in the images' units; 0 leaves them as they are.
        generator: on the CPU.
    """
    if not deviation:
        return images
    drawn = torch.randn(images.shape, generator=generator, dtype=images.dtype)
    return images + deviation * send(drawn, images.device)


def dropout(features: Tensor, rate: float, generator: torch.Generator) -> Tensor:
    """Features a share of which is 0, the others scaled up in turn.

    Args:
        features: (n, D).
        rate: in [0, 1); 0 leaves them as they are.
        generator: on the CPU.
    """
    if not rate:
        return features
    kept = torch.rand(features.shape, generator=generator) >= rate
    return features * send(kept, features.device) / (1 - rate)
