"""What a correctly labelled data set costs a reader, by the way that it is labelled.

    python benchmarks/effort.py --data FOLDER --cache FOLDER
    python benchmarks/effort.py --data FOLDER --cache FOLDER --sets digits --seeds 1

Every way begins with images that nobody labelled and ends when every image has a label: proven by
a certificate, where the way has one. A simulated reader (sslapp/simulation) gives each answer and
learns an image's class in no other way; the true share of right labels is counted by the benchmark
alone. Audited ways label on, doubling their labels, while the proof is expected to cost more than
four times these (sslapp/simulation/loop.py).

A finished cell is kept in benchmarks/results/effort.csv, and its curve in effort_curves.csv; a
later call goes on from there, and --again forgets. effort_curves.py draws what is kept.

FOLDER holds mnist.npz, cifar10.npz, chest-xray.npz and mednist.npz (MedMNIST layout); digits come
with scikit-learn. Of each, images are drawn once, with seed 0.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any

import finished_runs
import numpy as np
from numpy.typing import NDArray

from sslapp.embedding.encoders import ENCODERS
from sslapp.simulation.reader import ReaderModel, SimulatedReader
from sslapp.store.database import reading
from sslapp.store.log import events
from sslapp.usecases.access import Access, enter
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.simulation import Simulation, simulate
from sslapp.vocabulary import EventKind, Gear
from sslapp.workspace import Workspace

KEPT = finished_runs.RESULTS / "effort.csv"
CURVES = finished_runs.RESULTS / "effort_curves.csv"
POINTS = 25
"""Of a kept curve."""

EFFICIENT = "efficientnet-lite0"
ALL = 10**9
MOST_ROUNDS = 6


@dataclass(frozen=True)
class LabelledSet:
    """A set, how much of it is used, and the share of right labels that is to be proven."""

    name: str
    images: int
    encoder: str
    target: float

    @property
    def installed_encoder(self) -> str:
        """The encoder that is used on this machine."""
        return self.encoder if ENCODERS[self.encoder].installed else "pixels"


SETS = {
    each.name: each
    for each in (
        LabelledSet("digits", 1797, "pixels", 0.98),
        LabelledSet("mednist", 3000, EFFICIENT, 0.98),
        LabelledSet("chest-xray", 1500, EFFICIENT, 0.95),
        LabelledSet("mnist", 3000, EFFICIENT, 0.95),
        LabelledSet("cifar10", 3000, EFFICIENT, 0.95),
    )
}

READERS = {
    "perfect": ReaderModel(),
    "errs": ReaderModel(accuracy=0.97),
    "tires": ReaderModel(fatigue=0.03),
    "trusts": ReaderModel(bias=0.3),
}
ALSO_READ = ("digits", "mednist")
"""Sets that are played with every reader."""

EVERYTHING = "label everything"
FIXMATCH_ON = ("digits", "mnist")


@dataclass(frozen=True, kw_only=True)
class Procedure:
    """How a set is labelled.

    Attributes:
        method: of the rounds.
        reviews: proposals that are judged one by one; None: what the proof asks for.
        audited: whether it ends with a certificate.
    """

    method: str
    gear: Gear = Gear.FEATURES
    acquisition: str = "auto"
    reviews: int | None = None
    audited: bool = True


def ways_of(name: str, reader: str) -> dict[str, Procedure]:
    """The ways that are played on a set, besides labelling everything."""
    ssl: dict[str, Any] = {"method": "prototypes"}
    slow: dict[str, Any] = {"method": "fixmatch", "gear": Gear.PIXELS}
    ways = {
        "prototypes, audited": Procedure(**ssl),
        "prototypes, one by one": Procedure(**ssl, reviews=ALL, audited=False),
    }
    if reader == "perfect":
        ways |= {
            "supervised, audited": Procedure(method="supervised"),
            "supervised, margin, audited": Procedure(method="supervised", acquisition="margin"),
            "k-NN propagation, audited": Procedure(method="label-propagation"),
            "prototypes, random, audited": Procedure(**ssl, acquisition="random"),
            "prototypes, margin, audited": Procedure(**ssl, acquisition="margin"),
            "prototypes, no review": Procedure(**ssl, reviews=0, audited=False),
        }
        if name in FIXMATCH_ON:
            ways |= {
                "fixmatch, audited": Procedure(**slow),
                "fixmatch, no review": Procedure(**slow, reviews=0, audited=False),
            }
    return ways


@dataclass(frozen=True)
class Cell:
    """What is to be played."""

    set: str
    way: str
    reader: str
    seed: int


@dataclass(frozen=True)
class Outcome(Cell):
    """What it cost and gave.

    Attributes:
        images, target: of the set.
        rounds: that were trained.
        actions, minutes: of the reader, audit looks counted.
        looks, errors: of the audit, and the errors that it found and mended.
        proven: share of right labels by the certificate; -1 for a way without one.
        right: the true share.
        seconds: of the machine.
    """

    images: int
    target: float
    rounds: int
    actions: int
    minutes: float
    looks: int
    errors: int
    proven: float
    right: float
    seconds: float


@dataclass(frozen=True)
class Point(Cell):
    """How far a way is after so many minutes: the true share of images with a right label."""

    minutes: float
    right: float


def cells(sets: Sequence[str], seeds: int) -> Iterator[Cell]:
    """All cells, the quick ones first."""
    found = []
    for name in sets:
        for reader in READERS if name in ALSO_READ else ("perfect",):
            for seed in range(seeds):
                ways = [EVERYTHING, *ways_of(name, reader)]
                found += [Cell(name, way, reader, seed) for way in ways]
    return iter(sorted(found, key=lambda cell: (cell.seed, "fixmatch" in cell.way)))


def base(plan: LabelledSet, data: Path, cache: Path) -> Path:
    """A workspace with the set imported and encoded, made once."""
    folder = cache / f"effort-{plan.name}-{plan.images}"
    if not folder.exists():
        print(f"{plan.name}: importing and encoding", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(dir=cache) as making:
            root = Path(making) / "workspace"
            access = enter(Workspace(workspace=root))
            project = create_project(access, plan.name)
            _work(access, import_images(access, project, _source(plan, data, Path(making))))
            _work(access, embed(access, project, plan.installed_encoder, 0))
            access.engine.dispose()
            root.rename(folder)
    return folder


def _source(plan: LabelledSet, data: Path, folder: Path) -> str:
    if plan.name == "digits":
        return "digits"
    with np.load(data / f"{plan.name}.npz") as file:
        chosen = np.random.default_rng(0).permutation(len(file["train_images"]))[: plan.images]
        parts = {key: file[key][chosen] for key in ("train_images", "train_labels")}
        if "class_names" in file:
            parts["class_names"] = file["class_names"]
    np.savez(folder / f"{plan.name}.npz", **parts)
    return str(folder / f"{plan.name}.npz")


def _work(access: Access, job_id: int) -> None:
    from sslapp.usecases.handlers import run_worker
    from sslapp.usecases.jobs import job_status

    run_worker(access, threads=os.cpu_count(), until_idle=True)
    row = job_status(access, job_id)
    if row["error"]:
        raise SystemExit(f"{row['kind']}: {row['error']}")


def play(cell: Cell, workspace: Path) -> tuple[Outcome, list[Point]]:
    """Play a cell on a copy of its set's workspace."""
    plan, model = SETS[cell.set], READERS[cell.reader]
    if cell.way == EVERYTHING:
        return _everything(cell, workspace)
    way = ways_of(cell.set, cell.reader)[cell.way]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=workspace.parent) as making:
        shutil.copytree(workspace, Path(making) / "workspace")
        access = enter(Workspace(workspace=Path(making) / "workspace"))
        report = simulate(
            access,
            Simulation(
                data=cell.set,
                project=cell.set,
                method=way.method,
                gear=way.gear,
                encoder=plan.installed_encoder,
                acquisition=way.acquisition,
                most_rounds=MOST_ROUNDS if way.audited else 0,
                reviews=way.reviews,
                certify=plan.target if way.audited else None,
                reader=model,
                seed=cell.seed,
            ),
        )
        points = _curve(cell, access, _truth(access), model)
        access.engine.dispose()
    final = report["final"]
    proof = final.get("certificate", {"looks": 0, "errors": 0, "precision": -1.0})
    outcome = Outcome(
        **asdict(cell),
        images=report["images"],
        target=plan.target,
        rounds=len(report["rounds"]),
        actions=final["reader_actions"],
        minutes=round(final["reader_seconds"] / 60, 2),
        looks=proof["looks"],
        errors=proof["errors"],
        proven=round(proof["precision"], 4),
        right=round(final["label_accuracy"], 4),
        seconds=round(time.monotonic() - started, 1),
    )
    return outcome, points


def _everything(cell: Cell, workspace: Path) -> tuple[Outcome, list[Point]]:
    """Name every image blind: what is then said is what the reader says, by definition."""
    access = enter(Workspace(workspace=workspace))
    truth = _truth(access)
    access.engine.dispose()
    reader = SimulatedReader(truth, int(truth.max()) + 1, READERS[cell.reader], cell.seed)
    minutes, right = [], []
    for position in np.random.default_rng(cell.seed).permutation(len(truth)).tolist():
        right.append(reader.name_class(position) == truth[position])
        minutes.append(reader.seconds / 60)
    share = np.cumsum(right) / len(truth)
    outcome = Outcome(
        **asdict(cell),
        images=len(truth),
        target=SETS[cell.set].target,
        rounds=0,
        actions=len(truth),
        minutes=round(minutes[-1], 2),
        looks=0,
        errors=0,
        proven=1.0,
        right=round(float(share[-1]), 4),
        seconds=0.0,
    )
    return outcome, _thinned(cell, minutes, share.tolist())


def _truth(access: Access) -> NDArray[np.int64]:
    """(N,) columns of the true classes."""
    from sslapp.store import images

    with reading(access.engine) as conn:
        return np.unique(images.true_labels(conn, 1), return_inverse=True)[1].astype(np.int64)


def _curve(cell: Cell, access: Access, truth: NDArray[np.int64], model: ReaderModel) -> list[Point]:
    """The share of images with a right label over the reader's minutes, from the event log."""
    from sslapp.store import label_classes

    seconds = {
        EventKind.LABEL: model.seconds_label,
        EventKind.RELABEL: model.seconds_label,
        EventKind.AUDIT_LABEL: model.seconds_label,
        EventKind.AUDIT_REPEAT: model.seconds_label,
        EventKind.ACCEPT: model.seconds_review,
        EventKind.BULK_ACCEPT: model.seconds_bulk,
    }
    labels, spent = np.full(len(truth), -1), 0.0
    minutes, share = [0.0], [0.0]
    with reading(access.engine) as conn:
        columns = {each.id: number for number, each in enumerate(label_classes.classes(conn, 1))}
        for event in events.read(conn, 1):
            if event.kind not in seconds:
                continue
            spent += seconds[EventKind(event.kind)]
            if event.members is not None and event.member_classes is not None:
                labels[event.members] = [columns[each] for each in event.member_classes.tolist()]
            elif event.class_id is not None:
                labels[event.position] = columns[event.class_id]
            minutes.append(spent / 60)
            share.append(float((labels == truth).mean()))
    return _thinned(cell, minutes, share)


def _thinned(cell: Cell, minutes: Sequence[float], share: Sequence[float]) -> list[Point]:
    """Some points of a curve, with those on either side of its highest step."""
    step = int(np.abs(np.diff(share)).argmax())
    rows = np.linspace(0, len(minutes) - 1, POINTS - 2).astype(int).tolist()
    kept = sorted({*rows, step, step + 1})
    return [
        Point(**asdict(cell), minutes=round(minutes[k], 2), right=round(share[k], 4)) for k in kept
    ]


def table(outcomes: Sequence[Outcome]) -> str:
    """A line a set, reader and way: means over the seeds, fewest actions first."""
    lines = [
        "| set | reader | way | seeds | actions | of all | minutes | looks | proven | right |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    order = list(SETS)
    ranked = sorted(outcomes, key=lambda each: (order.index(each.set), each.reader, each.way))
    rows = []
    for key, group in groupby(ranked, lambda each: (each.set, each.reader, each.way)):
        runs = list(group)
        mean = {
            each.name: float(np.mean([getattr(run, each.name) for run in runs]))
            for each in fields(Outcome)
            if each.type in (int, float, "int", "float")
        }
        proven = f"{mean['proven']:.4f}" if runs[0].proven >= 0 else "-"
        line = (
            f"| {' | '.join(key)} | {len(runs)} | {mean['actions']:,.0f} | "
            f"{mean['actions'] / mean['images']:.2f} | {mean['minutes']:.1f} | "
            f"{mean['looks']:,.0f} | {proven} | {min(run.right for run in runs):.4f} |"
        )
        rows.append(((order.index(key[0]), key[1] != "perfect", key[1], mean["actions"]), line))
    return "\n".join([*lines, *(line for _, line in sorted(rows))])


def main() -> None:
    options = finished_runs.arguments(__doc__.split("\n")[0], KEPT, SETS, repeats="seeds", times=2)
    if options.again:
        CURVES.unlink(missing_ok=True)
    options.cache.mkdir(parents=True, exist_ok=True)
    done = {
        Cell(each.set, each.way, each.reader, each.seed)
        for each in finished_runs.read(KEPT, Outcome)
    }
    wanted = cells(options.sets, options.seeds)
    for cell in finished_runs.waiting(wanted, done, options.minutes):
        outcome, points = play(cell, base(SETS[cell.set], options.data, options.cache))
        finished_runs.keep(KEPT, [outcome])
        finished_runs.keep(CURVES, points)
        print(outcome, file=sys.stderr, flush=True)
    print(table(finished_runs.read(KEPT, Outcome)))


if __name__ == "__main__":
    main()
