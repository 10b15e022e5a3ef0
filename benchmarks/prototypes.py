"""What the methods of the features gear are worth with few labels, on the same draws of labels.

    python benchmarks/prototypes.py --data FOLDER --cache FOLDER
    python benchmarks/prototypes.py --data FOLDER --cache FOLDER --sets mednist --images 1500

Features are EfficientNet-Lite0's of `--images` images drawn from the set once and for all; they
are kept in `--cache`, so that only the first run encodes (some 80 images a second on two cores).
Labels are drawn as many of each class as the number allows, or with `--draw random` as they come;
50 further images drawn at random are the holdout. A cell is the accuracy on the images in neither,
mean and standard deviation over the seeds in per cent; the last row is the mean of a fit and its
prediction in seconds.
"""

import argparse
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from sslapp import durable
from sslapp.embedding.encoder import encode
from sslapp.embedding.encoders import open_encoder
from sslapp.jobs.host_memory import freed_memory_kept
from sslapp.methods.registry import method_class
from sslapp.rounds.data import TaskFeatures
from sslapp.training import standardisation
from sslapp.training.run import Run
from sslapp.training.task import Task, features_of
from sslapp.vocabulary import Gear, Source

ENCODER = "efficientnet-lite0"
HOLDOUT = 50
NEIGHBOURS, WIDTH = 10, 256

Classes = NDArray[np.int64]
Answer = Callable[[Task], Classes]


@dataclass(frozen=True)
class ImageSet:
    """An .npz file and the names of its (n, S, S) or (n, S, S, C) uint8 images and its labels."""

    file: str
    images: str
    labels: str


SETS = {
    "cifar10": ImageSet("cifar10.npz", "train_images", "train_labels"),
    "mednist": ImageSet("mednist_64_1500pc.npz", "x_all", "y_all"),
    "chest-xray": ImageSet("chest_xray_kermany_128.npz", "x_train", "y_train"),
}


class Pictures:
    """An array of images as an encoder reads it."""

    def __init__(self, array: NDArray[np.uint8]) -> None:
        self._array = array if array.ndim == 4 else array[..., None]
        self.shape = self._array.shape

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self._array[indices]


def encoded(
    name: str, folders: list[Path], cache: Path, images: int
) -> tuple[NDArray[np.float32], Classes]:
    """(n, D) features and (n,) classes of a set, from the cache where they are there."""
    kept = cache / f"{name}-{images}-{ENCODER}.npz"
    if not kept.exists():
        pictures, classes = read(SETS[name], folders, images)
        features = encode_set(name, pictures)
        durable.write(kept, lambda file: np.savez(file, x=features, y=classes))
    with np.load(kept) as arrays:
        return arrays["x"], arrays["y"]


def read(which: ImageSet, folders: list[Path], images: int) -> tuple[Pictures, Classes]:
    for folder in folders:
        if (folder / which.file).is_file():
            with np.load(folder / which.file) as arrays:
                pictures, labels = arrays[which.images], arrays[which.labels]
            order = np.random.default_rng(0).permutation(len(labels))
            rows = np.sort(order[:images])
            return Pictures(pictures[rows]), labels.reshape(len(labels))[rows].astype(np.int64)
    searched = ", ".join(map(str, folders))
    raise SystemExit(f"There is no {which.file} in {searched}. Leave its set out with --sets.")


def encode_set(name: str, pictures: Pictures) -> NDArray[np.float32]:
    started = time.perf_counter()

    def progress(done: int, total: int) -> None:
        speed = done / (time.perf_counter() - started)
        end = "\n" if done == total else ""
        line = f"\r{name}: {done:,} of {total:,} images encoded, {speed:.1f} a second"
        print(line, end=end, file=sys.stderr, flush=True)

    nothing_to_fit = np.zeros(0, dtype=np.int64)
    return encode(
        open_encoder(ENCODER),
        pictures,
        nothing_to_fit,
        seed=0,
        progress=progress,
        should_stop=lambda: False,
    )


def draw(x: NDArray[np.float32], y: Classes, labels: int, seed: int, *, balanced: bool) -> Task:
    """A task with so many labels and a holdout, both drawn by the seed."""
    order = np.random.default_rng((seed, labels)).permutation(len(y))
    # the holdout first: after a balanced draw, what comes first has too many of some classes
    holdout, order = order[:HOLDOUT], order[HOLDOUT:]
    if balanced:
        nth = np.zeros(len(y), dtype=np.int64)  # of its class, in the drawn order
        for each in np.unique(y):
            mine = order[y[order] == each]
            nth[mine] = np.arange(len(mine))
        order = order[np.argsort(nth[order], kind="stable")]
    labelled, pool = order[:labels], order[labels:]
    known = np.full(len(y), -1, dtype=np.int64)
    source = np.full(len(y), Source.NONE, dtype=np.uint8)
    for rows in (labelled, holdout):
        known[rows], source[rows] = y[rows], Source.EXPERT
    classes = int(y.max()) + 1
    return Task(
        num_classes=classes,
        labels=known,
        source=source,
        forbidden=np.zeros((len(y), classes), dtype=bool),
        labelled=labelled,
        pool=pool,
        validation=holdout,
        features=TaskFeatures(x),
    )


def by_method(name: str, task: Task, **options: Any) -> Classes:
    """The answers of a method of the program for the pool."""
    method = method_class(name)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(gear=Gear.FEATURES, device=torch.device("cpu"), seed=0, folder=Path(folder))
        fitted = method(method.Config(**options)).fit(task, run)
        return fitted.logits(features_of(task), task.pool).argmax(dim=1).numpy()


def nearest_neighbours(task: Task) -> Classes:
    """By cosine, among at most NEIGHBOURS labels and at most as many as a class has."""
    count = max(1, min(NEIGHBOURS, len(task.labelled) // task.num_classes))
    x, y = features_of(task), task.labels[task.labelled]
    known = KNeighborsClassifier(count, metric="cosine").fit(x.take(task.labelled).numpy(), y)
    return known.predict(x.take(task.pool).numpy())


def perceptron(task: Task) -> Classes:
    """One hidden layer on features standardised like the linear probe's."""
    x, y = features_of(task), task.labels[task.labelled]
    everywhere = x.take(np.concatenate([task.labelled, task.pool])).double()
    standardise = standardisation.fit(everywhere)
    labelled, pool = (standardise(x.take(rows)).numpy() for rows in (task.labelled, task.pool))
    network = MLPClassifier((WIDTH,), alpha=1.0, max_iter=200, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return network.fit(labelled, y).predict(pool)


COLUMNS: dict[str, Answer] = {
    "linear probe": partial(by_method, "supervised"),
    "k-NN": nearest_neighbours,
    "label propagation": partial(by_method, "label-propagation"),
    "MLP": perceptron,
    **{
        f"{algorithm}, {frequencies}": partial(
            by_method, "prototypes", algorithm=algorithm, frequencies=frequencies
        )
        for algorithm in ("transport", "tim")
        for frequencies in ("holdout", "uniform", "free")
    },
}


def measure(x: NDArray[np.float32], y: Classes, options: argparse.Namespace, name: str) -> None:
    """Print a set's table, a row as soon as it is known."""
    print(f"\n{name}, {len(y):,} images, labels drawn {options.draw}, {options.seeds} seeds\n")
    print("| labels |", " | ".join(options.columns), "|")
    print("|---" * (len(options.columns) + 1) + "|")
    taken: dict[str, list[float]] = {column: [] for column in options.columns}
    for labels in options.labels:
        found: dict[str, list[float]] = {column: [] for column in options.columns}
        for seed in range(options.seeds):
            task = draw(x, y, labels, seed, balanced=options.draw == "balanced")
            for column in options.columns:
                started = time.perf_counter()
                right = COLUMNS[column](task) == y[task.pool]
                taken[column].append(time.perf_counter() - started)
                found[column].append(100 * float(right.mean()))
        cells = [f"{statistics.mean(v):.1f} ± {statistics.pstdev(v):.1f}" for v in found.values()]
        print(f"| {labels} |", " | ".join(cells), "|", flush=True)
    seconds = [f"{statistics.mean(values):.1f}" for values in taken.values()]
    print("| seconds |", " | ".join(seconds), "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of .npz files")
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps the features")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--columns", nargs="+", choices=COLUMNS, default=list(COLUMNS))
    parser.add_argument("--images", type=int, default=6000, help="of each set, at most")
    parser.add_argument("--labels", type=int, nargs="+", default=[10, 40, 100, 250])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draw", choices=("balanced", "random"), default="balanced")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name in options.sets:
        x, y = encoded(name, options.data, options.cache, options.images)
        measure(x, y, options, name)


if __name__ == "__main__":
    with freed_memory_kept():  # as a job runs
        main()
