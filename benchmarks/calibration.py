"""Whether confidence means something: what is proposed at .95, and how much of it is right.

    python benchmarks/calibration.py --data FOLDER --cache FOLDER
    python benchmarks/calibration.py --data FOLDER --cache FOLDER --sets digits --seeds 1

Labels are drawn at random, at least one a class, and nobody has a holdout: what new projects are
like. *Before* is the round's own softmax, which was proposed until there were 30 holdout labels;
*after* is the same round calibrated on its labels (sslapp/training/calibration). A finished cell is
kept in benchmarks/results/calibration.csv, and a later call goes on from there; --again forgets.

The bars: no run with at least 20 proposals has a 99.9 % upper Clopper-Pearson bound of its share
right below .90; of each set's proposals, pooled, at least .93 are right; FixMatch proposes at least
.20 of the digits' pool with 40 labels, on average.

FOLDER holds mnist.npz, chest-xray.npz (MedMNIST layout) and the folder clothing (a sub-folder a
class); digits come with scikit-learn.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

import finished_runs
import methods_data
import numpy as np
import torch
from methods_data import ImageSet, Imported

from sslapp.imaging.pixels import PixelStore
from sslapp.methods.registry import method_class
from sslapp.review.bounds import clopper_pearson
from sslapp.rounds.data import TaskFeatures, TaskPixels
from sslapp.rounds.plan import apply_plan, make_plan
from sslapp.training.calibration.calibration import calibrate
from sslapp.training.calibration.out_of_sample import ask
from sslapp.training.calibration.scaling import Temperature
from sslapp.training.run import Run
from sslapp.training.task import Task
from sslapp.vocabulary import CalibratedOn, Gear, Source

KEPT = finished_runs.RESULTS / "calibration.csv"
THRESHOLD = 0.95
LABELS, SEEDS = (20, 40), 3

EFFICIENT = "efficientnet-lite0"
SETS = {
    "digits": ImageSet(name="digits", labels=0, size=8, encoder="pixels", pool=1797, test=0),
    "mnist": ImageSet(name="mnist", labels=0, size=28, encoder=EFFICIENT, pool=3000, test=0),
    "chest-xray": ImageSet(
        name="chest-xray", labels=0, size=128, encoder=EFFICIENT, pool=1500, test=0
    ),
    "clothing": ImageSet(name="clothing", labels=0, size=224, encoder=EFFICIENT, pool=1800, test=0),
}
FEATURES = ("supervised", "prototypes", "label-propagation", "head-ensemble")
PIXELS = ("supervised", "fixmatch")
ON_PIXELS = ("digits", "mnist")

LEAST_PROPOSED, LEAST_BOUND, LEAST_RIGHT, LEAST_SHARE = 20, 0.90, 0.93, 0.20


@dataclass(frozen=True)
class Cell:
    """A run that is to be made."""

    set: str
    gear: str
    method: str
    labels: int
    seed: int


@dataclass(frozen=True)
class Outcome(Cell):
    """A run that was made.

    Attributes:
        source, count, temperature: of the calibration.
        pool: images without a label.
        accuracy: share of them predicted right.
        before, before_right: proposed by the raw softmax, and how many were right.
        after, after_right: proposed by the calibrated one.
        seconds: of the whole round.
    """

    source: str
    count: int
    temperature: float
    pool: int
    accuracy: float
    before: int
    before_right: int
    after: int
    after_right: int
    seconds: float


def cells(sets: list[str], seeds: int) -> Iterator[Cell]:
    """All runs, the quick ones first."""
    for gear, methods in ((Gear.FEATURES, FEATURES), (Gear.PIXELS, PIXELS)):
        for name in sets:
            if gear == Gear.FEATURES or name in ON_PIXELS:
                for method in methods:
                    for labels in LABELS:
                        for seed in range(seeds):
                            yield Cell(name, gear.value, method, labels, seed)


def draw(imported: Imported, labels: int, seed: int) -> Task:
    """A task with so many labels drawn at random, at least one a class, and no holdout."""
    truth = imported.truth
    order = np.random.default_rng([seed, labels]).permutation(len(truth))
    first = [order[truth[order] == c][0] for c in range(imported.num_classes)]
    rest = order[~np.isin(order, first)]
    labelled = np.concatenate([np.array(first, dtype=np.int64), rest])[:labels]
    pool = np.setdiff1d(np.arange(len(truth)), labelled)
    known = np.full(len(truth), -1, dtype=np.int64)
    source = np.zeros(len(truth), dtype=np.uint8)
    known[labelled], source[labelled] = truth[labelled], Source.EXPERT
    return Task(
        num_classes=imported.num_classes,
        labels=known,
        source=source,
        forbidden=np.zeros((len(truth), imported.num_classes), dtype=np.bool_),
        labelled=labelled,
        pool=pool,
        validation=np.zeros(0, dtype=np.int64),
        pixels=TaskPixels(PixelStore([imported.pixels])),
        features=TaskFeatures.read(imported.features),
    )


def run_cell(cell: Cell, imported: Imported) -> Outcome:
    """Train, calibrate and count."""
    task = draw(imported, cell.labels, cell.seed)
    device, dtype = apply_plan(make_plan(os.cpu_count()))
    method_type = method_class(cell.method)
    method = method_type(method_type.Config())
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(
            gear=Gear(cell.gear),
            device=device,
            seed=cell.seed,
            folder=Path(folder),
            dtype=dtype,
            checkpoint_seconds=1e9,
        )
        predictor = method.fit(task, run)
        found = calibrate(ask(method, task, run.apart(), predictor))
        source = task.pixels if run.gear is Gear.PIXELS else task.features
        assert source is not None
        logits = torch.cat(
            [predictor.logits(source, rows) for rows in np.array_split(task.pool, 8)]
        ).double()
    seconds = time.perf_counter() - started
    right = logits.argmax(dim=1).numpy() == imported.truth[task.pool]
    counted = []
    for scaling in (Temperature(1.0), found.scaling):
        sure = scaling.of_logits(logits.numpy()).max(axis=1) >= THRESHOLD
        if scaling is found.scaling and found.source is CalibratedOn.NOTHING:
            sure[:] = False
        counted += [int(sure.sum()), int(right[sure].sum())]
    return Outcome(
        **asdict(cell),
        source=found.source.value,
        count=found.count,
        temperature=round(found.temperature, 4),
        pool=len(right),
        accuracy=round(float(right.mean()), 4),
        before=counted[0],
        before_right=counted[1],
        after=counted[2],
        after_right=counted[3],
        seconds=round(seconds, 1),
    )


def table(outcomes: list[Outcome]) -> str:
    """A line a set, gear, method and number of labels: means over the seeds."""
    lines = [
        "| set | gear | method | labels | accuracy | before: proposed, right | "
        "after: proposed, right | T | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key, group in groupby(
        outcomes, lambda each: (each.set, each.gear, each.method, each.labels)
    ):
        runs = list(group)
        mean = {name: np.mean([getattr(r, name) for r in runs]) for name in ("accuracy", "seconds")}
        temperatures = "–".join(f"{f([r.temperature for r in runs]):.2f}" for f in (min, max))
        lines.append(
            f"| {' | '.join(map(str, key))} | {mean['accuracy']:.3f} "
            f"| {_share(runs, 'before')} | {_share(runs, 'after')} | {temperatures} "
            f"| {mean['seconds']:.1f} |"
        )
    return "\n".join(lines)


def _share(runs: list[Outcome], which: str) -> str:
    proposed = sum(getattr(each, which) for each in runs)
    right = sum(getattr(each, f"{which}_right") for each in runs)
    share = proposed / sum(each.pool for each in runs)
    return f"{share:.3f}, {right / proposed:.3f}" if proposed else "0, –"


def verdicts(outcomes: list[Outcome]) -> list[str]:
    """The bars, and whether each is met, before and after."""
    said = []
    for which in ("before", "after"):
        runs = [each for each in outcomes if getattr(each, which) >= LEAST_PROPOSED]
        bad = [
            each
            for each in runs
            if clopper_pearson(getattr(each, f"{which}_right"), getattr(each, which), 0.002).upper
            < LEAST_BOUND
        ]
        said.append(
            f"{which}: of {len(runs)} runs with at least {LEAST_PROPOSED} proposals {len(bad)} are "
            f"surely below {LEAST_BOUND:.2f} right (bar: 0)"
        )
        said += [f"    {each}" for each in bad if which == "after"]
        for name in dict.fromkeys(each.set for each in outcomes):
            mine = [each for each in outcomes if each.set == name]
            proposed = sum(getattr(each, which) for each in mine)
            right = sum(getattr(each, f"{which}_right") for each in mine)
            if proposed:
                share = right / proposed
                said.append(f"{which}: {name}, pooled: {share:.3f} right (bar: {LEAST_RIGHT:.2f})")
    runs = [e for e in outcomes if (e.set, e.method, e.labels) == ("digits", "fixmatch", 40)]
    if runs:
        share = np.mean([each.after / each.pool for each in runs])
        said.append(f"FixMatch on digits, 40 labels: proposes {share:.3f} (bar: {LEAST_SHARE:.2f})")
    return said


def main() -> None:
    """Make the runs that are missing and print the table."""
    options = finished_runs.arguments(
        __doc__.splitlines()[0], KEPT, SETS, repeats="seeds", times=SEEDS
    )
    started = time.monotonic()
    found = {
        Cell(each.set, each.gear, each.method, each.labels, each.seed): each
        for each in finished_runs.read(KEPT, Outcome)
    }
    loaded: dict[str, Imported] = {}
    for cell in cells(options.sets, options.seeds):
        if cell in found:
            continue
        if time.monotonic() - started > 60 * options.minutes:
            print("Not all runs were made: call it again.")
            break
        if cell.set not in loaded:
            loaded[cell.set] = methods_data.load(
                SETS[cell.set], options.data, options.cache, lambda text: print(text, flush=True)
            )
        found[cell] = run_cell(cell, loaded[cell.set])
        finished_runs.keep(KEPT, [found[cell]])
        print(found[cell], flush=True)
    outcomes = [found[cell] for cell in cells(options.sets, options.seeds) if cell in found]
    print("\n".join([table(outcomes), "", *verdicts(outcomes)]))


if __name__ == "__main__":
    main()
