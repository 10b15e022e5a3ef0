"""Decisions and rounds after kill -9: how many are lost, doubled, moved, or end otherwise.

    python benchmarks/kills.py 300                  # some minutes
    python benchmarks/kills.py 20 --seconds 120     # ends soon after, whatever it has come to

Of five kills four hit a process that saves a page's decisions, the fifth a worker that trains a
round; half strike at a random time, half at a random commit, fsync, rename or write. A page goes on
with its outbox after a kill, a worker with its checkpoints. After every kill the log is verified,
the job's state is looked at, and every file under a final name is opened. The tests do the same
with fewer kills, by the same code.
"""

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

# the kills are the tests': what holds there is counted here
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shared"))

import deciding
import doomed
import killing
import small_project

from sslapp.usecases.access import Access
from sslapp.usecases.training.rounds import start_round

PAGES_A_WORKSPACE = 24
"""Kills that hit one workspace before the next: its log grows, and all of it is read every time."""

WORKERS_SHARE = 5
"""One kill in so many hits a worker."""

STEPS = 12
MOST_PROBLEMS = 20


class Kills:
    """The kills of one run, and what came of them.

    Args:
        folder: where the workspaces go.
        count: how many are asked for.
        seconds: after which no further one begins.
    """

    def __init__(self, folder: Path, count: int, *, seconds: float, seed: int) -> None:
        self.tally = killing.Tally()
        self._folder = folder
        self._count = count
        self._workers = count // WORKERS_SHARE
        self._rng = np.random.default_rng(seed)
        self._started = time.monotonic()
        self._end = self._started + seconds
        self._prepared = folder / "prepared" / "workspace"
        self._copies = 0
        small_project.build(self._prepared)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    @property
    def over(self) -> bool:
        """Whether all are done, or the time is, or enough is wrong to look at first."""
        enough = self.tally.kills >= self._count or len(self.tally.problems) >= MOST_PROBLEMS
        return enough or time.monotonic() > self._end

    def run(self) -> None:
        """Kill workers and pages in turns, so that an early end leaves some of both."""
        with doomed.Launcher() as commands, doomed.Launcher(deciding.__file__) as pages:
            with self._copy() as access:
                self._queue(access)
                ending = killing.undisturbed(commands, access)
            while not self.over:
                done = self.tally
                if done.workers < min(self._workers, 1 + done.writers // (WORKERS_SHARE - 1)):
                    self._round(commands, ending)
                else:
                    left = self._count - self._workers - done.writers
                    self._pages(pages, min(left, PAGES_A_WORKSPACE))

    def _round(self, commands: doomed.Launcher, ending: killing.Ending) -> None:
        with self._copy() as access:
            self._queue(access)
            killing.kill_round(commands, access, ending=ending, rng=self._rng, tally=self.tally)
        self._say()

    def _pages(self, pages: doomed.Launcher, count: int) -> None:
        with self._copy() as access:
            for _ in range(count):
                if not self.over:
                    killing.kill_page(pages, access, self._rng, self.tally)
                    self._say()
            killing.check_decisions(access, self.tally)

    @contextmanager
    def _copy(self) -> Iterator[Access]:
        self._copies += 1
        access = small_project.copy(self._prepared, self._folder / f"workspace-{self._copies}")
        yield access
        access.engine.dispose()

    def _queue(self, access: Access) -> None:
        start_round(access, None, config={**small_project.TINY, "steps": STEPS})

    def _say(self) -> None:
        done = f"{self.tally.kills} of {self._count} kills, {self.seconds:.0f} s"
        print(f"{done}, {len(self.tally.problems)} problems", file=sys.stderr, flush=True)


def table(tally: killing.Tally) -> str:
    """What came of the kills, as a table."""
    rows = [
        ("kills of a process that saves a page's decisions", tally.writers),
        ("decisions acknowledged", tally.acknowledged),
        ("of these lost", tally.lost),
        ("of these doubled", tally.doubled),
        ("of these on another image or with another content", tally.moved),
        ("kills of a worker that trains a round", tally.workers),
        ("rounds finished after kills", tally.rounds),
        ("of these bit-identical to the undisturbed one", tally.identical),
        ("logs that did not verify, half files, illegal states", len(tally.problems)),
    ]
    return "\n".join(["| what | n |", "|---|---|", *(f"| {name} | {n:,} |" for name, n in rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("count", type=int, help="how many processes to kill")
    parser.add_argument("--seconds", type=float, default=3600.0, help="begin no kill after these")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kills = Kills(Path(folder), asked.count, seconds=asked.seconds, seed=asked.seed)
        kills.run()
    tally = kills.tally
    early = "" if tally.kills >= asked.count else ", ended early"
    machine = f"{platform.machine()}, seed {asked.seed}"
    print(f"{tally.kills} of {asked.count} kills in {kills.seconds:.0f} s{early}; {machine}")
    print(table(tally))
    for problem in tally.problems:
        print(problem)
    wrong = tally.lost + tally.doubled + tally.moved + tally.rounds - tally.identical
    sys.exit(1 if wrong or tally.problems else 0)


if __name__ == "__main__":
    main()
