"""SimCLR: two views of an image near each other, and far from those of the other images.

Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020: the
loss NT-Xent is their equation 1, the projection head that is thrown away their section 4.2. Loss,
head and views are lightly's (Lightly AG, MIT licence); the rest is this program's, so that a killed
training ends like an undisturbed one.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from lightly.loss.ntx_ent_loss import NTXentLoss
from lightly.models.modules.heads import SimCLRProjectionHead
from lightly.transforms.simclr_transform import SimCLRTransform
from torch import Tensor, nn
from torchvision.transforms.v2 import functional

from sslapp.training import networks
from sslapp.training.inputs.gears import PixelInputs
from sslapp.training.loop import optimiser, schedule
from sslapp.training.method import Predictor
from sslapp.training.rules.ema import EMA
from sslapp.training.run import Checkpoints, Run, Tensors
from sslapp.training.self_supervised import config as options
from sslapp.training.self_supervised.config import SelfSupervisedConfig
from sslapp.training.task import Indices, Task, pixels_of

OUTPUTS = 128
"""Numbers that the projection head gives of an image, as in the paper."""

SMALLEST_CROP, JITTER, BLURRED_FROM = 0.2, 0.5, 64
"""Least share of an image that a view shows, strength of the colour jitter (the paper's for small
images), and the side from which on views are blurred."""

LOOKS = 10
"""How often a training shows what it has learned."""

Look = Callable[[int, int, Callable[[Indices], Tensor]], None]
"""Called as look(step, total, embed), where embed(rows) gives (n, D) features so far."""


def train(
    task: Task, run: Run, config: SelfSupervisedConfig, look: Look = lambda step, total, embed: None
) -> Predictor:
    """Train a network on the images of a task and return it; labels are not read.

    Its `embed` gives the vectors; its classifier means nothing.

    Args:
        task: whose `labelled` and `pool` are trained on.
        run: in the pixels gear.
        config: options.
        look: see Look; ten times, and after the last step.

    Raises:
        Stopped: when the run was asked to stop.
        ValueError: when there are fewer images than a batch takes.
    """
    learning = Learning(task, run, config, look)
    return learning.inputs.predictor(run.stage("self-supervised", learning.all_steps))


class Projected(nn.Module):
    """A network's features behind the projection head.

    Attributes:
        optimiser: see the network.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.head = SimCLRProjectionHead(network.num_features, network.num_features, OUTPUTS)
        self.optimiser = getattr(network, "optimiser", "sgd")

    def forward(self, images: Tensor) -> Tensor:
        """(n, C, S, S) normalised images -> (n, OUTPUTS)."""
        return self.head(self.network.features(images))


class Learning:
    """One training from step 0, or from a checkpoint, to its end."""

    def __init__(self, task: Task, run: Run, config: SelfSupervisedConfig, look: Look) -> None:
        self.rows = np.sort(np.concatenate([task.labelled, task.pool]))
        if len(self.rows) < config.batch_size:
            raise ValueError(
                f"batch_size: {config.batch_size} images of a batch, but there are only "
                f"{len(self.rows)} to learn from. Import more, or lower it."
            )
        self.run, self.config, self.look = run, config, look
        self.pixels = pixels_of(task)
        self.inputs = PixelInputs(task, run, config)
        self.total = options.steps(config, len(self.rows))
        network = self.inputs.network()
        networks.remember(network, schedule.memory(self.total))
        with keyed(run, "head", 0):
            self.module = Projected(network).to(run.device)
        self.ema = EMA(network, 1 - 1 / schedule.memory(self.total))
        self.optimiser = optimiser.make(self.module, config)
        self.loss = NTXentLoss(config.temperature)
        size = self.pixels.shape[2]
        self.views = SimCLRTransform(
            input_size=size,
            cj_strength=JITTER,
            min_scale=SMALLEST_CROP,
            gaussian_blur=0.5 if size >= BLURRED_FROM else 0.0,
            hf_prob=0.5 if config.flip else 0.0,
            normalize=None,
        )

    def all_steps(self, checkpoints: Checkpoints) -> Tensors:
        """Take all steps and return the network's averaged state."""
        start, saved = self._resume(checkpoints), time.monotonic()
        every = max(1, self.total // LOOKS)
        self.module.train()
        for number in range(start, self.total):
            self.run.check()
            loss = self.step(number)
            done = number + 1
            self.run.report(done, self.total, {"loss": loss})
            if done % every == 0 or done == self.total:
                self.look(done, self.total, self._embed)
            due = time.monotonic() - saved >= self.run.checkpoint_seconds
            if due and done < self.total:
                checkpoints.save(done, self._state())
                saved = time.monotonic()
        return self.ema.state()

    def step(self, number: int) -> float:
        """Take step `number` and return its loss."""
        warm_up = self.config.warm_up or self.total // 20
        optimiser.set_rate(self.optimiser, schedule.cosine(number + 1, self.total, warm_up=warm_up))
        one, other = self._two_views(self.pixels.take(self._drawn(number)), number)
        x = self.inputs.prepared(torch.cat([one, other]).to(self.run.device))
        mixed = torch.autocast(
            self.run.device.type, self.run.dtype, enabled=self.run.dtype != torch.float32
        )
        with mixed, networks.keyed(self.module.network, self.run, number):
            projected = self.module(x).float()
        loss = self.loss(*projected.chunk(2))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.ema.update(number)
        return float(loss.detach())

    def _drawn(self, number: int) -> Indices:
        """Rows of a step: each image once in an epoch, in an order of its own."""
        a_round = len(self.rows) // self.config.batch_size
        epoch, place = divmod(number, a_round)
        order = torch.randperm(
            len(self.rows), generator=self.run.generator("order", epoch, device="cpu")
        )
        first = place * self.config.batch_size
        return self.rows[order[first : first + self.config.batch_size].numpy()]

    def _two_views(self, images: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """(n, C, S, S) uint8 -> two views of the same kind, a function of the step alone."""
        grey = images.shape[1] == 1
        with keyed(self.run, "views", number):
            pairs = [
                self.views(functional.to_pil_image(each)) for each in images.expand(-1, 3, -1, -1)
            ]
        views = [
            torch.stack(each).mul(255).round().to(torch.uint8) for each in zip(*pairs, strict=True)
        ]
        one, other = (each[:, :1] if grey else each for each in views)
        return one, other

    def _embed(self, rows: Indices) -> Tensor:
        return self.inputs.evaluate(self.module.network, self.ema.state(), rows, features=True)

    def _state(self) -> Tensors:
        state = {f"module.{k}": v for k, v in self.module.state_dict().items()}
        state |= {f"ema.{k}": v for k, v in self.ema.state().items()}
        kept = optimiser.state(self.optimiser, self.module)
        return state | {f"optimiser.{k}": v for k, v in kept.items()}

    def _resume(self, checkpoints: Checkpoints) -> int:
        found = checkpoints.load(self._state().keys())
        if found is None:
            return 0
        step, state = found
        parts = {
            part: {k.removeprefix(part): v for k, v in state.items() if k.startswith(part)}
            for part in ("module.", "ema.", "optimiser.")
        }
        self.module.load_state_dict(parts["module."])
        self.ema.load(parts["ema."])
        optimiser.load(self.optimiser, self.module, parts["optimiser."])
        return step


@contextmanager
def keyed(run: Run, purpose: str, step: int) -> Iterator[None]:
    """Let whatever draws from torch's and NumPy's global generators follow (seed, purpose, step).

    lightly's views draw from both.
    """
    seed = run.generator(purpose, step, device="cpu").initial_seed()
    before = np.random.get_state()  # noqa: NPY002  whose views draw from it
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002
