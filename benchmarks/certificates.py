"""What a certificate costs from the first label on, and how often it promises more than is true.

    python benchmarks/certificates.py --cache FOLDER --sets digits
    python benchmarks/certificates.py --data FOLDER --cache FOLDER --sets mnist

The loop of `sslapp simulate --certify` is played with a perfect reader: labels, rounds, the
doubtful images that are better named first, one acceptance of everything, and an audit until the
target is proven. The rounds of a seed are trained once and kept in the cache; each audit goes on
from a copy of that workspace with a seed of its own from the operating system, so that many audits
of the same labels can be counted. The true share of right labels stands beside each.

A finished audit is kept in benchmarks/results/certificates.csv; a later call goes on from there.
The bars: digits at .98 take at most 380 reader actions on average, MNIST at .98 at most 1,300 and
at .99 at most 2,600; of 200 audits of digits at most 18 end with a certificate above the truth.

FOLDER of --data holds MNIST/raw as torchvision keeps it; digits come with scikit-learn.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import finished_runs
import numpy as np

from sslapp.usecases.access import enter
from sslapp.usecases.projects.listing import known_projects
from sslapp.usecases.simulation import Simulation, prove, simulate
from sslapp.workspace import Workspace

KEPT = finished_runs.RESULTS / "certificates.csv"


@dataclass(frozen=True)
class Task:
    """A set, and how it is certified.

    Attributes:
        labels: before each of two rounds.
        targets: each proven by itself, with the most actions it may take on average.
        seeds, audits: of the rounds, and of each seed's audits.
        most_below: how many of the audits may promise more than is true.
    """

    labels: int
    targets: dict[float, int]
    seeds: int
    audits: int
    most_below: int


SETS = {
    "digits": Task(40, {0.98: 380}, seeds=20, audits=10, most_below=18),
    "mnist": Task(100, {0.98: 1300, 0.99: 2600}, seeds=3, audits=1, most_below=0),
}


@dataclass(frozen=True)
class Cell:
    """An audit that is to be played."""

    set: str
    target: float
    seed: int
    audit: int


@dataclass(frozen=True)
class Outcome(Cell):
    """What it cost, promised, and what was true.

    Attributes:
        actions: of the reader from the first label on.
        looks, errors: of the audit, and the errors that it found and mended.
        proven: share of right labels by the certificate.
        right: the true share.
        seconds: of the machine for what followed the last round.
    """

    actions: int
    looks: int
    errors: int
    proven: float
    right: float
    seconds: float


def cells(sets: Sequence[str], seeds: int) -> Iterator[Cell]:
    """All audits, seed by seed."""
    for name in sets:
        task = SETS[name]
        for seed in range(min(seeds, task.seeds)):
            for target in task.targets:
                for audit in range(task.audits):
                    yield Cell(name, target, seed, audit)


def trained(name: str, seed: int, data: Path, cache: Path) -> Path:
    """A workspace in which the rounds of a seed have finished and nothing is accepted."""
    folder = cache / f"certificates-{name}-{seed}"
    if not folder.exists():
        print(f"{name}, seed {seed}: training", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(dir=cache) as making:
            access = enter(Workspace(workspace=Path(making) / "workspace"))
            what = Simulation(
                data=name,
                root=data,
                labels=SETS[name].labels,
                reviews=0,
                accept_at_last=1.01,  # nothing
                seed=seed,
                threads=len(os.sched_getaffinity(0)),
            )
            simulate(access, what)
            access.engine.dispose()
            (Path(making) / "workspace").rename(folder)
    return folder


def play(cell: Cell, workspace: Path) -> Outcome:
    """Prove what the rounds propose, in a copy of the workspace."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=workspace.parent) as making:
        shutil.copytree(workspace, Path(making) / "workspace")
        access = enter(Workspace(workspace=Path(making) / "workspace"))
        (project,) = known_projects(access)
        what = Simulation(project=project.name, certify=cell.target, seed=cell.seed)
        found = prove(access, what)
        access.engine.dispose()
    proof = found["certificate"]
    return Outcome(
        cell.set,
        cell.target,
        cell.seed,
        cell.audit,
        actions=found["reader_actions"],
        looks=proof["looks"],
        errors=proof["errors"],
        proven=proof["precision"],
        right=found["label_accuracy"],
        seconds=round(time.monotonic() - started, 1),
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """A line a set and target, with its bars."""
    lines = [
        "| set | target | seeds | audits | actions | from to | bar | looks | right, least | "
        "proven above the truth | bar |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    ranked = sorted(outcomes, key=lambda each: (each.set, each.target))
    for (name, target), group in groupby(ranked, lambda each: (each.set, each.target)):
        runs, task = list(group), SETS[name]
        actions = [each.actions for each in runs]
        above = sum(each.proven > each.right for each in runs)
        lines.append(
            f"| {name} | {target:g} | {len({each.seed for each in runs})} | {len(runs)} | "
            f"{np.mean(actions):,.0f} | {min(actions):,} to {max(actions):,} | "
            f"{task.targets[target]:,} | {np.mean([each.looks for each in runs]):,.0f} | "
            f"{min(each.right for each in runs):.4f} | {above} | {task.most_below} |"
        )
    return "\n".join(lines)


def main() -> None:
    options = finished_runs.arguments(__doc__.split("\n")[0], KEPT, SETS, repeats="seeds", times=20)
    options.cache.mkdir(parents=True, exist_ok=True)
    kept = finished_runs.read(KEPT, Outcome)
    done = {Cell(each.set, each.target, each.seed, each.audit) for each in kept}
    wanted = cells(options.sets, options.seeds)
    for cell in finished_runs.waiting(wanted, done, options.minutes):
        outcome = play(cell, trained(cell.set, cell.seed, options.data, options.cache))
        finished_runs.keep(KEPT, [outcome])
        print(outcome, file=sys.stderr, flush=True)
    print(table(finished_runs.read(KEPT, Outcome)))


if __name__ == "__main__":
    main()
