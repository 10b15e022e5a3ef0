"""One run of methods.py: a method, or a reference beside it, on one set with one seed.

Methods get the Task and the Run that a round's job gives them (`sslapp.rounds.execute`), with the
same plan of device, number format and threads.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from methods_data import ImageSet, Imported
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from sslapp.methods.registry import CARDS, method_class
from sslapp.rounds.plan import apply_plan, make_plan
from sslapp.simulation.upper_limit import with_all_labels
from sslapp.training import standardisation
from sslapp.training.configuration import (
    MethodConfig,
    TrainingConfig,
    batch_size_of,
    is_pretrained,
    steps_of,
    trainings_of,
)
from sslapp.training.run import Run
from sslapp.training.task import Indices, Task
from sslapp.vocabulary import Gear

PREDICTED_AT_ONCE = 2048

UPPER_LIMIT = "upper-limit"
"""The supervised baseline with all true labels, which only a benchmark has."""

COMPARED: dict[str, tuple[Gear, str]] = {
    "fixmatch": (Gear.PIXELS, "fixmatch"),
    "layermatch": (Gear.PIXELS, "layermatch"),
    "supervised": (Gear.PIXELS, "supervised"),
    "supervised-lite0": (Gear.PIXELS, "supervised"),
    "fixmatch-lite0": (Gear.PIXELS, "fixmatch"),
    "diff-sysc": (Gear.FEATURES, "diff-sysc"),
    "head-ensemble": (Gear.FEATURES, "head-ensemble"),
    "prototypes": (Gear.FEATURES, "prototypes"),
    "label-propagation": (Gear.FEATURES, "label-propagation"),
    "k-nn": (Gear.FEATURES, ""),
    "linear-probe": (Gear.FEATURES, "supervised"),
    "mlp": (Gear.FEATURES, ""),
}
"""The rows of the grids of chosen methods: their gear, and their name in the registry; the two
others stand below."""

ZOO: dict[str, tuple[Gear, str]] = {
    UPPER_LIMIT: (Gear.PIXELS, "supervised"),
    **{
        name: (Gear.PIXELS, name)
        for name, card in CARDS.items()
        if Gear.PIXELS in card.gears and issubclass(card.options, TrainingConfig)
    },
}
"""The rows of every method that trains a network on images."""

ROWS = COMPARED | ZOO

NETWORKS = {"supervised-lite0": "efficientnet-lite0", "fixmatch-lite0": "efficientnet-lite0"}
"""Rows of a pre-trained network, whose other options are the defaults for it."""

PRETRAINED_PIXEL = 1e-6
"""Seconds of a pass of that network for each pixel."""

Vectors = NDArray[np.float64]
Answer = Callable[[Indices], Indices]
"""(n,) rows -> (n,) classes."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What is run.

    Attributes:
        row: a key of ROWS.
        images: the set.
        seed: of the labels and of the training.
        config: of the method; None for a reference.
    """

    row: str
    images: ImageSet
    seed: int
    config: MethodConfig | None

    @property
    def gear(self) -> Gear:
        """Pixels or features."""
        return ROWS[self.row][0]

    @property
    def key(self) -> dict[str, Any]:
        """What makes it this run and no other; JSON."""
        return {
            "row": self.row,
            "gear": self.gear.value,
            "seed": self.seed,
            "images": {**asdict(self.images), "encoder": self.images.installed_encoder},
            "config": {} if self.config is None else self.config.model_dump(mode="json"),
        }

    @property
    def expected(self) -> float:
        """Seconds that it takes on two idle cores, roughly; the first runs correct it."""
        if self.gear == Gear.FEATURES:
            return 60.0 if self.row == "diff-sysc" else 2.0
        option = self.key["config"]
        views = batch_size_of(option) * (1 + 2 * option.get("unlabelled_ratio", 0))
        steps = trainings_of(option) * steps_of(option, self.images.pool)
        if is_pretrained(option):
            return 3 * steps * views * PRETRAINED_PIXEL * self.images.size**2
        of_image = (0.010 + 0.00005 * self.images.size**2) / 288
        return steps * views * of_image * (1 if option["network"] == "small-cnn" else 7)

    def stages(self, cache: Path, plan: Mapping[str, Any]) -> Path:
        """The folder of its stages: only an attempt under the same plan goes on with them."""
        name = json.dumps([self.key, plan], sort_keys=True)
        return cache / "stages" / hashlib.sha256(name.encode()).hexdigest()[:16]


def run_cell(
    cell: Cell,
    imported: Imported,
    cache: Path,
    *,
    threads: int,
    report: Callable[[int, int, Mapping[str, float]], None],
) -> dict[str, Any]:
    """Run it as a round would, and score it on all of the pool and on the test images.

    Args:
        cell: the run.
        imported: its images.
        cache: where stages and checkpoints are kept until it is finished.
        threads: of torch.
        report: called as report(step, total, metrics).

    Returns:
        The row of the journal; `seconds` covers the fit and both predictions.
    """
    plan = make_plan(threads, steps=cell.key["config"].get("steps", 0))
    folder = cell.stages(cache, plan)
    resumed, busy = folder.exists(), os.getloadavg()[0]
    task = imported.task(cell.seed)
    pool = task.pool
    if cell.row == UPPER_LIMIT:
        task = with_all_labels(task, imported.truth)
    test = np.flatnonzero(imported.is_test)
    started = time.monotonic()
    if cell.config is None:
        answer = _refer(cell, task)
    else:
        device, dtype = apply_plan(plan)
        run = Run(
            gear=cell.gear,
            device=device,
            seed=cell.seed,
            folder=folder,
            report=report,
            dtype=dtype,
            kernels=plan["kernels"],
        )
        answer = _fit(cell, cell.config, task, run)
    of_pool, of_test = answer(pool), answer(test)
    seconds = time.monotonic() - started
    assert task.features is not None
    return {
        "key": cell.key,
        "pool_accuracy": float((of_pool == imported.truth[pool]).mean()),
        "test_accuracy": float((of_test == imported.truth[test]).mean()),
        "seconds": round(seconds, 2),
        "resumed": resumed,
        "labelled": len(task.labelled),
        "holdout": len(task.validation),
        "pool": len(pool),
        "test": len(test),
        "classes": task.num_classes,
        "classes_labelled": len(np.unique(task.labels[task.labelled])),
        "drawn_from": list(imported.drawn_from),
        "features": task.features.shape[1],
        "load": round(busy, 1),
        "plan": plan,
        "date": time.strftime("%Y-%m-%d"),
    }


def _fit(cell: Cell, config: MethodConfig, task: Task, run: Run) -> Answer:
    predictor = method_class(ROWS[cell.row][1])(config).fit(task, run)
    source = task.pixels if cell.gear == Gear.PIXELS else task.features
    assert source is not None

    def answer(rows: Indices) -> Indices:
        parts = np.split(rows, range(PREDICTED_AT_ONCE, len(rows), PREDICTED_AT_ONCE))
        logits = [predictor.logits(source, part).float().cpu().numpy() for part in parts]
        return np.concatenate(logits).argmax(axis=1)

    return answer


def _refer(cell: Cell, task: Task) -> Answer:
    features = task.features
    assert features is not None
    x = features.take(task.labelled).double().numpy()
    unlabelled = features.take(task.pool).double().numpy()
    predict = REFERENCES[cell.row](x, task.labels[task.labelled], unlabelled, cell.seed)
    return lambda rows: predict(features.take(rows).double().numpy())


def _k_nn(x: Vectors, y: Indices, unlabelled: Vectors, seed: int) -> Callable[[Vectors], Indices]:
    """The 5 nearest by cosine, near ones counting more."""
    nearest = KNeighborsClassifier(min(5, len(y)), weights="distance").fit(_unit(x), y)
    return lambda rows: nearest.predict(_unit(rows))


def _mlp(x: Vectors, y: Indices, unlabelled: Vectors, seed: int) -> Callable[[Vectors], Indices]:
    """One hidden layer of 256 units on features that are standardised as the linear probe's."""
    standardise = standardisation.fit(torch.from_numpy(np.concatenate([x, unlabelled])))
    network = MLPClassifier((256,), alpha=0.01, max_iter=500, random_state=seed)
    network.fit(standardise(torch.from_numpy(x)).numpy(), y)
    return lambda rows: network.predict(standardise(torch.from_numpy(rows)).numpy())


REFERENCES = {"k-nn": _k_nn, "mlp": _mlp}


def _unit(x: Vectors) -> Vectors:
    return x / np.linalg.norm(x, axis=1, keepdims=True).clip(min=1e-12)
