"""Training a label denoiser with retrieved labels (LRA-diffusion: Chen et al., "Label-Retrieval-
Augmented Diffusion Models for Learning from Noisy Labels", NeurIPS 2023, section 4).

At each visit an image gets a label of its pool (`retrieval`), weighted by its share there:

    loss = mean over classes of sum_i w_i (eps_i - eps(y_t,i, t_i, f_i))^2,  sum_i w_i = 1

Adam with a learning rate that rises over 5 epochs and falls to nothing by a cosine, gradients
clipped at norm 1. The authors' code has a cosine of 1,000 epochs however many are trained, so that
it ends near its highest rate; sampling divides what the last steps leave undone by sqrt(abar), .15
at its first step. The moving average that their code keeps and never reads is left out.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from models.label_diffusion import LabelDenoiser
from sslapp.methods.diff_sysc.diffusion import Schedule, alpha_bars, antithetic_times, noisy
from sslapp.methods.diff_sysc.image_encoder import ImageEncoder
from sslapp.methods.diff_sysc.retrieval import Pools, drawn
from sslapp.training.augmentation import weak
from sslapp.training.run import Checkpoints, Run, Tensors
from sslapp.training.task import Indices

WARM_UP = 5
REPORTS = 20
CLIP = 1.0
FEWEST_IN_BATCH = 2
"""Batch normalisation needs two images."""
ADAM = ("step", "exp_avg", "exp_avg_sq")
"""What Adam keeps of a parameter."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """How one denoiser is trained.

    Attributes:
        epochs: of the learning rate's schedule.
        passes: over the labelled images in all; as many to every epoch.
        batch: images in a step.
        learning_rate: Adam's highest.
        width: of the hidden layers.
        diffusion: the schedule of the forward process.
        dtype: of linear layers and convolutions under autocast.
        purpose: keys the randomness.
    """

    epochs: int
    passes: int
    batch: int
    learning_rate: float
    width: int
    diffusion: Schedule
    dtype: torch.dtype
    purpose: str


Report = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True, kw_only=True)
class Examples:
    """What a denoiser learns from.

    Attributes:
        features: (n, D) float32.
        pools: the labels that each may get.
        num_classes: C.
        encoder: of the images as well, if it is trainable.
        rows: (n,) int64, their rows among the encoder's images.
    """

    features: Tensor
    pools: Pools
    num_classes: int
    encoder: ImageEncoder | None
    rows: Indices


def train(examples: Examples, run: Run, training: Training, *, report: Report) -> Tensors:
    """Train a new denoiser and return its state.

    Args:
        examples: the labelled images.
        run: gives generators, the stage "train" and the checkpoints.
        training: the options.
        report: called with (epochs done, metrics).
    """
    return run.stage(
        "train", lambda checkpoints: Passes(examples, run, training, report).all(checkpoints)
    )


def learning_rate(epoch: float, epochs: int, highest: float) -> float:
    """The learning rate at a fractional epoch of so many; a short training warms up for less."""
    warm_up = min(WARM_UP, epochs / 4)
    if epoch < warm_up:
        return highest * epoch / warm_up
    return highest * 0.5 * (1 + math.cos(math.pi * (epoch - warm_up) / (epochs - warm_up)))


def denoising_loss(eps: Tensor, noise: Tensor, weights: Tensor) -> Tensor:
    """mean over classes of sum_i w_i (eps_i - noise_i)^2, a scalar.

    Args:
        eps: (n, C) predicted noise.
        noise: (n, C).
        weights: (n,), sum 1.
    """
    return weights @ (noise - eps).square().mean(dim=1)


@dataclass(frozen=True)
class Pass:
    """What the steps of one pass see, drawn at once. S steps of B images.

    Attributes:
        order: (S, B) int64 places among the examples.
        y_t, noise: (S, B, C).
        times: (S, B) int64.
        weights: (S, B), of sum 1 in a step.
    """

    order: Tensor
    y_t: Tensor
    noise: Tensor
    times: Tensor
    weights: Tensor


class Passes:
    """All passes of one training, from the first or from a checkpoint."""

    def __init__(self, examples: Examples, run: Run, training: Training, report: Report) -> None:
        self._examples, self._run, self._training = examples, run, training
        self._report = report
        device = run.device
        places = np.arange(len(examples.features))
        if len(places) < FEWEST_IN_BATCH:
            places = np.repeat(places, FEWEST_IN_BATCH)
        self._rows = examples.rows[places]
        chosen = torch.from_numpy(places)
        # the layers that see the features would round them to this at every step
        self._features = examples.features[chosen].to(device, training.dtype)
        self._pools = examples.pools.of(chosen).to(device)
        self._batch = min(training.batch, len(places))
        self.steps = len(places) // self._batch
        self._count = training.passes
        self._bars = alpha_bars(training.diffusion).float().to(device)
        self._network = self._new_network().to(device).train()
        # the fused kernel is one pass over the weights: with 25 images a step that is what counts
        self._optimiser = torch.optim.Adam(
            self._network.parameters(), lr=training.learning_rate, fused=True
        )

    def all(self, checkpoints: Checkpoints) -> Tensors:
        """Train to the end and return the state."""
        start, saved = self._resume(checkpoints), time.monotonic()
        every = max(1, self._count // REPORTS)
        for number in range(start, self._count):
            loss = self.one(number)
            done = number + 1
            if done % every == 0 or done == self._count:
                self._report(int(self._epoch(done)), {"loss": float(loss)})
            late = time.monotonic() - saved >= self._run.checkpoint_seconds
            if late and done < self._count:
                checkpoints.save(done, self._state())
                saved = time.monotonic()
        return dict(self._network.state_dict())

    def one(self, number: int) -> Tensor:
        """Take all steps of pass `number`; returns their mean loss, a scalar on the device."""
        drawn_once = self.prepared(number)
        total = torch.zeros((), device=self._run.device)
        for step in range(self.steps):
            self._run.check()
            epoch = self._epoch(number + step / self.steps)
            rate = learning_rate(epoch, self._training.epochs, self._training.learning_rate)
            self._optimiser.param_groups[0]["lr"] = rate
            total += self._step(
                drawn_once, step, self._images(drawn_once.order[step], number, step)
            )
        return total / self.steps

    def prepared(self, number: int) -> Pass:
        """Order, labels, times and noise of pass `number`."""
        shape = (self.steps, self._batch)
        generator = self._run.generator(f"{self._training.purpose}/pass", number)
        device = generator.device
        # what is left over at the end comes earlier in another pass's order
        order = torch.randperm(len(self._features), generator=generator, device=device)
        order = order[: self.steps * self._batch]
        label, share = drawn(self._pools.of(order), generator)
        y = functional.one_hot(label, self._examples.num_classes).float()
        noise = torch.randn(y.shape, generator=generator, device=device)
        times = antithetic_times(self.steps, self._batch, generator)
        y_t = noisy(y, noise, times.flatten(), self._bars)
        weights = share.view(shape)
        return Pass(
            order=order.view(shape),
            y_t=y_t.view(*shape, -1),
            noise=noise.view(*shape, -1),
            times=times,
            weights=weights / weights.sum(dim=1, keepdim=True),
        )

    def _step(self, given: Pass, step: int, images: Tensor | None) -> Tensor:
        f = self._features[given.order[step]]
        with torch.autocast(
            self._run.device.type,
            self._training.dtype,
            enabled=self._training.dtype != torch.float32,
        ):
            eps = self._network(given.y_t[step], given.times[step], f, images)
        loss = denoising_loss(eps.float(), given.noise[step], given.weights[step])
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._clip()
        self._optimiser.step()
        return loss.detach()

    def _clip(self) -> None:
        parameters = list(self._network.parameters())
        norm = get_total_norm(each.grad for each in parameters if each.grad is not None)
        # a GPU would rather multiply by 1 than wait to be told; a CPU saves a pass over the weights
        if norm.device.type != "cpu" or norm > CLIP:
            clip_grads_with_norm_(parameters, CLIP, norm, foreach=True)

    def _images(self, places: Tensor, number: int, step: int) -> Tensor | None:
        """Weak views of a step's images for the trainable encoder, if there is one."""
        encoder = self._examples.encoder
        if encoder is None or encoder.pixels is None:
            return None
        images = encoder.pixels.take(self._rows[places.cpu().numpy()]).to(self._run.device)
        purpose = f"{self._training.purpose}/view"
        generator = self._run.generator(purpose, number * self.steps + step, device="cpu")
        return encoder.normalised(weak(images, generator, flip=False))

    def _epoch(self, passes: float) -> float:
        """The epoch of the schedule after so many passes."""
        return passes * self._training.epochs / self._count

    def _new_network(self) -> LabelDenoiser:
        purpose, width = f"{self._training.purpose}/weights", self._training.width
        seed = self._run.generator(purpose, device="cpu").initial_seed()
        encoder = self._examples.encoder
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return LabelDenoiser(
                self._examples.num_classes,
                self._examples.features.shape[1],
                width=width,
                encoder=None if encoder is None else encoder.build(width, seed),
            )

    def _state(self) -> Tensors:
        state = {f"network.{k}": v for k, v in self._network.state_dict().items()}
        for name, parameter in self._network.named_parameters():
            for key, value in self._optimiser.state[parameter].items():
                state[f"adam.{key}.{name}"] = value
        return state

    def _resume(self, checkpoints: Checkpoints) -> int:
        weights = [f"network.{key}" for key in self._network.state_dict()]
        moments = [
            f"adam.{key}.{name}" for name, _ in self._network.named_parameters() for key in ADAM
        ]
        found = checkpoints.load([*weights, *moments])
        if found is None:
            return 0
        done, state = found
        self._network.load_state_dict(
            {k.removeprefix("network."): v for k, v in state.items() if k.startswith("network.")}
        )
        for name, parameter in self._network.named_parameters():
            self._optimiser.state[parameter] = {
                key: state[f"adam.{key}.{name}"].to(self._run.device) for key in ADAM
            }
        return done
