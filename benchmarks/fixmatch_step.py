"""How fast is one FixMatch step, and where does the time go?

    python benchmarks/fixmatch_step.py [--steps 5] [--threads 2] [--networks small-cnn wrn-28-2]

Random images; every row is one (network, image size, batch) in one number format. Augmentation is
making the weak and strong views; the network is the joint forward, the losses and the backward;
the rest is taking images, normalising, optimiser and moving average. Formats alternate within a
run, so that a busy machine slows all of them alike; every row is the step of median time.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from sslapp.methods.fixmatch import FixMatchConfig, FixMatchObjective
from sslapp.training import loop
from sslapp.training.run import Run
from sslapp.training.task import Task
from sslapp.vocabulary import Gear, Source

DEFAULT = FixMatchConfig()
CASES = [  # network, channels, size, B, mu
    ("small-cnn", 1, 8, DEFAULT.batch_size, DEFAULT.unlabelled_ratio),
    ("small-cnn", 1, 28, DEFAULT.batch_size, DEFAULT.unlabelled_ratio),
    ("small-cnn", 3, 32, 64, 7),
    ("wrn-28-2", 3, 32, 64, 7),
]


class Images:
    """Random pixels."""

    def __init__(self, channels: int, size: int) -> None:
        generator = torch.Generator().manual_seed(0)
        shape = (2000, channels, size, size)
        self.images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        self.shape = shape

    def take(self, indices: np.ndarray) -> torch.Tensor:
        return self.images[torch.from_numpy(indices)]


def random_task(channels: int, size: int) -> Task:
    labels = np.full(2000, -1, dtype=np.int64)
    labels[:100] = np.arange(100) % 10
    source = np.zeros(2000, dtype=np.uint8)
    source[:100] = Source.EXPERT
    return Task(
        num_classes=10,
        labels=labels,
        source=source,
        forbidden=np.zeros((2000, 10), dtype=bool),
        labelled=np.arange(100),
        pool=np.arange(100, 2000),
        validation=np.zeros(0, dtype=np.int64),
        pixels=Images(channels, size),
    )


class Clock:
    """Adds up the time spent in wrapped functions, one entry a step."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.spent: dict[str, float] = {}

    def now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def wrap(self, name: str, function: Callable) -> Callable:
        def timed(*arguments, **options):
            start = self.now()
            result = function(*arguments, **options)
            self.spent[name] = self.spent.get(name, 0.0) + self.now() - start
            return result

        return timed


def make_loop(case: tuple, dtype: torch.dtype, device: torch.device, folder: Path):
    network, channels, size, batch, ratio = case
    config = FixMatchConfig(network=network, batch_size=batch, unlabelled_ratio=ratio)
    run = Run(gear=Gear.PIXELS, device=device, seed=0, folder=folder, dtype=dtype)
    made = loop.Loop(random_task(channels, size), run, config, FixMatchObjective(config))
    if dtype == torch.float32:
        made.network.to(memory_format=torch.contiguous_format)
        made.memory_format = torch.contiguous_format
    made.network.train()
    return made


def measure(made: loop.Loop, number: int) -> dict[str, float]:
    clock = Clock(made.run.device)
    views, forward = made.batches.view, made.forward_backward
    made.batches.view = clock.wrap("augmentation", views)
    made.forward_backward = clock.wrap("network", forward)
    start = clock.now()
    made.step(number)
    total = clock.now() - start
    made.batches.view, made.forward_backward = views, forward
    return {"total": total, **clock.spent}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--networks", nargs="*", default=["small-cnn", "wrn-28-2"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    print(f"torch {torch.__version__}, {device}, {options.threads} threads, {options.steps} steps")
    print(
        "| network | image | B | mu | format | ms/step | steps/s | images/s | augm. | net | rest |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            if case[0] in options.networks:
                print_case(case, device, Path(folder), options.steps)


def print_case(case: tuple, device: torch.device, folder: Path, steps: int) -> None:
    network, channels, size, batch, ratio = case
    formats = {"bf16 channels_last": torch.bfloat16, "fp32 NCHW": torch.float32}
    loops = {name: make_loop(case, dtype, device, folder) for name, dtype in formats.items()}
    times: dict[str, list[dict[str, float]]] = {name: [] for name in formats}
    for number in range(steps + 2):
        for name, made in loops.items():
            times[name].append(measure(made, number))
    for name, rows in times.items():
        # the first two are warm-up; one whole step, so that its parts add up
        middle = sorted(rows[2:], key=lambda row: row["total"])[(len(rows) - 2) // 2]
        images = batch * (1 + 2 * ratio)
        share = {key: middle[key] / middle["total"] for key in ("augmentation", "network")}
        rest = 1 - share["augmentation"] - share["network"]
        print(
            f"| {network} | {size}x{size}x{channels} | {batch} | {ratio} | {name} | "
            f"{1000 * middle['total']:.1f} | {1 / middle['total']:.2f} | "
            f"{images / middle['total']:.0f} | {share['augmentation']:.0%} | "
            f"{share['network']:.0%} | {rest:.0%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
