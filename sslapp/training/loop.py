"""The step loop of every gradient-step method.

A method brings an Objective (views and losses); this file owns what is the same for all: batches,
views, the joint forward, mixed precision, SGD with Nesterov momentum and the cosine schedule, the
moving average, progress, cancellation and checkpoints. A killed run that is started again ends
with the same bits: batches and views are functions of (seed, purpose, step), so weights, momentum
and averages are all the state there is.
"""

import time
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sslapp.training import configuration, networks, schedule
from sslapp.training.augmentation import normalise
from sslapp.training.configuration import TrainingConfig
from sslapp.training.ema import EMA
from sslapp.training.feed import Batch, Feed
from sslapp.training.objective import Losses, Objective, Step
from sslapp.training.predictor import NetworkPredictor
from sslapp.training.run import Checkpoints, Run, Tensors
from sslapp.training.task import Indices, Task, check_trainable, pixels_of

REPORTS = 100
EVALUATIONS = 10

LONGEST_VECTOR = 100
"""Entries of a reported vector; a longer one would fill the table of metrics, unread."""


def train(task: Task, run: Run, config: TrainingConfig, objective: Objective) -> NetworkPredictor:
    """Train a network on the task's pixels and return it with averaged weights.

    Raises:
        Stopped: when the run was asked to stop.
        ValueError: when there are no images or no labels, or an image has no class left.
    """
    check_trainable(task)
    pixels = pixels_of(task)
    loop = Loop(task, run, config, objective)
    weights = run.stage("train", loop.all_steps)
    _, channels, height, width = pixels.shape
    return NetworkPredictor(
        name=config.network,
        shape=(channels, height, width),
        num_classes=task.num_classes,
        state=weights,
        mean=loop.mean,
        std=loop.std,
    )


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """All trainable parameters in two groups: matrices and kernels decay, 1-D tensors do not."""
    trainable = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]


class Loop:
    """One training from step 0, or from a checkpoint, to its end."""

    def __init__(self, task: Task, run: Run, config: TrainingConfig, objective: Objective) -> None:
        self.task, self.run, self.config, self.objective = task, run, config, objective
        self.pixels = pixels_of(task)
        self.memory_format = torch.channels_last
        self.mean, self.std = networks.statistics(task, run)
        self.total = configuration.steps(config, task)
        memory = schedule.memory(self.total)
        _, channels, size, _ = self.pixels.shape
        self.network = networks.build(
            config.network,
            num_classes=task.num_classes,
            channels=channels,
            size=size,
            seed=run.generator("weights", device="cpu").initial_seed(),
        ).to(run.device, memory_format=self.memory_format)  # type: ignore[call-overload]
        networks.remember(self.network, memory)
        self.ema = EMA(self.network, 1 - 1 / memory)
        self.optimiser = torch.optim.SGD(
            parameter_groups(self.network, config.weight_decay),
            lr=config.learning_rate,
            momentum=0.9,
            nesterov=True,
            foreach=True,
        )
        self.batches = Feed(task, run, config, objective.views)

    def all_steps(self, checkpoints: Checkpoints) -> Tensors:
        """Take all steps and return the averaged state."""
        start = self._resume(checkpoints)
        every = max(1, self.total // REPORTS)
        sums: dict[str, Tensor] = {}
        saved = time.monotonic()
        self.network.train()
        for number in range(start, self.total):
            self.run.check()
            for name, value in self.step(number).items():
                sums[name] = sums[name] + value if name in sums else value
            done = number + 1
            # before the checkpoint: a resumed training does not come by its steps again
            self.run.observe(done, self.total, self._embed)
            # sums are empty at every multiple of `every`: a checkpoint there needs none of them
            if done % every == 0 or done == self.total:
                self._report(done, sums, (done - 1) % every + 1)
                sums = {}
                if time.monotonic() - saved >= self.run.checkpoint_seconds and done < self.total:
                    checkpoints.save(done, self._state())
                    saved = time.monotonic()
        return self.ema.state()

    def step(self, number: int) -> Mapping[str, Tensor]:
        """Take step `number` and return its metrics, still on the device."""
        factor = schedule.cosine(number, self.total)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate * factor
        batch = self.batches.take(number)
        mean, std = self.mean.tolist(), self.std.tolist()
        views = {
            name: normalise(view, mean, std).contiguous(memory_format=self.memory_format)
            for name, view in batch.views.items()
        }
        losses = self.forward_backward(number, batch, views)
        self.optimiser.step()
        self.objective.stepped(self.network, number)
        self.ema.update(number)
        return {"loss": losses.total.detach(), **losses.metrics}

    def forward_backward(self, number: int, batch: Batch, views: Mapping[str, Tensor]) -> Losses:
        """Run the network on all views, take the losses and leave gradients."""
        with torch.autocast(
            self.run.device.type, self.run.dtype, enabled=self.run.dtype != torch.float32
        ):
            outputs = self.objective.forward(self.network, views)
        logits = {name: outputs.pop(name).float() for name in views}
        losses = self.objective.losses(
            Step(
                number=number,
                total=self.total,
                labels=batch.labels,
                logits=logits,
                outputs=outputs,
                forbidden=batch.forbidden,
                rows=batch.rows,
            )
        )
        self.optimiser.zero_grad(set_to_none=True)
        losses.total.backward()
        return losses

    def _embed(self, rows: Indices) -> Tensor:
        """(n, D) float32 features of clean images with the averaged weights so far."""
        state = self.ema.state()
        return networks.evaluate(
            self.network, state, self.pixels, rows, mean=self.mean, std=self.std, features=True
        )

    def _report(self, done: int, sums: Mapping[str, Tensor], count: int) -> None:
        metrics = reported(sums, count)
        metrics["learning rate"] = self.optimiser.param_groups[0]["lr"]
        rows = self.task.validation
        every = max(1, REPORTS // EVALUATIONS) * max(1, self.total // REPORTS)
        if len(rows) and (done % every == 0 or done == self.total):
            logits = networks.evaluate(
                self.network, self.ema.state(), self.pixels, rows, mean=self.mean, std=self.std
            )
            right = logits.argmax(dim=1).numpy() == self.task.labels[rows]
            metrics["holdout accuracy"] = float(right.mean())
        self.run.report(done, self.total, metrics)

    def _state(self) -> Tensors:
        state = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        state |= {f"ema.{k}": v for k, v in self.ema.state().items()}
        state |= {f"objective.{k}": v for k, v in self.objective.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            momentum = self.optimiser.state[parameter].get("momentum_buffer")
            if momentum is not None:  # a parameter that never got a gradient has none
                state[f"momentum.{name}"] = momentum
        return state

    def _resume(self, checkpoints: Checkpoints) -> int:
        found = checkpoints.load()
        if found is None:
            return 0
        step, state = found
        self.network.load_state_dict(_part(state, "network."))
        device = self.run.device
        self.ema.load(_part(state, "ema."))
        self.objective.load_state_dict(
            {k: v.to(device) for k, v in _part(state, "objective.").items()}
        )
        momentum = _part(state, "momentum.")
        for name, parameter in self.network.named_parameters():
            if name in momentum:
                # the parameter's own memory layout, or the update would be summed differently
                buffer = torch.empty_like(parameter).copy_(momentum[name])
                self.optimiser.state[parameter]["momentum_buffer"] = buffer
        return step


def reported(sums: Mapping[str, Tensor], count: int) -> dict[str, float]:
    """Means over `count` steps; a vector gives a figure an entry, unless it is very long."""
    metrics = {}
    for name, value in sums.items():
        if value.ndim == 0:
            metrics[name] = float(value) / count
        elif len(value) <= LONGEST_VECTOR:
            entries = enumerate((value / count).tolist())
            metrics.update({f"{name}/{entry}": each for entry, each in entries})
    return metrics


def _part(state: Tensors, prefix: str) -> Tensors:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
