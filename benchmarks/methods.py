"""Every method on the same labels: accuracy on the pool and on a test split, beside its baselines.

    python benchmarks/methods.py --grid small --data FOLDER --to rows.jsonl
    python benchmarks/methods.py --grid zoo --data FOLDER --to zoo.jsonl --minutes 90
    python benchmarks/methods.py --grid full --data FOLDER --to cifar10.jsonl --steps 100000

`small` takes digits, MNIST, PneumoniaMNIST and MedNIST and is made for an hour of two cores; `full`
takes CIFAR-10 and a WRN-28-2 and is meant for a machine with a GPU. FOLDER holds mnist.npz (or
torchvision's files), pneumoniamnist.npz and mednist.npz in the MedMNIST layout, or a folder of that
name with a sub-folder a class. `pretrained` holds networks that start from published weights
against those that start at random and against the features gear, on the clothing photographs and
chest X-rays at 128 pixels. `zoo` holds every registered method that trains a network on images, on
digits and MNIST, with `supervised` and `upper-limit` (the same on all true labels) beside them, the
cheapest runs first. What comes of these two is kept in results/pretrained.csv and results/zoo.csv,
and what stands there is not run again, in `zoo` unless a method has other defaults by now.
`--minutes` ends any grid after the run during which they have gone by.

A row per run is appended to the file, and what lies there is not run again: a killed grid goes on
where it stopped, a killed training at its last checkpoint. Images, features and labels are kept
beside the file, in a folder of its name. The table at the end is of the rows that fit today's
options: a row whose method has other defaults by now is run again; `--options augmentation=smooth`
asks for others than the defaults.

Labels are what `auto` acquisition asks for before the first round: typical images, and every fifth
pick for the holdout, so 40 labels are 32 to train on and 8 to measure with. Methods see neither the
test images nor the classes of the pool.
"""

import argparse
import hashlib
import json
import math
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import finished_runs
from methods_data import ImageSet, load
from methods_run import COMPARED, NETWORKS, ROWS, ZOO, Cell, run_cell
from methods_table import Gained, gains, table

from sslapp.jobs.host_memory import freed_memory_kept
from sslapp.methods.registry import CARDS
from sslapp.rounds.plan import apply_plan, make_plan
from sslapp.training.configuration import MethodConfig
from sslapp.vocabulary import Gear

SPEAK_EVERY = 60.0


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What is run.

    Attributes:
        sets: the image sets.
        steps: K of every training in the pixels gear, unless the command line says otherwise.
        options: what differs from the defaults of the methods in the pixels gear that have it.
        rows: of the table, those of chosen methods by default.
        seeds: how many a row gets at most, where that is fewer than are asked for.
        set_seeds: the same of a set, by its name.
        set_steps: K of a set where it is another.
        repeats: seeds of every row, unless the command line says otherwise.
        kept: the file of results/ in which its figures are kept, if they are.
        cheapest_first: whether the cheapest runs come first; else one seed is complete before the
            next begins.
    """

    sets: tuple[ImageSet, ...]
    steps: int
    options: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[str, ...] = tuple(row for row in COMPARED if row not in NETWORKS)
    seeds: Mapping[str, int] = field(default_factory=dict)
    set_seeds: Mapping[str, int] = field(default_factory=dict)
    set_steps: Mapping[str, int] = field(default_factory=dict)
    repeats: int = 3
    kept: str = ""
    cheapest_first: bool = False

    @property
    def path(self) -> Path:
        """Of what is kept."""
        return finished_runs.RESULTS / self.kept

    @property
    def outcome(self) -> "type[Outcome]":
        """What a row of that file is."""
        return ZooOutcome if self.kept == KEPT_ZOO else Outcome


LITE = "efficientnet-lite0"
KEPT_ZOO = "zoo.csv"


@dataclass(frozen=True)
class Outcome:
    """A finished run of it."""

    set: str
    labels: int
    row: str
    seed: int
    pool_accuracy: float
    test_accuracy: float
    seconds: float

    @classmethod
    def of(cls, cell: Cell, row: Mapping[str, Any]) -> Self:
        """The figures of a row of the journal."""
        pool, test = (round(row[f"{which}_accuracy"], 4) for which in ("pool", "test"))
        images = cell.images
        return cls(images.name, images.labels, cell.row, cell.seed, pool, test, row["seconds"])

    @classmethod
    def name(cls, cell: Cell) -> tuple[Any, ...]:
        """What a run is kept as."""
        return cell.images.name, cell.images.labels, cell.row, cell.seed

    @property
    def cell(self) -> tuple[Any, ...]:
        """What was run."""
        return self.set, self.labels, self.row, self.seed


@dataclass(frozen=True)
class ZooOutcome(Outcome):
    """The same of a method whose options may still change.

    Attributes:
        options: a digest of them.
    """

    options: str

    @classmethod
    def of(cls, cell: Cell, row: Mapping[str, Any]) -> Self:
        """See Outcome."""
        plain = Outcome.of(cell, row)
        return cls(**asdict(plain), options=cls.name(cell)[-1])

    @classmethod
    def name(cls, cell: Cell) -> tuple[Any, ...]:
        """See Outcome."""
        told = json.dumps(cell.key["config"], sort_keys=True)
        return *Outcome.name(cell), hashlib.sha256(told.encode()).hexdigest()[:8]

    @property
    def cell(self) -> tuple[Any, ...]:
        """See Outcome."""
        return *super().cell, self.options


GRIDS = {
    "small": Grid(
        steps=1500,
        sets=(
            ImageSet(name="digits", labels=40, size=8, encoder="pixels", pool=1400, test=397),
            ImageSet(name="mnist", labels=100, size=28, encoder="pixels", pool=5000, test=2000),
            ImageSet(name="pneumoniamnist", labels=40, size=28, encoder=LITE, pool=1500, test=624),
            ImageSet(name="mednist", labels=60, size=32, encoder=LITE, pool=1500, test=500),
        ),
    ),
    "full": Grid(
        steps=100_000,
        sets=tuple(
            ImageSet(
                name="cifar10",
                labels=labels,
                size=32,
                encoder=LITE,
                pool=50_000,
                test=10_000,
                picks="balanced",
            )
            for labels in (40, 250, 4000)
        ),
        options={
            "network": "wrn-28-2",
            "batch_size": 64,
            "unlabelled_ratio": 7,
            "learning_rate": 0.03,
            "flip": True,
            "augmentation": "fixmatch",
        },
    ),
    "zoo": Grid(
        steps=1500,
        sets=(
            ImageSet(name="digits", labels=40, size=8, encoder="pixels", pool=1400, test=397),
            ImageSet(name="mnist", labels=100, size=28, encoder="pixels", pool=5000, test=2000),
        ),
        rows=tuple(ZOO),
        set_seeds={"mnist": 1},
        set_steps={"mnist": 500},
        repeats=5,
        kept=KEPT_ZOO,
        cheapest_first=True,
    ),
    "pretrained": Grid(
        kept="pretrained.csv",
        steps=1500,
        sets=tuple(
            ImageSet(name=name, labels=labels, size=128, encoder=LITE, pool=3000, test=500)
            for name in ("clothing", "chest-xray")
            for labels in (40, 100)
        ),
        rows=(
            *("linear-probe", "head-ensemble"),
            *("supervised", "supervised-lite0", "fixmatch", "fixmatch-lite0"),
        ),
        seeds={"fixmatch": 1, "fixmatch-lite0": 1},
    ),
}


class Journal:
    """The file of finished runs; a row that a kill cut off is dropped when the file is opened.

    Args:
        path: JSON lines.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            path.write_text(whole, encoding="utf-8")
        self._rows = [json.loads(line) for line in whole.splitlines()]

    def find(self, cell: Cell) -> dict[str, Any] | None:
        """The row of a run, if it is there."""
        key = cell.key
        return next((row for row in self._rows if row["key"] == key), None)

    def append(self, row: dict[str, Any]) -> None:
        """Add a row, durably."""
        self._rows.append(row)
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())


def cells(grid: Grid, options: argparse.Namespace) -> list[Cell]:
    """All runs that were asked for, in their order."""
    # what the grid gives is meant for networks that start at random
    pretrained = {"steps": options.steps or 0}
    asked = dict(each.split("=", 1) for each in options.options)
    found = [
        Cell(row=row, images=images, seed=seed, config=_config(row, given, asked))
        for seed in range(options.seeds or grid.repeats)
        for images in grid.sets
        if not options.sets or images.name in options.sets
        if seed < grid.set_seeds.get(images.name, seed + 1)
        for steps in [options.steps or grid.set_steps.get(images.name, grid.steps)]
        for overrides in [{**grid.options, "steps": steps}]
        for row in grid.rows
        if (not options.methods or row in options.methods) and seed < grid.seeds.get(row, seed + 1)
        for given in [pretrained | {"network": NETWORKS[row]} if row in NETWORKS else overrides]
    ]
    return sorted(found, key=lambda cell: cell.expected) if grid.cheapest_first else found


def _config(
    row: str, overrides: Mapping[str, Any], asked: Mapping[str, str]
) -> MethodConfig | None:
    """A method's defaults; what the grid overrides is meant for networks that see pixels."""
    gear, method = ROWS[row]
    if not method:
        return None
    known = CARDS[method].options
    given = {**overrides, **asked} if gear == Gear.PIXELS else asked
    return known.model_validate({k: v for k, v in given.items() if k in known.model_fields})


def remaining(all_cells: list[Cell], journal: Journal) -> float:
    """Seconds that the missing runs will take, by what the same run took at other seeds; where
    there is none, by a rough figure, corrected by how wrong it was for the runs of that gear."""
    took: dict[tuple[str, str, int], list[float]] = {}
    wrong: dict[str, list[float]] = {}
    for cell in all_cells:
        row = journal.find(cell)
        if row is not None and not row["resumed"]:
            took.setdefault(_kind(cell), []).append(row["seconds"])
            wrong.setdefault(cell.gear, []).append(row["seconds"] / cell.expected)
    total = 0.0
    for cell in all_cells:
        if journal.find(cell) is None:
            known, factors = took.get(_kind(cell)), wrong.get(cell.gear, [1.0])
            factor = sum(factors) / len(factors)
            total += sum(known) / len(known) if known else cell.expected * factor
    return total


def _kind(cell: Cell) -> tuple[str, str, int]:
    return cell.row, cell.images.name, cell.images.labels


def say(text: str) -> None:
    """A line of progress; the table alone goes to standard output."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def speaking(cell: Cell) -> Callable[[int, int, Mapping[str, float]], None]:
    """A report that speaks once a minute."""
    spoken = time.monotonic()

    def report(step: int, total: int, metrics: Mapping[str, float]) -> None:
        nonlocal spoken
        if time.monotonic() - spoken > SPEAK_EVERY:
            spoken = time.monotonic()
            say(f"  {cell.row}: {step} of {total}")

    return report


def run_all(all_cells: list[Cell], journal: Journal, cache: Path, options: Any) -> int:
    """Run what is missing and return how many runs failed; a failed one is tried next time."""
    failures, ends = 0, time.monotonic() + 60 * options.minutes
    grid = GRIDS[options.grid]
    done = {each.cell for each in kept(grid, options)}
    missing = [
        cell
        for cell in all_cells
        if journal.find(cell) is None and grid.outcome.name(cell) not in done
    ]
    apply_plan(make_plan(options.threads))  # encoders take their threads from it
    # first of all, so that a set that is not there is noticed before an hour has gone
    ready = {images: load(images, options.data, cache, say) for images in _sets(missing)}
    say(f"{len(missing)} of {len(all_cells)} runs to do, about {_minutes(all_cells, journal)}")
    for number, cell in enumerate(missing, 1):
        if time.monotonic() > ends:
            say("Out of time: call again to go on.")
            break
        try:
            row = run_cell(
                cell, ready[cell.images], cache, threads=options.threads, report=speaking(cell)
            )
        except Exception:
            traceback.print_exc()
            say(f"{number}/{len(missing)} {_name(cell)} FAILED; the others go on")
            failures += 1
            continue
        journal.append(row)
        if _keeps(grid, options):
            finished_runs.keep(grid.path, [grid.outcome.of(cell, row)])
        shutil.rmtree(cell.stages(cache, row["plan"]), ignore_errors=True)
        say(
            f"{number}/{len(missing)} {_name(cell)}: pool {row['pool_accuracy']:.4f}, test "
            f"{row['test_accuracy']:.4f}, {row['seconds']:.1f} s"
            f"{' (resumed)' if row['resumed'] else ''}; {_minutes(all_cells, journal)} to go"
        )
    return failures


def _keeps(grid: Grid, options: Any) -> bool:
    """Whether what comes of the grid is kept: not of others than its own steps and options."""
    return bool(grid.kept) and not (options.steps or options.options)


def kept(grid: Grid, options: Any) -> list[Outcome]:
    """What earlier calls have kept of the grid."""
    return finished_runs.read(grid.path, grid.outcome) if _keeps(grid, options) else []


def gained(all_cells: list[Cell], grid: Grid, journal: Journal, options: Any) -> list[Gained]:
    """The runs of a grid with gains in its table, kept by an earlier call or in the journal."""
    known = {each.cell: each for each in kept(grid, options)}
    for cell in all_cells:
        row = journal.find(cell)
        if row is not None:
            known.setdefault(grid.outcome.name(cell), grid.outcome.of(cell, row))
    wanted = [known.get(grid.outcome.name(cell)) for cell in all_cells]
    return [
        Gained(
            f"{each.set}, {each.labels} labels",
            each.row,
            each.seed,
            each.pool_accuracy,
            each.test_accuracy,
            each.seconds,
        )
        for each in wanted
        if each is not None
    ]


def _sets(found: list[Cell]) -> list[ImageSet]:
    return list(dict.fromkeys(cell.images for cell in found))


def _minutes(all_cells: list[Cell], journal: Journal) -> str:
    return f"{remaining(all_cells, journal) / 60:.1f} min"


def _name(cell: Cell) -> str:
    return f"{cell.images.name}-{cell.images.labels} {cell.row} seed {cell.seed}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grid", choices=GRIDS, default="small")
    parser.add_argument("--data", type=Path, required=True, help="folder of the image sets")
    parser.add_argument("--to", type=Path, default=Path("methods.jsonl"), help="file of the rows")
    parser.add_argument("--seeds", type=int, help="how many, from 0 on; 3, or 5 in the zoo")
    parser.add_argument("--steps", type=int, help="K of the trainings in the pixels gear")
    parser.add_argument("--sets", nargs="+", choices=_set_names())
    parser.add_argument("--methods", nargs="+", choices=ROWS)
    parser.add_argument(
        "--options",
        nargs="+",
        default=[],
        type=_named,
        metavar="NAME=VALUE",
        help="of the methods that have them, in the place of the defaults",
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="begin no run after so many"
    )
    parser.add_argument("--only-table", action="store_true", help="run nothing")
    options = parser.parse_args()
    grid = GRIDS[options.grid]
    all_cells = cells(grid, options)
    journal = Journal(options.to)
    failures = 0
    if not options.only_table:
        failures = run_all(all_cells, journal, options.to.with_suffix(""), options)
    if grid.cheapest_first:
        print(gains(gained(all_cells, grid, journal, options)))
    else:
        found = [journal.find(cell) for cell in all_cells]
        print(table([row for row in found if row is not None]))
    sys.exit(1 if failures else 0)


def _named(text: str) -> str:
    if "=" not in text:
        raise argparse.ArgumentTypeError(f'"{text}" is not of the form NAME=VALUE')
    return text


def _set_names() -> list[str]:
    return sorted({images.name for grid in GRIDS.values() for images in grid.sets})


if __name__ == "__main__":
    with freed_memory_kept():  # as a job runs
        main()
