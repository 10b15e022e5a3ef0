"""What a strategy may know, and what it answers."""

import zlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sslapp.embedding import pca

Positions = NDArray[np.int64]


def _nothing() -> Positions:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Votes:
    """What the M members of the last round's ensemble say of N images.

    Attributes:
        members: (M,) their names.
        classes: names of the classes that `columns` means.
        divergence: (N,) float32 nats, how far the members differ; 0 where they say nothing.
        columns: (N, M) int16 each member's likeliest class, -1 where it says nothing.
        shares: (N, M) float32 its probability.
    """

    members: tuple[str, ...]
    classes: tuple[str, ...]
    divergence: NDArray[np.float32]
    columns: NDArray[np.int16]
    shares: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A project at one moment, as acquisition sees it. N images, D features, C classes.

    Attributes:
        features: (N, D) float32 embedding; D = 0 when nothing is embedded yet.
        labels: (N,) int64 labels that are trained on, -1 = none; holdout images have -1.
        candidates: (n,) int64 positions that may be picked: the pool.
        num_classes: C.
        probabilities: (N, C) calibrated probabilities of the last round, or None before the
            first. Rows of images that the round did not cover hold 1/C.
        votes: what the last round's members say of the images that are compared, or None where it
            has none or nobody asks.
        likeness: (N, C) float32 of images to the words for each class, or None where nobody asks
            or no words can be read. Rows of images that are not compared hold 0.
        groups: (N,) int64 (patients, scenes), negative = a group of its own; or None.
        holdout: positions drawn into the holdout so far, labelled or not.
        holdout_labels: how many of them are labelled.
        picks_before: picks made so far in the project, of every kind.
        pending: picks that were offered and are not answered yet.
        pending_holdout: those of them that are for the holdout.
        considered: most candidates that a strategy compares with each other, drawn at random
            where there are more; None for all.

    Raises:
        ValueError: naming the field, when shapes do not fit together.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    candidates: Positions
    num_classes: int
    probabilities: NDArray[np.float32] | None = None
    votes: Votes | None = None
    likeness: NDArray[np.float32] | None = None
    groups: NDArray[np.int64] | None = None
    holdout: Positions = field(default_factory=_nothing)
    holdout_labels: int = 0
    picks_before: int = 0
    pending: int = 0
    pending_holdout: int = 0
    considered: int | None = None

    def __post_init__(self) -> None:
        """Check shapes and ranges."""
        count = len(self.labels)
        shapes: dict[str, tuple[int, ...]] = {"features": (count, self.features.shape[-1])}
        if self.probabilities is not None:
            shapes["probabilities"] = (count, self.num_classes)
        if self.likeness is not None:
            shapes["likeness"] = (count, self.num_classes)
        if self.groups is not None:
            shapes["groups"] = (count,)
        if self.votes is not None and len(self.votes.divergence) != count:
            raise ValueError(f"votes: expected {count} images, got {len(self.votes.divergence)}.")
        for name, shape in shapes.items():
            got = getattr(self, name).shape
            if got != shape:
                raise ValueError(f"{name}: expected shape {shape}, got {got}.")
        for name in ("candidates", "holdout"):
            rows = getattr(self, name)
            if len(rows) and (rows.min() < 0 or rows.max() >= count):
                raise ValueError(f"{name}: a position outside 0..{count - 1}.")
        if (self.labels[self.candidates] >= 0).any():
            raise ValueError("candidates: an image that is already labelled; give the pool alone.")
        if (self.labels[self.holdout] >= 0).any():
            raise ValueError("labels: a holdout image carries a label; set it to -1.")

    @property
    def labelled(self) -> Positions:
        """(n,) positions with a label that is trained on, ascending."""
        return np.flatnonzero(self.labels >= 0).astype(np.int64)

    @property
    def trainable(self) -> Positions:
        """Candidates that may get a label to train on, ascending: no group of the holdout."""
        return self._apart_from(self.holdout)

    @property
    def drawable(self) -> Positions:
        """Candidates that may enter the holdout, ascending: no group that is trained on."""
        return self._without(self._apart_from(self.labelled), self.holdout)

    @property
    def readable(self) -> int:
        """How many images there are for readers: candidates, what is offered, what is labelled and
        the holdout.
        """
        apart = self._without(self.candidates, self.holdout)
        offered = self.pending - self.pending_holdout
        return len(apart) + offered + len(self.labelled) + len(self.holdout)

    def compared(self, seed: int) -> Positions:
        """Trainable candidates that a strategy compares, ascending: `considered` at most."""
        rows = self.trainable
        if self.considered is None:
            return rows
        return pca.sample_rows(rows, seed + self.picks_before, self.considered)

    def generator(self, seed: int, purpose: str) -> np.random.Generator:
        """A generator keyed (seed, purpose, picks_before), so no state is kept between calls."""
        return np.random.default_rng([seed, zlib.crc32(purpose.encode()), self.picks_before])

    def _apart_from(self, taken: Positions) -> Positions:
        rows = self._without(self.candidates, taken)
        if self.groups is None or len(taken) == 0:
            return rows
        groups = self.groups[rows]
        return rows[(groups < 0) | ~np.isin(groups, self.groups[taken])]

    def _without(self, rows: Positions, taken: Positions) -> Positions:
        """The rows that are not taken, ascending; a mask: sorting a million takes a second."""
        left = np.zeros(len(self.labels), dtype=np.bool_)
        left[rows] = True
        left[taken] = False
        return np.flatnonzero(left).astype(np.int64, copy=False)


@dataclass(frozen=True)
class Pick:
    """One image to label next.

    Attributes:
        position: the image.
        strategy: the strategy that chose it.
        reason: one sentence for the reader.
        holdout: the image enters the holdout; its reader sees no prediction.
        score: what the strategy ranked by; higher is more wanted, within one strategy.
    """

    position: int
    strategy: str
    reason: str
    holdout: bool
    score: float
