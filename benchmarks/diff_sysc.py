"""Diff-SySC on a mixture of ten Gaussians: how long, how right, and against which baselines?

    python benchmarks/diff_sysc.py [--parts steps fast schedules] [--images 60000] [--seeds 1]

`steps` times training alone at three batch sizes; `fast` runs the fast schedule on the whole set;
`schedules` compares both schedules on at most 6,000 images. Every image is 768 numbers. 250 labels
and a holdout of 200 are drawn at random; accuracy is over the rest.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier

from sslapp.jobs.host_memory import freed_memory_kept
from sslapp.methods.diff_sysc.config import DiffSySCConfig
from sslapp.methods.diff_sysc.denoiser import Examples, Passes, Training
from sslapp.methods.diff_sysc.method import DiffSySC
from sslapp.methods.diff_sysc.retrieval import label_pools
from sslapp.methods.supervised.config import SupervisedConfig
from sslapp.methods.supervised.method import Supervised
from sslapp.training.run import Run
from sslapp.training.task import Task, features_of
from sslapp.vocabulary import Gear, Source

CLASSES, DIMENSION, LABELS, HOLDOUT, SUBSET = 10, 768, 250, 200, 6000
TELLING = 64
"""Features in which the classes differ, the strongest ones."""

SPREAD = 0.78
"""Deviation of the classes' means there, in a feature's deviation within a class. A linear probe
and 10 neighbours are both right about .93 with 250 labels."""


class Features:
    """Rows of an array."""

    views = frozenset({"clean"})
    name = ""
    beside = ()

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape = array, array.shape

    def take(self, indices: np.ndarray, view: str = "clean") -> torch.Tensor:
        return torch.from_numpy(self.array[indices])


def mixture(images: int, seed: int) -> tuple[Task, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, CLASSES, images)
    # like an encoder's: few directions hold most of the variance, and the classes differ in these
    scale = np.arange(1, DIMENSION + 1, dtype=np.float32) ** -0.5
    means = np.zeros((CLASSES, DIMENSION), dtype=np.float32)
    means[:, :TELLING] = SPREAD * random.normal(size=(CLASSES, TELLING))
    features = random.normal(size=(images, DIMENSION)).astype(np.float32)
    features = (features + means[truth]) * scale
    order = random.permutation(images)
    labelled, holdout, pool = np.split(order, [LABELS, LABELS + HOLDOUT])
    labels = np.full(images, -1, dtype=np.int64)
    source = np.zeros(images, dtype=np.uint8)
    for rows in (labelled, holdout):
        labels[rows] = truth[rows]
        source[rows] = Source.EXPERT
    task = Task(
        num_classes=CLASSES,
        labels=labels,
        source=source,
        forbidden=np.zeros((images, CLASSES), dtype=bool),
        labelled=labelled,
        pool=pool,
        validation=holdout,
        features=Features(features),
    )
    return task, truth


class Bench:
    """What all parts share: where and in what numbers to compute, and the table."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        self.moved: list[int] = []

    def run(self, folder: str, seed: int = 0) -> Run:
        self.moved = []

        def report(step: int, total: int, metrics: Mapping[str, float]) -> None:
            if "moved" in metrics:
                self.moved.append(int(metrics["moved"]))

        return Run(
            gear=Gear.FEATURES,
            device=self.device,
            seed=seed,
            folder=Path(folder),
            dtype=self.dtype,
            report=report,
        )

    def steps(self) -> None:
        random = np.random.default_rng(0)
        labels = random.integers(0, CLASSES, 2048)
        features = torch.from_numpy(random.normal(size=(2048, DIMENSION)).astype(np.float32))
        pools = label_pools(
            random.integers(0, 2048, (2048, 10)), labels, np.zeros((2048, CLASSES), dtype=bool)
        )
        for dtype in dict.fromkeys((torch.float32, self.dtype)):
            for batch in (25, 200, 1024):
                rate = self._rate(
                    Examples(
                        features=features,
                        pools=pools,
                        num_classes=CLASSES,
                        encoder=None,
                        rows=np.arange(2048),
                    ),
                    batch,
                    dtype,
                )
                row(
                    f"training, B = {batch}, {str(dtype).removeprefix('torch.')}",
                    note=f"{rate:,.0f} samples/s",
                )

    def _rate(self, examples: Examples, batch: int, dtype: torch.dtype) -> float:
        training = Training(
            epochs=4,
            passes=4,
            batch=batch,
            learning_rate=1e-3,
            width=512,
            diffusion="cosine",
            dtype=dtype,
            purpose="benchmark",
        )
        with tempfile.TemporaryDirectory() as folder:
            passes = Passes(examples, self.run(folder), training, lambda epoch, metrics: None)
            times = []
            for number in range(4):
                start = time.perf_counter()
                float(passes.one(number))  # waits for the device
                times.append(time.perf_counter() - start)
        return passes.steps * batch / min(times[1:])

    def fit(self, what: str, task: Task, truth: np.ndarray, seed: int, **options: object) -> None:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            fitted = DiffSySC(DiffSySCConfig(**options)).fit(task, self.run(folder, seed))
            seconds = time.perf_counter() - start
            found = fitted.logits(features_of(task), task.pool).argmax(1).numpy()
        right = float((found == truth[task.pool]).mean())
        row(what, seed, right, seconds, f"moved {', '.join(f'{each:,}' for each in self.moved)}")

    def baselines(self, task: Task, truth: np.ndarray, seed: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            probe = Supervised(SupervisedConfig()).fit(task, self.run(folder, seed))
            found = probe.logits(features_of(task), task.pool).argmax(1).numpy()
        row(
            "linear probe",
            seed,
            float((found == truth[task.pool]).mean()),
            time.perf_counter() - start,
        )
        start = time.perf_counter()
        features = features_of(task)
        known, unknown = (features.take(rows).numpy() for rows in (task.labelled, task.pool))
        nearest = KNeighborsClassifier(10, weights="distance").fit(known, truth[task.labelled])
        right = float(nearest.score(unknown, truth[task.pool]))
        row("10 nearest neighbours", seed, right, time.perf_counter() - start)


def row(
    what: str,
    seed: int | str = "",
    right: float | None = None,
    seconds: float | None = None,
    note: str = "",
) -> None:
    accuracy = "" if right is None else f"{right:.4f}"
    took = "" if seconds is None else f"{seconds:.1f}"
    print(f"| {what} | {seed} | {accuracy} | {took} | {note} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = ["steps", "fast", "schedules"]
    parser.add_argument("--parts", nargs="*", default=parts, choices=parts)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float32"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bench = Bench(torch.device(options.device), getattr(torch, options.dtype))
    print(f"torch {torch.__version__}, {options.device}, {options.threads} threads")
    print("| what | seed | accuracy | seconds | |")
    print("|---|---|---|---|---|")
    if "steps" in options.parts:
        bench.steps()
    for seed in range(options.seeds):
        if "fast" in options.parts:
            task, truth = mixture(options.images, seed)
            bench.baselines(task, truth, seed)
            bench.fit(f"fast, {options.images:,} images", task, truth, seed)
        if "schedules" in options.parts:
            images = min(SUBSET, options.images)
            task, truth = mixture(images, seed)
            bench.baselines(task, truth, seed)
            for schedule in ("fast", "paper"):
                bench.fit(f"{schedule}, {images:,} images", task, truth, seed, schedule=schedule)


if __name__ == "__main__":
    with freed_memory_kept():  # as a job runs
        main()
