"""Which rows a step sees, as a function of (seed, purpose, step).

A stream is an endless walk over rows: every pass is a new permutation, keyed by its number. So
every row is seen equally often, a batch can be recomputed from its step alone, and the order in
which the rows were handed over does not matter.
"""

from typing import Protocol

import numpy as np
import torch

from sslapp.training.configuration import Sampling
from sslapp.training.run import Run
from sslapp.training.task import Indices, Task
from sslapp.vocabulary import Source


class Walk(Protocol):
    """An endless sequence of rows that can be read at any place."""

    def take(self, start: int, count: int) -> Indices:
        """Return (count,) int64: the rows at places start .. start + count - 1."""


class Stream:
    """Rows in permutation after permutation.

    Args:
        rows: (n,) int64, n > 0.
        run: gives the generators.
        purpose: keys them.
    """

    def __init__(self, rows: Indices, run: Run, purpose: str) -> None:
        self._rows = np.sort(rows)
        self._run = run
        self._purpose = purpose
        self._passes: dict[int, Indices] = {}

    def take(self, start: int, count: int) -> Indices:
        """Return (count,) int64 rows."""
        size = len(self._rows)
        parts = []
        while count > 0:
            number, offset = divmod(start, size)
            part = self._pass(number)[offset : offset + count]
            parts.append(part)
            start, count = start + len(part), count - len(part)
        return np.concatenate(parts) if parts else self._rows[:0]

    def _pass(self, number: int) -> Indices:
        if number not in self._passes:
            generator = self._run.generator(self._purpose, number, device="cpu")
            order = torch.randperm(len(self._rows), generator=generator).numpy()
            # a batch touches at most the passes it straddles; older ones are recomputable
            self._passes = {k: v for k, v in self._passes.items() if k == number - 1}
            self._passes[number] = self._rows[order]
        return self._passes[number]


class BalancedStream:
    """Rows such that all classes that occur are drawn equally often.

    Args:
        rows: (n,) int64, n > 0.
        classes: (n,) int64 class of each row.
        run: gives the generators.
        purpose: keys them.
    """

    def __init__(self, rows: Indices, classes: Indices, run: Run, purpose: str) -> None:
        present = np.unique(classes)
        self._classes = Stream(present, run, f"{purpose}/class")
        self._rows = {
            int(c): Stream(rows[classes == c], run, f"{purpose}/class-{c}") for c in present
        }

    def take(self, start: int, count: int) -> Indices:
        """Return (count,) int64 rows."""
        classes = self._classes.take(start, count)
        # every pass over the classes holds each class once, so pass e takes a class's e-th row
        places = np.arange(start, start + count) // len(self._rows)
        drawn = [
            self._rows[int(c)].take(int(place), 1)[0]
            for c, place in zip(classes, places, strict=True)
        ]
        return np.array(drawn, dtype=np.int64)


class LabelledBatches:
    """Batches of labelled rows in which a reader's own labels keep a fixed share.

    After a few rounds the accepted pseudo-labels can outnumber the labels a reader gave one by
    one a hundred to one. They are the model's own opinion confirmed in bulk: easy images, with
    the errors that slipped through, and drawing in proportion would leave the hard images that a
    reader was asked about practically unseen. So expert and adjudicated rows fill at least
    `expert_share` of every batch; where they are more than that of the labels, nothing changes.

    Args:
        task: gives labels, source and the labelled rows.
        run: gives the generators.
        size: B.
        sampling: "natural" follows the labels' frequencies, "balanced" draws all classes equally.
        expert_share: in [0, 1].
    """

    def __init__(
        self, task: Task, run: Run, *, size: int, sampling: Sampling, expert_share: float
    ) -> None:
        rows = task.labelled
        is_expert = task.source[rows] != Source.ACCEPTED
        share = max(expert_share, float(is_expert.mean()))
        from_experts = round(size * share) if is_expert.any() else 0
        if not is_expert.all():
            from_experts = min(from_experts, size - 1)  # rounding must not silence the others
        self._parts: list[tuple[Walk, int]] = []
        for part, purpose, count in (
            (rows[is_expert], "expert", from_experts),
            (rows[~is_expert], "accepted", size - from_experts),
        ):
            if count and len(part):
                self._parts.append((_walk(part, task, run, purpose, sampling), count))

    def take(self, step: int) -> Indices:
        """Return (B,) int64 rows of step `step`."""
        return np.concatenate([walk.take(step * count, count) for walk, count in self._parts])


def _walk(rows: Indices, task: Task, run: Run, purpose: str, sampling: Sampling) -> Walk:
    if sampling == "balanced":
        return BalancedStream(rows, task.labels[rows], run, f"batches/{purpose}")
    return Stream(rows, run, f"batches/{purpose}")
