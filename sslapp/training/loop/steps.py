"""The step loop of every gradient-step method.

The way of a batch, a line for each file that it comes by:

    inputs/gears.py        what a gear trains on: images, or encoded views (inputs/encoded.py)
    inputs/feed.py         step number -> Batch: views, labels, what readers ruled out; it asks
      inputs/batches.py      for the rows: which labelled and which unlabelled images
      inputs/supply.py       for their images on the device: read, resident or streamed ahead
      augmentation/          for weak and strong views of them
    loop/steps.py  step    views -> prepared by the gear -> passes in mixed precision
      passes.py              one joint pass of all views; apart or by a teacher where a method asks
    objective.py           TrainingStep -> Losses: the method's own part, with the rules of rules/
    loop/steps.py          backward, optimiser.py at the rate of schedule.py, averages (rules/)
    loop/evaluation.py     the holdout now and then; then report and checkpoint (training/run.py)

A method brings an Objective (views and losses); this file owns what is the same for all. A killed
run that is started again ends with the same bits: batches and views are functions of (seed,
purpose, step), so weights, momentum and averages are all the state there is.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from sslapp.training import configuration, kernels, networks
from sslapp.training.configuration import TrainingConfig
from sslapp.training.inputs.gears import inputs_of
from sslapp.training.loop import figures, optimiser, schedule
from sslapp.training.loop.evaluation import Evaluation
from sslapp.training.method import Predictor
from sslapp.training.objective import (
    NONE_OF_THESE,
    Batch,
    Guesses,
    Losses,
    Objective,
    TrainingStep,
    part,
)
from sslapp.training.passes import HEADS, NetworkPasses
from sslapp.training.rules.ema import EMA
from sslapp.training.rules.losses import uniform_loss
from sslapp.training.run import Checkpoints, Run, Tensors
from sslapp.training.task import Indices, Task, check_trainable

REPORTS = 100

LONGEST_VECTOR = 100
"""Entries of a reported vector; a longer one would fill the table of metrics, unread."""


def train(task: Task, run: Run, config: TrainingConfig, objective: Objective) -> Predictor:
    """Train a network on the task's images or encoded views and return it with averaged weights.

    Raises:
        Stopped: when the run was asked to stop.
        ValueError: when there is nothing to train on or no label, or an image has no class left.
    """
    check_trainable(task)
    loop = Loop(task, run, config, objective)
    return loop.inputs.predictor(run.stage("train", loop.all_steps))


class Loop:
    """One training from step 0, or from a checkpoint, to its end."""

    def __init__(self, task: Task, run: Run, config: TrainingConfig, objective: Objective) -> None:
        config = configuration.filled(config)
        self.task, self.run, self.config, self.objective = task, run, config, objective
        objective.begun(task, run.device)
        self.inputs = inputs_of(task, run, config)
        self.total = configuration.steps(config, task)
        memory = schedule.memory(self.total)
        self.network = self.inputs.network()
        networks.remember(self.network, memory)
        self._add_heads()
        self.stepping = kernels.stepping(self.network, run.kernels)
        self.ema = EMA(self.network, 1 - 1 / memory)
        self.optimiser = optimiser.make(self.network, config)
        self.batches = self.inputs.feed(objective.views, objective.labelled_views)
        self.report_every = max(1, self.total // REPORTS)
        self.evaluation = Evaluation(
            task,
            run,
            total=self.total,
            report_every=self.report_every,
            images_a_step=configuration.images_a_step(config, len(objective.views)),
            evaluate=lambda weights, rows: self.inputs.evaluate(
                self.network, objective.finished(dict(weights)), rows
            ),
        )

    def all_steps(self, checkpoints: Checkpoints) -> Tensors:
        """Take all steps and return the averaged state."""
        try:
            return self._steps(checkpoints, self._resume(checkpoints))
        finally:
            self.batches.close()

    def _steps(self, checkpoints: Checkpoints, start: int) -> Tensors:
        every = self.report_every
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
                self.run.view(done, self.total, partial(self._pictures, done))
                if time.monotonic() - saved >= self.run.checkpoint_seconds and done < self.total:
                    checkpoints.save(done, self._state())
                    saved = time.monotonic()
        return self.objective.finished(self.ema.state())

    def step(self, number: int) -> Mapping[str, Tensor]:
        """Take step `number` and return its metrics, still on the device.

        Nothing here asks the device for a value: it may be many steps behind.
        """
        kernels.begin_step(self.run.kernels)
        factor = schedule.cosine(number, self.total, warm_up=self.config.warm_up)
        optimiser.set_rate(self.optimiser, factor)
        batch = self.batches.take(number)
        views = {name: self.inputs.prepared(view) for name, view in batch.views.items()}
        losses = self.forward_backward(number, replace(batch, views=views))
        self.optimiser.step()
        self.objective.stepped(self.network, number)
        self.ema.update(number)
        metrics = {"loss": losses.total.detach(), **losses.metrics}
        if losses.guesses is not None:
            metrics |= self._judged(losses.guesses, batch.rows)
        return metrics

    def forward_backward(self, number: int, batch: Batch) -> Losses:
        """Run the network on all views, take the losses and leave gradients."""
        mixed = torch.autocast(
            self.run.device.type, self.run.dtype, enabled=self.run.dtype != torch.float32
        )
        with mixed, networks.keyed(self.network, self.run, number):
            outputs = self.objective.forward(self._passes(number), batch)
        logits = {name: outputs.pop(name).float() for name in batch.views if name in outputs}
        none = logits.pop(NONE_OF_THESE, None)
        losses = self.objective.losses(
            TrainingStep(
                number=number,
                total=self.total,
                labels=batch.labels,
                logits=logits,
                outputs=outputs,
                forbidden=batch.forbidden,
                rows=batch.rows,
            )
        )
        if none is not None:
            losses = self._with_none(losses, uniform_loss(none).mean())
        self.optimiser.zero_grad(set_to_none=True)
        losses.total.backward()
        return losses

    def _passes(self, number: int) -> NetworkPasses:
        return NetworkPasses(
            self.network,
            called=self.stepping,
            averaged=self.ema.state,
            generator=lambda purpose: self.run.generator(purpose, number, device="cpu"),
            number=number,
            total=self.total,
        )

    def _add_heads(self) -> None:
        """Let the objective's further heads learn, be averaged and be kept with the network."""
        features = getattr(self.network, "num_features", 0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.run.generator("heads", device="cpu").initial_seed())
            heads = self.objective.heads(features)
        if heads is not None:
            self.network.add_module(HEADS, heads.to(self.run.device))

    def _with_none(self, losses: Losses, loss: Tensor) -> Losses:
        """The losses and that of images which are none of the classes."""
        total = losses.total + self.config.none_weight * loss
        metrics = {**losses.metrics, "none of these loss": loss.detach()}
        return replace(losses, total=total, metrics=metrics)

    def _judged(self, guesses: Guesses, rows: Tensor) -> dict[str, Tensor]:
        """How many confident pseudo-labels are about labelled images, and how many are right."""
        known = self.batches.known(rows)
        weight = guesses.weight.float() * (known >= 0)
        right = weight * (guesses.classes == known)
        return {figures.JUDGED: weight.sum(), figures.RIGHT: right.sum()}

    def _pictures(self, done: int) -> dict[str, Tensor]:
        """A few images as the method sees them."""

        def made(views: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
            with networks.keyed(self.network, self.run, done - 1):
                return self.objective.pictures(self._passes(done - 1), views)

        return self.inputs.pictures(self.batches, made)

    def _embed(self, rows: Indices) -> Tensor:
        """(n, D) float32 features of clean images with the averaged weights so far."""
        weights = self.objective.finished(self.ema.state())
        return self.inputs.evaluate(self.network, weights, rows, features=True)

    def _report(self, done: int, sums: Mapping[str, Tensor], count: int) -> None:
        metrics = figures.judged(reported(sums, count))
        metrics["learning rate"] = self.optimiser.param_groups[0]["lr"]
        if self.evaluation.due(done):
            student = dict(self.network.named_parameters()) | dict(self.network.named_buffers())
            metrics |= self.evaluation.take(done, averaged=self.ema.state(), student=student)
        self.run.report(done, self.total, metrics)

    def _state(self) -> Tensors:
        state = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        state |= {f"ema.{k}": v for k, v in self.ema.state().items()}
        state |= {f"objective.{k}": v for k, v in self.objective.state_dict().items()}
        state |= {f"evaluation.{k}": v for k, v in self.evaluation.state_dict().items()}
        kept = optimiser.state(self.optimiser, self.network)
        state |= {f"optimiser.{k}": v for k, v in kept.items()}
        return state

    def _resume(self, checkpoints: Checkpoints) -> int:
        # momenta are not among them: there are none before the first step
        found = checkpoints.load(self._state().keys())
        if found is None:
            return 0
        step, state = found
        self.network.load_state_dict(part(state, "network."))
        device = self.run.device
        self.ema.load(part(state, "ema."))
        self.objective.load_state_dict(
            {k: v.to(device) for k, v in part(state, "objective.").items()}
        )
        self.evaluation.load_state_dict(part(state, "evaluation."))
        optimiser.load(self.optimiser, self.network, part(state, "optimiser."))
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
