"""How fast is one FixMatch step, where does its time go, and how far is that from the machine?

    python benchmarks/step_time.py [--networks small-cnn wrn-28-2] [--steps 5] [--device cuda]

Random images; every row is one (network, image size, batch) in one number format. Augmentation is
making the weak and strong views; the network is the joint forward, the losses and the backward;
overhead is the rest: taking images, normalising, optimiser and moving average. Formats take turns,
so that other work on the machine slows all of them alike; a row is the step of median time.

The floor is the time that the step's arithmetic or its memory traffic would take at the machine's
own speed, whichever is longer. Arithmetic is counted as it happens (forward and backward of all
images); traffic is what autograd stores, written and read once in the forward pass and moved three
times in the backward pass, weights left out. The machine's speed is the best of matrix products
and a convolution, and the copying of a large tensor, measured in the same run. The same numbers
hold for every code of this method, so the share of the floor can be compared.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ParamSpec, TypeVar
from unittest.mock import patch

import numpy as np
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from sslapp.jobs.host_memory import freed_memory_kept
from sslapp.methods.fixmatch.config import FixMatchConfig
from sslapp.methods.fixmatch.method import FixMatchObjective
from sslapp.training.inputs.gears import PixelInputs
from sslapp.training.kernels import Kernels
from sslapp.training.loop import steps as loop
from sslapp.training.run import Run
from sslapp.training.task import Task
from sslapp.vocabulary import Gear, Source

P = ParamSpec("P")
R = TypeVar("R")
Case = tuple[str, int, int, int, int]

DEFAULT = FixMatchConfig()
CASES: list[Case] = [  # network, channels, size, B, mu
    ("small-cnn", 1, 8, DEFAULT.batch_size, DEFAULT.unlabelled_ratio),
    ("small-cnn", 1, 28, DEFAULT.batch_size, DEFAULT.unlabelled_ratio),
    ("small-cnn", 3, 32, 64, 7),
    ("wrn-28-2", 3, 32, 64, 7),
    ("wrn-28-8", 3, 32, 64, 7),
]
FORMATS = {"bf16 channels_last": torch.bfloat16, "fp32 NCHW": torch.float32}
FAST, SLOW = FORMATS

MOST_AUGMENTATION, LEAST_RATIO = 0.15, 2.0
"""Bars on a CPU: share of augmentation in a WRN-28-2 step; fp32 NCHW's time over bf16's."""

PASSES = 5
"""Times that a stored activation is moved: written, read, and three times in the backward pass."""

ROWS = 2000
WARM_UP = 2


class Images:
    """Random pixels."""

    def __init__(self, channels: int, size: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.shape = (ROWS, channels, size, size)
        self.images = torch.randint(0, 256, self.shape, dtype=torch.uint8, generator=generator)

    def take(self, indices: np.ndarray) -> torch.Tensor:
        return self.images[torch.from_numpy(indices)]


def random_task(channels: int, size: int) -> Task:
    labels = np.full(ROWS, -1, dtype=np.int64)
    labels[:100] = np.arange(100) % 10
    source = np.zeros(ROWS, dtype=np.uint8)
    source[:100] = Source.EXPERT
    return Task(
        num_classes=10,
        labels=labels,
        source=source,
        forbidden=np.zeros((ROWS, 10), dtype=bool),
        labelled=np.arange(100),
        pool=np.arange(100, ROWS),
        validation=np.zeros(0, dtype=np.int64),
        pixels=Images(channels, size),
    )


def now(device: torch.device) -> float:
    """The time when everything asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


@dataclass(frozen=True)
class Machine:
    """What the machine can do: FLOP/s by number format, bytes/s, and with what."""

    compute: dict[torch.dtype, float]
    bandwidth: float
    words: str


@dataclass(frozen=True)
class Probes:
    """The sizes of what a machine's speed is measured with.

    Attributes:
        products: rows of square matrices.
        convolution: images, their channels and their side.
        copied: numbers in float32.
    """

    products: tuple[int, ...]
    convolution: tuple[int, int, int]
    copied: int


PROBES = {
    "cuda": Probes((2048, 4096, 8192), (256, 256, 32), 2**30),
    "cpu": Probes((512, 1024, 2048), (32, 128, 32), 2**26),
}
PRODUCT, CONVOLUTION, COPY = "matrix product", "convolution", "copy"


def measured(device: torch.device) -> Machine:
    return machine_of(speeds(device, PROBES[device.type]))


def speeds(device: torch.device, probes: Probes) -> dict[str, float]:
    """FLOP/s of "FORMAT matrix product" and "FORMAT convolution", bytes/s of "copy"."""
    found = {}
    for dtype in FORMATS.values():
        name = str(dtype).removeprefix("torch.")
        products = [product_rate(device, dtype, size) for size in probes.products]
        found[f"{name} {PRODUCT}"] = max(products)
        found[f"{name} {CONVOLUTION}"] = convolution_rate(device, dtype, *probes.convolution)
    source, target = (torch.zeros(probes.copied, device=device) for _ in range(2))
    found[COPY] = 2 * 4 * probes.copied / fastest(lambda: target.copy_(source), device)
    return found


def machine_of(found: Mapping[str, float]) -> Machine:
    """What `speeds` found, as the speed of the machine."""
    compute = {
        dtype: max(rate for name, rate in found.items() if f"torch.{name}".startswith(str(dtype)))
        for dtype in FORMATS.values()
    }
    words = [
        f"{name} {rate / 1e9:.1f} GB/s" if name == COPY else f"{name} {rate / 1e12:.3f} TFLOP/s"
        for name, rate in found.items()
    ]
    return Machine(compute, found[COPY], ", ".join(words))


def product_rate(device: torch.device, dtype: torch.dtype, size: int) -> float:
    one, other = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    return 2 * size**3 / fastest(lambda: one @ other, device)


def convolution_rate(
    device: torch.device, dtype: torch.dtype, count: int, channels: int, side: int
) -> float:
    x = torch.randn(count, channels, side, side, device=device, dtype=dtype)
    kernel = torch.randn(channels, channels, 3, 3, device=device, dtype=dtype)
    x, kernel = (each.contiguous(memory_format=torch.channels_last) for each in (x, kernel))
    work = 2 * count * side**2 * channels**2 * 9
    with torch.no_grad():
        return work / fastest(lambda: functional.conv2d(x, kernel, padding=1), device)


def fastest(work: Callable[[], object], device: torch.device, repetitions: int = 5) -> float:
    """Seconds of the fastest repetition; on a GPU of several calls, whose launches take time."""
    calls = 10 if device.type == "cuda" else 1
    times = []
    for _ in range(repetitions + 1):
        start = now(device)
        for _ in range(calls):
            work()
        times.append((now(device) - start) / calls)
    return min(times[1:])


class Clock:
    """Adds up the time spent in wrapped functions."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.spent: dict[str, float] = {}

    def wrap(self, name: str, function: Callable[P, R]) -> Callable[P, R]:
        def timed(*arguments: P.args, **options: P.kwargs) -> R:
            start = now(self.device)
            result = function(*arguments, **options)
            self.spent[name] = self.spent.get(name, 0.0) + now(self.device) - start
            return result

        return timed


@dataclass(frozen=True)
class Work:
    """What the network's part of a step does: FLOP, and bytes of stored activations."""

    flop: int
    stored: int


class Subject:
    """One loop in one number format, and what was measured of it."""

    def __init__(
        self, case: Case, dtype: torch.dtype, device: torch.device, folder: Path, kernels: Kernels
    ) -> None:
        network, channels, size, batch, ratio = case
        config = FixMatchConfig(network=network, batch_size=batch, unlabelled_ratio=ratio)
        run = Run(
            gear=Gear.PIXELS, device=device, seed=0, folder=folder, dtype=dtype, kernels=kernels
        )
        self.loop = loop.Loop(random_task(channels, size), run, config, FixMatchObjective(config))
        if dtype == torch.float32:
            self.loop.network.to(memory_format=torch.contiguous_format)
            inputs = self.loop.inputs
            assert isinstance(inputs, PixelInputs)
            inputs.memory_format = torch.contiguous_format
        self.loop.network.train()
        self.device, self.dtype, self.images = device, dtype, batch * (1 + 2 * ratio)
        self.next, self.peak = 0, 0
        self.times: list[float] = []
        self.shares: list[dict[str, float]] = []

    def turn(self, steps: int) -> None:
        """Take steps and note their time, then one more whose parts are timed."""
        if self.device.type == "cuda":
            # timing the parts of a step makes the GPU wait, so the speed is measured without
            torch.cuda.reset_peak_memory_stats(self.device)
            start = now(self.device)
            for _ in range(steps):
                self.step()
            self.times.append((now(self.device) - start) / steps)
            self.peak = max(self.peak, torch.cuda.max_memory_allocated(self.device))
        clock, made, feed = Clock(self.device), self.loop, self.loop.batches
        network = clock.wrap("network", made.forward_backward)
        with (
            patch.object(feed, "view", clock.wrap("augmentation", feed.view)),
            patch.object(made, "forward_backward", network),
        ):
            start = now(self.device)
            self.step()
            total = now(self.device) - start
        if self.device.type != "cuda":
            self.times.append(total)
        self.shares.append({name: spent / total for name, spent in clock.spent.items()})

    def step(self) -> None:
        self.loop.step(self.next)
        self.next += 1

    def seconds(self) -> float:
        return statistics.median(self.times[WARM_UP:])

    def share(self, part: str) -> float:
        return statistics.median(each[part] for each in self.shares[WARM_UP:])

    def work(self) -> Work:
        """Count one forward and backward pass."""
        stored: dict[int, int] = {}

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            # weights and their copies in bf16 are no activations: their first size is no batch
            if tensor.ndim and len(tensor) == self.images:
                storage = tensor.untyped_storage()
                stored[storage.data_ptr()] = storage.nbytes()
            return tensor

        made = self.loop
        batch = made.batches.take(self.next)
        views = {name: made.inputs.prepared(view) for name, view in batch.views.items()}
        counter = FlopCounterMode(display=False)
        with counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            made.forward_backward(self.next, replace(batch, views=views))
        return Work(counter.get_total_flops(), sum(stored.values()))

    def floor(self, work: Work, machine: Machine) -> float:
        """Seconds that the step would take at the machine's own speed."""
        compute = work.flop / machine.compute[self.dtype]
        return max(compute, PASSES * work.stored / machine.bandwidth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="*", default=["small-cnn", "wrn-28-2"])
    parser.add_argument("--steps", type=int, default=5, help="turns of every format")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--kernels", default="eager", choices=["eager", "compile", "cuda-graphs"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    print(
        f"torch {torch.__version__}, {name}, {options.threads} threads, {options.kernels}, "
        f"{options.steps} turns"
    )
    machine = measured(device)
    print(f"this machine: {machine.words}")
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            if case[0] in options.networks:
                report(case, device, Path(folder), options, machine)


def report(
    case: Case, device: torch.device, folder: Path, options: argparse.Namespace, machine: Machine
) -> None:
    """Measure a case in all formats and print its table."""
    network, channels, size, batch, ratio = case
    subjects = {
        name: Subject(case, dtype, device, folder, options.kernels)
        for name, dtype in FORMATS.items()
    }
    # counted in eager steps: compiled kernels are not made of operations that can be counted
    works = {
        name: Subject(case, dtype, device, folder, "eager").work()
        for name, dtype in FORMATS.items()
    }
    for _ in range(options.steps + WARM_UP):
        for subject in subjects.values():
            subject.turn(20)
    print(f"\n{network}, {size}x{size}x{channels}, B {batch}, mu {ratio}")
    memory = " peak GB |" if device.type == "cuda" else ""
    print(
        "| format | ms/step | steps/s | images/s | augmentation | network | overhead | "
        f"TFLOP/step | stored GB | floor ms | share of floor |{memory}"
    )
    print("|---|" + "---|" * (10 + bool(memory)))
    for name, subject in subjects.items():
        seconds, work = subject.seconds(), works[name]
        augmentation, inside = subject.share("augmentation"), subject.share("network")
        floor = subject.floor(work, machine)
        peak = f" {subject.peak / 1e9:.2f} |" if memory else ""
        print(
            f"| {name} | {1000 * seconds:.1f} | {1 / seconds:.2f} | "
            f"{subject.images / seconds:,.0f} | {augmentation:.1%} | {inside:.1%} | "
            f"{1 - augmentation - inside:.1%} | {work.flop / 1e12:.4f} | "
            f"{work.stored / 1e9:.3f} | {1000 * floor:.2f} | {floor / seconds:.0%} |{peak}",
            flush=True,
        )
    print(verdict(network, subjects, device))


def verdict(network: str, subjects: dict[str, Subject], device: torch.device) -> str:
    """The ratio of the formats, and on a CPU whether the bars hold."""
    ratio = subjects[SLOW].seconds() / subjects[FAST].seconds()
    told = f"{FAST} is {ratio:.2f} times as fast as {SLOW}"
    if device.type != "cpu":
        return told
    told += f" (bar: {LEAST_RATIO:.0f}, {'met' if ratio >= LEAST_RATIO else 'NOT MET'})"
    if network != "wrn-28-2":
        return told
    share = subjects[FAST].share("augmentation")
    met = "met" if share <= MOST_AUGMENTATION else "NOT MET"
    return f"{told}; augmentation {share:.1%} (bar: at most {MOST_AUGMENTATION:.0%}, {met})"


if __name__ == "__main__":
    with freed_memory_kept():  # as a job runs
        main()
