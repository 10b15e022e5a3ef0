"""What does a step of each method cost beside one of FixMatch, and is it what its views cost?

    python benchmarks/method_steps.py [--turns 15] [--steps 5] [--methods vat] [--threads 2]

Every method that trains a network on images, with its own options, on random images of the digits'
size and the default batches. Methods take turns of a few steps, so that other work on the machine
slows all of them alike; a row is the turn of median time.

What its views and passes cost is counted and not guessed: the arithmetic of a step as it happens
(forward and backward, teachers and further passes included) at FixMatch's speed, the time that
making the method's own views takes, and FixMatch's time for all the rest. A method that takes more
than that by a tenth does something else slowly. Self-training takes the steps of `supervised`.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import torch
from methods_run import UPPER_LIMIT, ZOO
from step_time import Clock, now, random_task
from torch.utils.flop_counter import FlopCounterMode

from sslapp.jobs.host_memory import freed_memory_kept
from sslapp.methods.registry import CARDS, method_class
from sslapp.training.configuration import TrainingConfig
from sslapp.training.loop.steps import Loop
from sslapp.training.run import Checkpoints, Run, Tensors
from sslapp.vocabulary import Gear

BASELINE = "fixmatch"
METHODS = [each for each in ZOO if each not in (UPPER_LIMIT, "self-training")]
SIZE, TOTAL = 8, 1500
WARM_UP = 2
MOST = 1.1
"""Bar: a method's time over what its views and passes cost."""


class Begun(Exception):
    """Carries the loop out of a method's `fit`, before its first step."""

    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self.loop = loop


def loop_of(name: str, folder: Path) -> Loop:
    """The loop that a method's round would run."""

    def begun(self: Loop, _: Checkpoints) -> Tensors:
        raise Begun(self)

    config = CARDS[name].options()
    assert isinstance(config, TrainingConfig)
    config = config.model_copy(update={"steps": TOTAL})
    run = Run(gear=Gear.PIXELS, device=torch.device("cpu"), seed=0, folder=folder / name)
    with patch.object(Loop, "all_steps", begun):
        try:
            method_class(name)(config).fit(random_task(1, SIZE), run)
        except Begun as found:
            found.loop.network.train()
            return found.loop
    raise AssertionError(f"{name} trained without the loop")


@dataclass
class Steps:
    """A method's loop and what was measured of it, in seconds a step."""

    loop: Loop
    next: int = 0
    flop: int = 0
    times: list[float] = field(default_factory=list)
    making: list[float] = field(default_factory=list)
    network: list[float] = field(default_factory=list)

    def step(self) -> None:
        self.loop.step(self.next)
        self.next += 1

    def count(self) -> None:
        """Count the arithmetic of one step."""
        with FlopCounterMode(display=False) as counter:
            self.step()
        self.flop = counter.get_total_flops()

    def turn(self, steps: int) -> None:
        """Take steps and note what they took, in all and by part."""
        device = torch.device("cpu")
        clock, feed = Clock(device), self.loop.batches
        timed = clock.wrap("network", self.loop.forward_backward)
        with (
            patch.object(feed, "view", clock.wrap("views", feed.view)),
            patch.object(self.loop, "forward_backward", timed),
        ):
            start = now(device)
            for _ in range(steps):
                self.step()
            self.times.append((now(device) - start) / steps)
        self.making.append(clock.spent["views"] / steps)
        self.network.append(clock.spent["network"] / steps)


def typical(times: list[float]) -> float:
    return statistics.median(times[WARM_UP:])


def table(found: dict[str, Steps]) -> str:
    """A row a method, the cheapest first."""
    base = found[BASELINE]
    whole, network = typical(base.times), typical(base.network)
    rest = whole - network - typical(base.making)
    lines = [
        f"| method | ms a step | against {BASELINE} | its views and passes | above them |",
        "|---|---|---|---|---|",
    ]
    over = []
    for name, steps in sorted(found.items(), key=lambda each: typical(each[1].times)):
        took = typical(steps.times)
        due = typical(steps.making) + network * steps.flop / base.flop + rest
        over += [name] if took > MOST * due else []
        lines.append(
            f"| {name} | {1000 * took:.1f} | {took / whole:.2f} | {due / whole:.2f} "
            f"| {took / due - 1:+.0%} |"
        )
    named = ", ".join(over) or "none"
    return "\n".join([*lines, "", f"More than a tenth above what views and passes cost: {named}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=METHODS)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--steps", type=int, default=5, help="of a turn")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_deterministic_debug_mode("error")  # as a round on a CPU runs
    began = time.strftime("%Y-%m-%d")
    with tempfile.TemporaryDirectory() as folder:
        names = dict.fromkeys([BASELINE, *options.methods])
        found = {name: Steps(loop_of(name, Path(folder))) for name in names}
        for steps in found.values():
            steps.count()
        for _ in range(options.turns + WARM_UP):
            for steps in found.values():
                steps.turn(options.steps)
        for steps in found.values():
            steps.loop.batches.close()
    print(f"torch {torch.__version__}, {options.threads} threads, {options.turns} turns, {began}\n")
    print(table(found))


if __name__ == "__main__":
    with freed_memory_kept():  # as a job runs
        main()
