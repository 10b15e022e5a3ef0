"""What does it cost to give freed memory back after every operation of a network on a CPU?

    python benchmarks/host_memory.py [--threads 2] [--turns 5]

The same work with glibc's malloc as it comes and as the worker sets it while a job runs
(`jobs.host_memory`), in turns. Results are compared bit for bit where there is one.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from step_time import CASES, Subject

from sslapp.embedding.efficientnet import EfficientNetLite0
from sslapp.jobs.host_memory import freed_memory_kept

IMAGES = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} threads, median of {options.turns} turns")
    print("| what | malloc as it comes, s | freed memory kept, s | times as fast |")
    print("|---|---|---|---|")
    report(f"EfficientNet-Lite0, {IMAGES} images", encoding(), options.turns)
    with tempfile.TemporaryDirectory() as folder:
        for case in [each for each in CASES if each[0] != "wrn-28-8"]:
            network, channels, size, batch, ratio = case
            step = Subject(case, torch.bfloat16, torch.device("cpu"), Path(folder), "eager").step
            what = f"FixMatch step, {network}, {size}x{size}x{channels}, B {batch}, mu {ratio}"
            report(what, step, options.turns)


def encoding() -> Callable[[], object]:
    """A pass of the encoder over random images, which must give the same vectors every time."""
    encoder = EfficientNetLite0()
    images = torch.from_numpy(
        np.random.default_rng(0).random((IMAGES, 3, encoder.side, encoder.side), np.float32)
    )
    with torch.inference_mode():
        expected = encoder.features(encoder.normalised(images))

    def run() -> None:
        with torch.inference_mode():
            if not torch.equal(encoder.features(encoder.normalised(images)), expected):
                raise AssertionError("the vectors changed")

    return run


def report(what: str, work: Callable[[], object], turns: int) -> None:
    """Time the work both ways, turn by turn after one to warm up, and print a row."""
    times: dict[str, list[float]] = {"as it comes": [], "kept": []}
    for _ in range(turns):
        for name, memory in (("as it comes", nullcontext), ("kept", freed_memory_kept)):
            with memory():
                work()
                start = time.perf_counter()
                work()
                times[name].append(time.perf_counter() - start)
    usual, kept = (statistics.median(each) for each in times.values())
    print(f"| {what} | {usual:.3f} | {kept:.3f} | {usual / kept:.2f} |", flush=True)


if __name__ == "__main__":
    main()
