"""All that a method may know: one frozen task, checked once at the door."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from sslapp.vocabulary import Source

Indices = NDArray[np.int64]


class Pixels(Protocol):
    """Images of one size; nothing promises that they fit into memory."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, S, S)."""

    def take(self, indices: Indices) -> torch.Tensor:
        """Return (n, C, S, S) uint8 for the rows in `indices`."""


class Features(Protocol):
    """A frozen encoder's output: clean images, and perhaps a few encoded views."""

    @property
    def name(self) -> str:
        """What the encoder is called."""

    @property
    def beside(self) -> "Sequence[Features]":
        """The outputs of further encoders for the same images."""

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""

    @property
    def views(self) -> frozenset[str]:
        """The views that `take` knows; "clean" is always among them."""

    def take(self, indices: Indices, view: str = "clean") -> torch.Tensor:
        """Return (n, D) float32 for the rows in `indices`."""


PARTS = ("labelled", "pool", "validation", "none_of_these")
"""The parts of a task's rows, which share none."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One snapshot as a method sees it. N images, C classes.

    Rows in none of `labelled`, `pool`, `validation` and `none_of_these` are never read.

    Attributes:
        num_classes: C.
        labels: (N,) int64, class or -1; read only on `labelled` and `validation`.
        source: (N,) uint8 codes of vocabulary.Source.
        forbidden: (N, C) bool; True where a reader said "not this class".
        labelled, pool, validation: disjoint (n,) int64 rows.
        none_of_these: (m,) int64 rows in none of those: readers said that no class fits them.
        groups: (N,) int64 (patients, scenes), or None.
        pixels: images, or None in the features gear of a set without them.
        features: features, or None when nothing is encoded.

    Raises:
        ValueError: naming the field, when shapes, types or the partition are wrong.
    """

    num_classes: int
    labels: NDArray[np.int64]
    source: NDArray[np.uint8]
    forbidden: NDArray[np.bool_]
    labelled: Indices
    pool: Indices
    validation: Indices
    none_of_these: Indices = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    groups: NDArray[np.int64] | None = None
    pixels: Pixels | None = None
    features: Features | None = None

    def __post_init__(self) -> None:
        """Check shapes, types, ranges and the partition."""
        count, classes = len(self.labels), self.num_classes
        if classes < 2:
            raise ValueError(f"num_classes: a task needs at least 2 classes, got {classes}.")
        _check("labels", self.labels, np.int64, (count,))
        _check("source", self.source, np.uint8, (count,))
        _check("forbidden", self.forbidden, np.bool_, (count, classes))
        if self.groups is not None:
            _check("groups", self.groups, np.int64, (count,))
        for name, data in (("pixels", self.pixels), ("features", self.features)):
            if data is not None and data.shape[0] != count:
                raise ValueError(f"{name}: {data.shape[0]} rows, but there are {count} labels.")
        seen = np.zeros(count, dtype=bool)
        for name in PARTS:
            rows = getattr(self, name)
            _check(name, rows, np.int64, (len(rows),))
            if len(rows) and (rows.min() < 0 or rows.max() >= count):
                raise ValueError(f"{name}: a row outside 0..{count - 1}.")
            if seen[rows].any() or len(np.unique(rows)) != len(rows):
                raise ValueError(f"{name}: a row occurs twice in {', '.join(PARTS)}.")
            seen[rows] = True
        for name in ("labelled", "validation"):
            values = self.labels[getattr(self, name)]
            if len(values) and (values.min() < 0 or values.max() >= classes):
                raise ValueError(f"{name}: a row whose label is not a class 0..{classes - 1}.")
        if (self.source[self.labelled] == Source.NONE).any():
            raise ValueError("source: a labelled row has no source.")


def check_trainable(task: Task) -> None:
    """Refuse a task that no method can learn from.

    Raises:
        ValueError: when nothing is labelled, or a pool image has every class forbidden.
    """
    if not len(task.labelled):
        raise ValueError("labelled: no image has a label; label some images of every class first.")
    without = task.pool[task.forbidden[task.pool].all(axis=1)]
    if len(without):
        raise ValueError(
            f"forbidden: row {without[0]} of the pool has no class left; take images that are none "
            "of the classes out of the pool."
        )


def pixels_of(task: Task) -> Pixels:
    """The task's images.

    Raises:
        ValueError: when it has none.
    """
    if task.pixels is None:
        raise ValueError("pixels: this method trains on images; run it on a set that has them.")
    return task.pixels


def features_of(task: Task) -> Features:
    """The task's features.

    Raises:
        ValueError: when it has none.
    """
    if task.features is None:
        raise ValueError("features: this method needs features; embed the images first.")
    return task.features


def _check(name: str, array: np.ndarray, dtype: type, shape: tuple[int, ...]) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(
            f"{name}: expected {np.dtype(dtype)} {shape}, got {array.dtype} {array.shape}."
        )
