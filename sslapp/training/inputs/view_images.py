"""Weak and strong copies of images for a frozen encoder, made as the pixels gear makes them."""

import numpy as np
import torch
from numpy.typing import NDArray

from sslapp.training.augmentation import weak
from sslapp.training.configuration import Augmentation, ConsistencyConfig
from sslapp.training.inputs.feed import strong_views
from sslapp.training.run import keyed_generator


class ViewImages:
    """Views of images at their stored size, drawn per (seed, view, first row).

    Args:
        seed: of all views.
        augmentation: policy of the strong views.
        flip: whether images may be mirrored.
    """

    def __init__(self, seed: int, augmentation: Augmentation, *, flip: bool) -> None:
        self._seed, self._flip = seed, flip
        options = {"augmentation": augmentation, "flip": flip}
        self._strong = strong_views(ConsistencyConfig.model_validate(options))

    def __call__(self, images: NDArray[np.uint8], view: str, first: int) -> NDArray[np.uint8]:
        """Return the view `view` of (n, S, S, C) images, the first of which is row `first`."""
        x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).contiguous()
        generator = keyed_generator(self._seed, f"encoded/{view}", first, "cpu")
        if view.startswith("strong-"):
            made = self._strong(x, generator)
        else:
            made = weak(x, generator, flip=self._flip)
        return made.permute(0, 2, 3, 1).contiguous().numpy()
