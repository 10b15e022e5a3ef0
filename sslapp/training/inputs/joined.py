"""The features of several encoders as those of one."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from sslapp.training.task import Features, Indices


class JoinedFeatures:
    """Unit vectors of each encoder, side by side; so each has the same say, whatever its scale.

    Args:
        features: of one encoder, those of others beside them.

    Attributes:
        parts: the features of each encoder.
        name: the encoders, in their order.
        shape: (N, D), D that of all parts.
    """

    views = frozenset({"clean"})
    beside: Sequence[Features] = ()

    def __init__(self, features: Features) -> None:
        self.parts = (features, *features.beside)
        self.name = " and ".join(each.name for each in self.parts)
        self.shape = (features.shape[0], sum(each.shape[1] for each in self.parts))

    def take(self, indices: Indices, view: str = "clean") -> torch.Tensor:
        """Return (n, D) float32.

        Raises:
            ValueError: for another view than the clean one; encoded views are those of one encoder.
        """
        if view != "clean":
            raise ValueError(f'There are no encoded views "{view}" of several encoders; name one.')
        taken = [functional.normalize(each.take(indices), dim=1) for each in self.parts]
        return torch.cat(taken, dim=1)
