"""Training a label denoiser with retrieved labels (LRA-diffusion: Chen et al., "Label-Retrieval-
Augmented Diffusion Models for Learning from Noisy Labels", NeurIPS 2023, section 4).

Every labelled image has a pool of k + 1 labels: those of its k nearest labelled images in the
frozen features, itself among them, and its own. At each visit one label is drawn from the pool and
weighted by how often it occurs there:

    loss = mean over classes of sum_i w_i (eps_i - eps(y_t,i, t_i, f_i))^2,  sum_i w_i = 1

Adam with a learning rate that rises over 5 epochs and falls by a cosine made for 1,000, gradients
clipped at norm 1: as in the authors' code, of which a short run sees the beginning alone.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.label_diffusion import LabelDenoiser
from sslapp.embedding.index import NeighbourIndex
from sslapp.training.diffusion import Schedule, alpha_bars, antithetic_times, noisy
from sslapp.training.run import Checkpoints, Run, Tensors
from sslapp.training.task import Indices

WARM_UP, COSINE_EPOCHS = 5, 1000
REPORTS = 20
CLIP = 1.0
FEWEST_IN_BATCH = 2
"""Batch normalisation needs two images."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """How one denoiser is trained.

    Attributes:
        epochs: passes over the labelled images.
        least_steps: pass over them more often where that takes fewer steps than this.
        batch: images in a step.
        neighbours: k.
        learning_rate: Adam's highest.
        width: of the hidden layers.
        diffusion: the schedule of the forward process.
        purpose: keys the randomness.
    """

    epochs: int
    least_steps: int
    batch: int
    neighbours: int
    learning_rate: float
    width: int
    diffusion: Schedule
    purpose: str


Report = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Examples:
    """What a denoiser learns from.

    Attributes:
        features: (n, D) float32.
        labels: (n,) int64.
        num_classes: C.
    """

    features: Tensor
    labels: Indices
    num_classes: int


def train(examples: Examples, run: Run, training: Training, *, report: Report) -> Tensors:
    """Train a new denoiser and return its state.

    Args:
        examples: the labelled images.
        run: gives generators, the stage "train" and the checkpoints.
        training: the options.
        report: called with (epochs done, metrics).
    """
    return run.stage(
        "train", lambda checkpoints: _Passes(examples, run, training, report).all(checkpoints)
    )


def label_pools(features: np.ndarray, labels: Indices, neighbours: int) -> Indices:
    """(n, k + 1) int64: the labels of each image's k nearest, itself among them, and its own.

    k shrinks to the size of the smallest class that has a label, so that a class of one image is
    not outvoted by its surroundings.
    """
    smallest = int(np.bincount(labels)[np.unique(labels)].min())
    k = min(neighbours, smallest)
    _, near = NeighbourIndex(features, "l2").search(features, k)
    return np.concatenate([labels[near], labels[:, None]], axis=1)


def drawn(pools: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """One label of each pool, and how often it occurs there. Returns (n,) int64 and (n,) int64."""
    count, width = pools.shape
    place = torch.randint(0, width, (count, 1), generator=generator, device=generator.device)
    label = pools.gather(1, place)
    return label.squeeze(1), (pools == label).sum(dim=1)


def learning_rate(epoch: float, highest: float) -> float:
    """The learning rate at a fractional epoch."""
    if epoch < WARM_UP:
        return highest * epoch / WARM_UP
    return highest * 0.5 * (1 + math.cos(math.pi * (epoch - WARM_UP) / (COSINE_EPOCHS - WARM_UP)))


class _Passes:
    """All passes of one training, from the first or from a checkpoint."""

    def __init__(self, examples: Examples, run: Run, training: Training, report: Report) -> None:
        self._run, self._training, self._report = run, training, report
        device = run.device
        pools = label_pools(examples.features.numpy(), examples.labels, training.neighbours)
        rows = np.arange(len(pools))
        if len(rows) < FEWEST_IN_BATCH:
            rows = np.repeat(rows, FEWEST_IN_BATCH)
        self._f = examples.features[torch.from_numpy(rows)].to(device)
        self._pools = torch.from_numpy(pools[rows]).to(device)
        self._num_classes = examples.num_classes
        self._batch = min(training.batch, len(rows))
        self._steps = len(rows) // self._batch
        self._count = max(training.epochs, math.ceil(training.least_steps / self._steps))
        self._bars = alpha_bars(training.diffusion).to(device)
        self._network = self._new_network(examples.features.shape[1]).to(device).train()
        # the fused kernel is one pass over the weights: with 25 images a step that is what counts
        self._optimiser = torch.optim.Adam(
            self._network.parameters(), lr=training.learning_rate, fused=True
        )

    def all(self, checkpoints: Checkpoints) -> Tensors:
        """Train to the end and return the state."""
        start, saved = self._resume(checkpoints), time.monotonic()
        every = max(1, self._count // REPORTS)
        for number in range(start, self._count):
            loss = self._pass(number)
            done = number + 1
            if done % every == 0 or done == self._count:
                self._report(int(self._epoch(done)), {"loss": float(loss)})
            late = time.monotonic() - saved >= self._run.checkpoint_seconds
            if late and done < self._count:
                checkpoints.save(done, self._state())
                saved = time.monotonic()
        return dict(self._network.state_dict())

    def _epoch(self, passes: float) -> float:
        """The epoch of the schedule after so many passes."""
        return passes * self._training.epochs / self._count

    def _pass(self, number: int) -> Tensor:
        """One pass, whose order, labels, times and noise are drawn at once."""
        steps, batch = self._steps, self._batch
        generator = self._run.generator(f"{self._training.purpose}/pass", number)
        device = generator.device
        # what is left over at the end comes earlier in another pass's order
        order = torch.randperm(len(self._f), generator=generator, device=device)[: steps * batch]
        label, weight = drawn(self._pools[order], generator)
        y = torch.nn.functional.one_hot(label, self._num_classes).float()
        noise = torch.randn(y.shape, generator=generator, device=device)
        times = torch.cat([antithetic_times(batch, generator) for _ in range(steps)])
        y_t = noisy(y, noise, times, self._bars)
        f = self._f[order]
        shares = weight.float().view(steps, batch)
        shares = (shares / shares.sum(dim=1, keepdim=True)).flatten()
        total = torch.zeros((), device=device)
        for step in range(steps):
            self._run.check()
            part = slice(step * batch, (step + 1) * batch)
            self._set_rate(self._epoch(number + step / steps))
            eps = self._network(y_t[part], times[part], f[part])
            squares = (noise[part] - eps).square().mean(dim=1)
            loss = (shares[part] * squares).sum()
            self._optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), CLIP, foreach=True)
            self._optimiser.step()
            total += loss.detach()
        return total / steps

    def _set_rate(self, epoch: float) -> None:
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(epoch, self._training.learning_rate)

    def _new_network(self, num_features: int) -> LabelDenoiser:
        seed = self._run.generator(f"{self._training.purpose}/weights", device="cpu")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed.initial_seed())
            return LabelDenoiser(self._num_classes, num_features, width=self._training.width)

    def _state(self) -> Tensors:
        state = {f"network.{k}": v for k, v in self._network.state_dict().items()}
        for name, parameter in self._network.named_parameters():
            for key, value in self._optimiser.state[parameter].items():
                state[f"adam.{key}.{name}"] = value
        return state

    def _resume(self, checkpoints: Checkpoints) -> int:
        found = checkpoints.load()
        if found is None:
            return 0
        epoch, state = found
        device = self._run.device
        self._network.load_state_dict(
            {k.removeprefix("network."): v for k, v in state.items() if k.startswith("network.")}
        )
        for name, parameter in self._network.named_parameters():
            kept = {}
            for key in ("step", "exp_avg", "exp_avg_sq"):
                if f"adam.{key}.{name}" in state:
                    kept[key] = state[f"adam.{key}.{name}"].to(device)
            if kept:
                self._optimiser.state[parameter] = kept
        return epoch
