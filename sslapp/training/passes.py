"""How an objective runs its network at one step: jointly, apart, or with averaged weights.

A joint pass is the field's default: one batch, one set of batch statistics, and running statistics
that follow. Passes apart are for what is no part of that batch (a guess that is averaged, a search
for a direction, a teacher's answer): they are normalised by their own batch and leave the running
statistics, which are what evaluation uses, as they were.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from sslapp.training.run import keyed_generator

HEADS = "heads"
"""The submodule of a network that holds an objective's further heads while it is trained."""


class NetworkPasses:
    """The network of one step.

    Args:
        network: with `features` and `head`, or any module for an objective that needs neither.
        called: the same network as a joint pass calls it, compiled perhaps.
        averaged: gives the averaged weights so far; needed by `teacher`.
        generator: (purpose) -> a generator on the CPU that follows the run's seed and the step.
        number: k, from 0.
        total: K.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        called: nn.Module | None = None,
        averaged: Callable[[], Mapping[str, Tensor]] | None = None,
        generator: Callable[[str], torch.Generator] | None = None,
        number: int = 0,
        total: int = 1,
    ) -> None:
        self._network, self._called = network, called or network
        self._averaged = averaged
        self.generator = generator or partial(keyed_generator, 0, step=number, device="cpu")
        self.number, self.total = number, total

    def __call__(self, images: Tensor) -> Tensor:
        """(n, C) logits of one batch; running statistics follow it."""
        logits: Tensor = self._called(images)
        return logits

    def joint(self, views: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Logits of all views by one pass, under the views' names."""
        parts = self(torch.cat(list(views.values()))).split([len(view) for view in views.values()])
        return dict(zip(views, parts, strict=True))

    def joint_features(self, views: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """(n, D) features of all views by one pass, for objectives that apply heads themselves."""
        features: Tensor = self._called.features(torch.cat(list(views.values())))  # type: ignore[operator]
        parts = features.split([len(view) for view in views.values()])
        return dict(zip(views, parts, strict=True))

    @property
    def head(self) -> nn.Linear:
        """The network's classifier."""
        head: nn.Linear = self._network.head  # type: ignore[assignment]
        return head

    @property
    def heads(self) -> nn.ModuleDict:
        """The objective's own, by its names."""
        heads: nn.ModuleDict = getattr(self._network, HEADS)
        return heads

    def apart(self, images: Tensor, *, exact: bool = False, alike: bool = False) -> Tensor:
        """(n, C) logits of a batch that leaves the running statistics as they are.

        Args:
            images: a batch of its own.
            exact: in float32 at least, whatever the run computes in: differences of nearly equal
                logits drown in bfloat16's rounding.
            alike: let what the network itself draws (dropout, stochastic depth) be the same in all
                such passes of a step, so that a difference between two is the images'.
        """
        precisely = torch.autocast(images.device.type, enabled=False) if exact else nullcontext()
        with self._kept(), precisely, self._drawn_alike() if alike else nullcontext():
            logits: Tensor = self._network(images)
            return logits

    @torch.no_grad()
    def teacher(self, images: Tensor) -> Tensor:
        """(n, C) logits by the averaged weights, without gradient; batch statistics are its own.

        Raises:
            RuntimeError: where no averaged weights are kept.
        """
        if self._averaged is None:
            raise RuntimeError("teacher: this step has no averaged weights.")
        with self._kept():
            state = dict(self._averaged())
            logits: Tensor = torch.func.functional_call(self._network, state, (images,))
            return logits

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Batch normalisation by the batch that neither reads nor moves running statistics."""
        norms = [
            module
            for module in self._network.modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm)
            and module.training
            and module.track_running_stats
        ]
        for norm in norms:
            norm.track_running_stats = False
        try:
            yield
        finally:
            for norm in norms:
                norm.track_running_stats = True

    @contextmanager
    def _drawn_alike(self) -> Iterator[None]:
        if not getattr(self._network, "draws", False):
            yield
            return
        parameter = next(self._network.parameters())
        with torch.random.fork_rng(devices=[parameter.device] if parameter.is_cuda else []):
            torch.manual_seed(self.generator("drawn alike").initial_seed())
            yield
