"""What methods.py trains on: an image set imported, encoded and labelled once, kept in a folder.

A set goes through the program's own import, encoder and acquisition, so that a benchmark's task is
what a reader's round would see; only the database is left out.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sslapp import durable
from sslapp.acquisition import holdout
from sslapp.acquisition.registry import pick
from sslapp.acquisition.state import Situation
from sslapp.datasets.ingest import ingest
from sslapp.datasets.registry import NAMES, open_source
from sslapp.datasets.source import ImageSource, Item, Refusal
from sslapp.embedding.encoder import encode
from sslapp.embedding.encoders import ENCODERS, open_encoder
from sslapp.imaging.pixels import PixelStore
from sslapp.rounds.data import TaskFeatures, TaskPixels, build_task
from sslapp.store.snapshots import Snapshot
from sslapp.training.task import Task
from sslapp.vocabulary import Source, Split

Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """One set and how much of it is used.

    Attributes:
        name: of the source: a named set, or NAME.npz or the folder NAME in the data folder.
        labels: how many a reader gives.
        picks: "auto" is the program's acquisition, which spends some of the labels on the holdout;
            "balanced" is the published protocol, equally many of each class, all trained on, and
            the holdout that so many labels would have brought beside them.
        size: side of the images after import.
        encoder: of the features gear; "pixels" takes its place where it is not installed.
        pool, test: at most so many images, by a permutation with seed 0; a source without a test
            split gives up some of its images for one.
    """

    name: str
    labels: int
    size: int
    encoder: str
    pool: int
    test: int
    picks: Literal["auto", "balanced"] = "auto"

    @property
    def installed_encoder(self) -> str:
        """The encoder that is used on this machine."""
        return self.encoder if ENCODERS[self.encoder].installed else "pixels"


@dataclass(frozen=True)
class Imported:
    """A set in its folder.

    Attributes:
        plan: what was asked for.
        pixels, features: files.
        truth: (N,) int64 true classes.
        is_test: (N,) bool.
        drawn_from: pool and test images of the source.
        folder: where everything lies.
    """

    plan: ImageSet
    pixels: Path
    features: Path
    truth: NDArray[np.int64]
    is_test: NDArray[np.bool_]
    drawn_from: tuple[int, int]
    folder: Path

    @property
    def num_classes(self) -> int:
        """C."""
        return int(self.truth.max()) + 1

    def task(self, seed: int) -> Task:
        """The task of a reader who gave the labels of this seed.

        True classes of images that nobody labelled are not in it.
        """
        trained, held = self._picks(seed)
        given = np.concatenate([trained, held])
        labels = np.full(len(self.truth), -1, dtype=np.int64)
        labels[given] = self.truth[given]
        source = np.full(len(labels), Source.NONE, dtype=np.uint8)
        source[given] = Source.EXPERT
        held_out = np.zeros(len(labels), dtype=np.bool_)
        held_out[held] = True
        snapshot = Snapshot(
            event_number=0,
            class_ids=np.arange(self.num_classes),
            labels=labels,
            source=source,
            forbidden=np.zeros((len(labels), self.num_classes), dtype=np.bool_),
            holdout=held_out,
            is_test=self.is_test,
            hash="",
        )
        pixels = TaskPixels(PixelStore([self.pixels]))
        features = TaskFeatures.read(self.features)
        return build_task(snapshot, pixels=pixels, features=features, groups=None)

    def _picks(self, seed: int) -> tuple[Rows, Rows]:
        """Rows to train on and holdout rows: kept, so that every method gets the same."""
        kept = self.folder / f"picks-{self.plan.picks}-{self.plan.labels}-{seed}.npy"
        if not kept.exists():
            durable.write_array(kept, np.array(self._pick(seed), dtype=np.int64))
        rows, held = np.array(durable.read_array(kept), dtype=np.int64).T
        return rows[held == 0], rows[held == 1]

    def _pick(self, seed: int) -> list[tuple[int, bool]]:
        pool = np.flatnonzero(~self.is_test)
        situation = Situation(
            features=np.array(durable.read_array(self.features), dtype=np.float32),
            labels=np.full(len(self.truth), -1, dtype=np.int64),
            candidates=pool,
            num_classes=self.num_classes,
        )
        if self.plan.picks == "auto":
            picks = pick("auto", situation, self.plan.labels, seed)
            return [(each.position, each.holdout) for each in picks]
        rng = np.random.default_rng([seed, self.plan.labels])
        share = self.plan.labels // self.num_classes
        of_class = [pool[self.truth[pool] == c] for c in range(self.num_classes)]
        trained = np.concatenate([rng.choice(rows, share, replace=False) for rows in of_class])
        beside = sum(holdout.slots(situation, self.plan.labels))
        held = rng.choice(np.setdiff1d(pool, trained), beside, replace=False)
        return [(int(row), False) for row in trained] + [(int(row), True) for row in held]


def load(plan: ImageSet, data: Path, cache: Path, say: Callable[[str], None]) -> Imported:
    """Import and encode a set, or find it where an earlier call has put it.

    Raises:
        ValueError: when it is not in the data folder, or has images without a class.
    """
    folder = cache / f"{plan.name}-{plan.pool}-{plan.test}-{plan.size}"
    pixels, table, counts = (folder / f"{name}.npy" for name in ("pixels", "table", "counts"))
    if not table.exists():
        say(f"{plan.name}: importing")
        chosen = _Chosen(_open(plan.name, data), plan.pool, plan.test)
        ingest(chosen, folder, size=plan.size)
        durable.write_array(counts, np.array(chosen.counts))
        durable.write_array(table, np.stack([chosen.classes, chosen.is_test]))  # says "complete"
    truth, is_test = np.array(durable.read_array(table), dtype=np.int64)
    features = _features(folder, plan, plan.installed_encoder, is_test == 0, say)
    of_pool, of_test = np.array(durable.read_array(counts)).tolist()
    return Imported(plan, pixels, features, truth, is_test == 1, (of_pool, of_test), folder)


def encoded(found: Imported, encoder: str, say: Callable[[str], None]) -> Path:
    """The features of another encoder for the same images, made once."""
    return _features(found.folder, found.plan, encoder, ~found.is_test, say)


class _Chosen:
    """A source of which only some images are read, in their order."""

    def __init__(self, source: ImageSource, pool: int, test: int) -> None:
        self._source = source
        self.name, self.class_names, self.refused = source.name, source.class_names, source.refused
        readable = (each for each in source.items() if isinstance(each, Item))
        entries = [(each.true_class, each.split) for each in readable]
        if len(entries) < len(source) or any(true_class is None for true_class, _ in entries):
            raise ValueError(f"{source.name}: a benchmark needs a class for every image.")
        tested = np.array([split == Split.TEST for _, split in entries])
        order = np.random.default_rng(0).permutation(len(entries))
        if not tested.any():
            tested[order[:test]] = True
        parts = [order[~tested[order]], order[tested[order]]]
        self.counts = [len(part) for part in parts]
        self._rows = np.sort(np.concatenate([parts[0][:pool], parts[1][:test]]))
        self.classes = np.array([entries[row][0] for row in self._rows], dtype=np.int64)
        self.is_test = tested[self._rows].astype(np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def items(self, start: int = 0) -> Iterator[Item | Refusal]:
        wanted = set(self._rows[start:].tolist())
        for row, each in enumerate(self._source.items()):
            if row in wanted:
                yield each


def _open(name: str, data: Path) -> ImageSource:
    if name in NAMES:
        return open_source(name, root=data)
    file, folder = data / f"{name}.npz", data / name
    if not file.is_file() and not folder.is_dir():
        raise ValueError(
            f"{name}: neither {file} (MedMNIST layout) nor the folder {folder} (a sub-folder a "
            "class) is there."
        )
    return open_source(str(file if file.is_file() else folder))


def _features(
    folder: Path, plan: ImageSet, name: str, fit_on: NDArray[np.bool_], say: Callable[[str], None]
) -> Path:
    path = folder / f"features-{name}.npy"
    if not path.exists():
        durable.write_array(path, _encode(plan, name, folder / "pixels.npy", fit_on, say))
    return path


def _encode(
    plan: ImageSet,
    name: str,
    pixels: Path,
    fit_on: NDArray[np.bool_],
    say: Callable[[str], None],
) -> NDArray[np.float32]:
    spoken = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal spoken
        if time.monotonic() - spoken > 20:
            spoken = time.monotonic()
            say(f"{plan.name}: {done} of {total} encoded by {name}")

    return encode(
        open_encoder(name),
        PixelStore([pixels]),
        np.flatnonzero(fit_on),
        seed=0,
        progress=progress,
        should_stop=lambda: False,
    )
