"""Processes killed with SIGKILL, of every kind: how many end otherwise than undisturbed ones.

    python benchmarks/kills.py                  # everything, or what is left of it: an hour
    python benchmarks/kills.py --every 50       # one in fifty of every kind, to see that it works
    python benchmarks/kills.py --minutes 10     # begins no further kill after so many

Rounds die at every write, fsync, rename and commit, at random moments and at random steps; imports
at every such point and at random moments; commands that label at random moments; and processes that
save a page's decisions at points and moments drawn at random. After each kill the log is verified;
a round must end with the bits of the undisturbed one, an import must be there completely or not at
all, and nothing acknowledged may be lost, doubled or moved. What earlier calls have done is kept in
a file, and a later call goes on from there. The tests do an evenly spread part of the same, by the
same code.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import finished_runs
import numpy as np

# the kills are the tests': what holds there is counted here
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shared"))

import deciding
import doomed
import killed_commands
import killing
import small_project

from sslapp.jobs.queue import MAX_ATTEMPTS
from sslapp.usecases.access import Access
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.training.rounds import start_round

KEPT = finished_runs.RESULTS / "kills.csv"

SHORT, MIDDLE, LONG = 3, 12, 40
"""Steps of the rounds killed at every point, at random moments and at random steps."""
LATEST = 20
"""The last step at which a long round is killed."""
ROUNDS = 30
"""Killed at random moments, and at random steps: each as often as it is tried again."""
MOMENTS = 60
"""At which each kind of command is killed."""
PAGES, KILLS_A_WORKSPACE = 20, 12
"""Workspaces in which pages are killed, and how often in each: its log is read every time."""


@dataclass(frozen=True)
class Kill:
    """One trial and what came of it.

    Attributes:
        kind: a row of the table.
        number: of the trial in its kind, from 1: a point, or one of the drawn moments.
        kills: processes that were killed in it.
        problem: what was not as it should be; empty when all was.
    """

    kind: str
    number: int
    kills: int
    seconds: float
    problem: str


class Kind(NamedTuple):
    """Trials of one kind."""

    trials: int
    make: Callable[[int], int]
    """Makes the trial of that number and returns its kills.

    An AssertionError says what is wrong.
    """


class Kills:
    """What all trials of a call share.

    Args:
        folder: where the workspaces go.
    """

    def __init__(self, folder: Path, commands: doomed.Launcher, pages: doomed.Launcher) -> None:
        self._folder = folder
        self._commands, self._pages = commands, pages
        self._copies = 0
        self._endings: dict[int, killing.Ending] = {}
        self._list = folder / "labels.csv"
        killed_commands.write_list(self._list)
        self._more = small_project.write_more(folder / "more.npz")

    def kinds(self) -> dict[str, Kind]:
        """All kinds by the name of their row."""
        points = len(self._ending(SHORT).points)
        imported = len(self._import_points)
        return {
            "round, at every write, fsync, rename and commit": Kind(points, self._round_at_point),
            "round, at random moments": Kind(ROUNDS, self._round_at_moments),
            "round, at random steps": Kind(ROUNDS, self._round_at_steps),
            "list of labels, at random moments": Kind(MOMENTS, self._labels_of_a_list),
            "labels one by one, at random moments": Kind(MOMENTS, self._labels),
            "import, at random moments": Kind(MOMENTS, self._import_at_moment),
            "import, at every point": Kind(imported, self._import_at_point),
            "first import of a project, at every point": Kind(imported, self._first_import),
            "pages that decide, at points and moments": Kind(PAGES, self._pages_of_a_workspace),
        }

    @cached_property
    def _prepared(self) -> Path:
        root = self._folder / "prepared" / "workspace"
        small_project.build(root)
        return root

    @contextmanager
    def _copy(self, *, steps: int = 0, imports: bool = False) -> Iterator[Access]:
        """A copy of the prepared project, with a round of so many steps or an import waiting."""
        self._copies += 1
        access = small_project.copy(self._prepared, self._folder / f"workspace-{self._copies}")
        if steps:
            start_round(access, None, config={**small_project.TINY, "steps": steps})
        if imports:
            import_images(access, None, str(self._more))
        yield access
        access.engine.dispose()

    def _ending(self, steps: int) -> killing.Ending:
        if steps not in self._endings:
            with self._copy(steps=steps) as access:
                self._endings[steps] = killing.undisturbed(self._commands, access)
        return self._endings[steps]

    @cached_property
    def _list_seconds(self) -> float:
        command = killed_commands.list_command(self._list)
        with self._copy() as access:
            return killed_commands.seconds_undisturbed(self._commands, access, command)

    @cached_property
    def _labels_seconds(self) -> float:
        labels = killed_commands.LABELS
        with self._copy() as access:
            return killed_commands.seconds_undisturbed(self._commands, access, *labels)

    @cached_property
    def _import_undisturbed(self) -> tuple[float, list[str]]:
        with self._copy(imports=True) as access:
            worker = doomed.WORKER
            seconds = killed_commands.seconds_undisturbed(self._commands, access, worker)
            return seconds, doomed.points(access.workspace.root)

    @property
    def _import_points(self) -> list[str]:
        return self._import_undisturbed[1]

    def _round_at_point(self, number: int) -> int:
        ending = self._ending(SHORT)
        with self._copy(steps=SHORT) as access:
            differs = killing.kill_at_point(self._commands, access, number, ending=ending)
        assert differs is None, differs
        return 1

    def _round_at_moments(self, number: int) -> int:
        rng, tally = np.random.default_rng([29, number]), killing.Tally()
        ending = self._ending(MIDDLE)
        with self._copy(steps=MIDDLE) as access:
            killing.kill_round(self._commands, access, ending=ending, rng=rng, tally=tally)
        assert not tally.problems, " ".join(tally.problems)
        return tally.workers

    def _round_at_steps(self, number: int) -> int:
        rng = np.random.default_rng([17, number])
        steps = np.sort(rng.choice(np.arange(1, LATEST), MAX_ATTEMPTS - 1, replace=False))
        with self._copy(steps=LONG) as access:
            killing.kill_at_steps(self._commands, access, steps.tolist())
            small_project.run_jobs(access)
            differs = killing.difference(access, self._ending(LONG))
        assert differs is None, differs
        return len(steps)

    def _labels_of_a_list(self, number: int) -> int:
        moments = killed_commands.moments(1, self._list_seconds, MOMENTS)
        with self._copy() as access:
            killed_commands.kill_list(self._commands, access, self._list, moments[number - 1])
        return 1

    def _labels(self, number: int) -> int:
        moments = killed_commands.moments(2, self._labels_seconds, MOMENTS)
        with self._copy() as access:
            killed_commands.kill_labels(self._commands, access, moments[number - 1])
        return 1

    def _import_at_moment(self, number: int) -> int:
        moments = killed_commands.moments(3, self._import_undisturbed[0], MOMENTS)
        with self._copy(imports=True) as access:
            killed_commands.kill_import(self._commands, access, moments[number - 1])
        return 1

    def _import_at_point(self, number: int) -> int:
        with self._copy(imports=True) as access:
            killed_commands.kill_import(self._commands, access, {"die_at": number})
        return 1

    def _first_import(self, number: int) -> int:
        self._copies += 1
        root = self._folder / f"workspace-{self._copies}"
        death = {"die_at": number}
        return int(killed_commands.kill_first_import(self._commands, root, self._more, death) != 0)

    def _pages_of_a_workspace(self, number: int) -> int:
        rng, tally = np.random.default_rng([31, number]), killing.Tally()
        with self._copy() as access:
            for _ in range(KILLS_A_WORKSPACE):
                killing.kill_page(self._pages, access, rng, tally)
            killing.check_decisions(access, tally)
        wrong = (tally.lost, tally.doubled, tally.moved)
        assert wrong == (0, 0, 0), f"decisions lost, doubled, moved: {wrong}"
        assert not tally.problems, " ".join(tally.problems)
        return tally.writers


def tried(kind: str, number: int, trial: Callable[[int], int]) -> Kill:
    """Make one trial."""
    started, kills, problem = time.monotonic(), 1, ""
    try:
        kills = trial(number)
    except AssertionError as wrong:
        problem = str(wrong) or "what must hold after the kill does not"
    return Kill(kind, number, kills, round(time.monotonic() - started, 2), problem)


def table(made: list[Kill]) -> str:
    """What came of the kills, by kind."""
    lines = ["| what was killed | trials | kills | end the same | s |", "|---|---|---|---|---|"]
    for kind in dict.fromkeys(each.kind for each in made):
        of_kind = [each for each in made if each.kind == kind]
        same = sum(not each.problem for each in of_kind)
        kills, seconds = sum(each.kills for each in of_kind), sum(each.seconds for each in of_kind)
        lines.append(f"| {kind} | {len(of_kind):,} | {kills:,} | {same:,} | {seconds:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Make the trials that are missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--every", type=int, default=1, help="Of every kind one trial in so many.")
    parser.add_argument("--minutes", type=float, default=90, help="Begin no trial after so many.")
    parser.add_argument("--keep", type=Path, default=KEPT, help="The file of what has been done.")
    parser.add_argument("--again", action="store_true", help="Forget what earlier calls have done.")
    options = parser.parse_args()
    if options.again:
        options.keep.unlink(missing_ok=True)
    done = finished_runs.read(options.keep, Kill)
    with (
        tempfile.TemporaryDirectory() as folder,
        doomed.Launcher() as commands,
        doomed.Launcher(deciding.__file__) as pages,
    ):
        kinds = Kills(Path(folder), commands, pages).kinds()
        cells = [
            (kind, number)
            for kind, about in kinds.items()
            for number in killing.spread(about.trials, options.every, seed=0)
        ]
        known = {(each.kind, each.number) for each in done}
        for kind, number in finished_runs.waiting(cells, known, options.minutes):
            made = tried(kind, number, kinds[kind].make)
            finished_runs.keep(options.keep, [made])
            done.append(made)
            print(kind, number, made.problem or "ends the same", file=sys.stderr, flush=True)
    done.sort(key=lambda each: list(kinds).index(each.kind))
    print(table(done))
    problems = [each for each in done if each.problem]
    for each in problems:
        print(f"{each.kind}, {each.number}: {each.problem}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
