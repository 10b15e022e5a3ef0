"""A snapshot and the project's arrays, as the task that a method sees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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

    def first(self, count: int) -> "TaskPixels":
        """The first `count` images.

        Raises:
            ValueError: when there are fewer.
        """
        if self.shape[0] < count:
            raise ValueError(f"The pixel store has {self.shape[0]} rows, the snapshot {count}.")
        found = TaskPixels(self._store)
        found.shape = (count, *self.shape[1:])
        return found


@dataclass(frozen=True)
class TaskFeatures:
    """The features of a frozen encoder, memory-mapped.

    Attributes:
        array: (N, D) float32, of the clean images.
        encoded: (N, D) float32 of each encoded view, by its name.
        name: what the encoder is called.
        beside: the features of further encoders for the same images.
    """

    array: NDArray[np.float32]
    encoded: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    name: str = ""
    beside: "Sequence[TaskFeatures]" = ()

    @classmethod
    def read(
        cls,
        path: Path,
        views: Path | None = None,
        names: Sequence[str] = (),
        *,
        name: str = "",
        beside: "Sequence[TaskFeatures]" = (),
    ) -> "TaskFeatures":
        """Map the file of an embedding, and the files NAME.npy of its views in a folder."""
        encoded = {} if views is None else {each: _mapped(views / f"{each}.npy") for each in names}
        return cls(_mapped(path), encoded, name, beside)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        return self.array.shape[0], self.array.shape[1]

    @property
    def views(self) -> frozenset[str]:
        """The names of the encoded views, and "clean"."""
        return frozenset({"clean", *self.encoded})

    def take(self, indices: Indices, view: str = "clean") -> torch.Tensor:
        """Return (n, D) float32.

        Raises:
            ValueError: when `view` was not encoded.
        """
        if view not in self.views:
            known = ", ".join(sorted(self.views))
            raise ValueError(f'There are no encoded views "{view}"; known: {known}.')
        rows = self.array if view == "clean" else self.encoded[view]
        return torch.from_numpy(np.ascontiguousarray(rows[indices]))

    def first(self, count: int) -> "TaskFeatures":
        """The first `count` images, in all views."""
        return TaskFeatures(
            self.array[:count],
            {name: rows[:count] for name, rows in self.encoded.items()},
            self.name,
            [each.first(count) for each in self.beside],
        )


def build_task(
    snapshot: Snapshot,
    *,
    pixels: TaskPixels | None,
    features: TaskFeatures | None,
    groups: NDArray[np.int64] | None,
) -> Task:
    """The task of a snapshot; images imported after it are not in it.

    A label on an image whose group (patient, scene) is in the holdout is not trained on, and
    neither is that no class fits it. Picks
    never ask for one, but a reader may accept or relabel any image, and accuracy would then be
    measured on a patient that the network was taught.
    """
    count = len(snapshot.labels)
    labelled, none = snapshot.labelled, snapshot.none_of_these
    none = none[~(snapshot.holdout | snapshot.is_test)[none]]
    if groups is not None:
        measuring = groups[snapshot.validation]
        labelled = labelled[~np.isin(groups[labelled], measuring)]
        none = none[~np.isin(groups[none], measuring)]
    return Task(
        num_classes=len(snapshot.class_ids),
        labels=snapshot.labels,
        source=snapshot.source,
        forbidden=snapshot.forbidden,
        labelled=labelled,
        pool=snapshot.pool,
        validation=snapshot.validation,
        none_of_these=none,
        groups=None if groups is None else groups[:count],
        pixels=None if pixels is None else pixels.first(count),
        features=None if features is None else features.first(count),
    )


def _mapped(path: Path) -> NDArray[np.float32]:
    return durable.read_array(path).astype(np.float32, copy=False)
