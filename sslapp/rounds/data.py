"""A snapshot and the project's arrays, as the task that a method sees."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sslapp import durable
from sslapp.imaging.pixels import PixelStore
from sslapp.store.snapshots import Snapshot
from sslapp.training.task import Indices, Task


class TaskPixels:
    """A pixel store with the channel order that networks read."""

    def __init__(self, store: PixelStore) -> None:
        self._store = store
        count, side, _, channels = store.shape
        self.shape = (count, channels, side, side)

    def take(self, indices: Indices) -> torch.Tensor:
        """Return (n, C, S, S) uint8."""
        return torch.from_numpy(self._store.take(indices)).permute(0, 3, 1, 2).contiguous()


@dataclass(frozen=True)
class TaskFeatures:
    """The clean features of a frozen encoder, memory-mapped. array: (N, D) float32."""

    array: NDArray[np.float32]

    @classmethod
    def read(cls, path: Path) -> "TaskFeatures":
        """Map the file of an embedding."""
        return cls(durable.read_array(path).astype(np.float32, copy=False))

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        return self.array.shape[0], self.array.shape[1]

    @property
    def views(self) -> frozenset[str]:
        """Only clean images are encoded here."""
        return frozenset({"clean"})

    def take(self, indices: Indices, view: str = "clean") -> torch.Tensor:
        """Return (n, D) float32.

        Raises:
            ValueError: when `view` was not encoded.
        """
        if view not in self.views:
            raise ValueError(f'There are no encoded views "{view}"; known: clean.')
        return torch.from_numpy(np.ascontiguousarray(self.array[indices]))


def build_task(
    snapshot: Snapshot,
    *,
    pixels: TaskPixels | None,
    features: TaskFeatures | None,
    groups: NDArray[np.int64] | None,
) -> Task:
    """The task of a snapshot; images imported after it are not in it."""
    count = len(snapshot.labels)
    return Task(
        num_classes=len(snapshot.class_ids),
        labels=snapshot.labels,
        source=snapshot.source,
        forbidden=snapshot.forbidden,
        labelled=snapshot.labelled,
        pool=snapshot.pool,
        validation=snapshot.validation,
        groups=None if groups is None else groups[:count],
        pixels=None if pixels is None else _first(pixels, count),
        features=None if features is None else TaskFeatures(features.array[:count]),
    )


def _first(pixels: TaskPixels, count: int) -> TaskPixels:
    if pixels.shape[0] < count:
        raise ValueError(f"The pixel store has {pixels.shape[0]} rows, the snapshot {count}.")
    pixels.shape = (count, *pixels.shape[1:])
    return pixels
