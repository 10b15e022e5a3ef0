"""The loop that a simulated reader plays: label, train, review, accept, again.

In every round the reader labels what acquisition asks for, trains, and accepts in bulk what is
above a threshold; before the last round that is nothing unless asked for, because an accepted
mistake would be trained on. After the last one the reader first judges the most doubtful
candidates one by one.

Thresholds and selections depend on predictions and on past answers alone; the truth reaches the
loop only through `SimulatedReader`, an image at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sslapp.simulation.reader import SimulatedReader


@dataclass(frozen=True)
class Proposed:
    """Candidates of a round, most doubtful first: positions, class columns, confidences."""

    positions: NDArray[np.int64]
    columns: NDArray[np.int64]
    confidence: NDArray[np.float32]


class Desk(Protocol):
    """What the loop may do to a project."""

    def next_images(self, count: int) -> list[int]:
        """Positions that acquisition asks for."""

    def label(self, position: int, column: int) -> None:
        """Give an image a class."""

    def train(self) -> None:
        """Run a round and wait for it."""

    def propose(self, threshold: float) -> Proposed:
        """The newest round's candidates."""

    def accept(self, position: int) -> None:
        """Accept the proposed class of one image."""

    def relabel(self, position: int, column: int) -> None:
        """Give an image another class than the proposed one."""

    def accept_in_bulk(self, positions: NDArray[np.int64]) -> None:
        """Accept the proposed classes of many images as one decision."""

    def open_audit(self, precision: float) -> None:
        """Open an audit of all labels that were not given singly and blind."""

    def next_look(self) -> int | None:
        """The image that the audit asks about next; None once none is left."""

    def answer(self, position: int, column: int) -> None:
        """Answer the audit about an image."""

    def is_certified(self, precision: float) -> bool:
        """Whether at least that share of all labels is proven right."""


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """How the loop is played.

    Attributes:
        rounds: how many rounds.
        labels: labels before each round, holdout labels among them.
        reviews: most doubtful candidates judged one by one after the last round.
        accept_above: least calibrated confidence of a bulk acceptance before the last round;
            above 1 nothing is accepted then.
        accept_at_last: the same after the last round; 0 labels everything.
        certify: share of all labels to prove right by an audit in the end; None for no audit.
            The most doubtful candidates are named blind then, so that they need no proof.
    """

    rounds: int
    labels: int
    reviews: int
    accept_above: float
    accept_at_last: float
    certify: float | None = None


@dataclass(frozen=True)
class Played:
    """What happened in one round.

    Attributes:
        labels: labels given before it.
        candidates: how many it proposed.
        accepted: positions accepted in bulk.
    """

    round: int
    labels: int
    candidates: int
    accepted: NDArray[np.int64]


def play(desk: Desk, reader: SimulatedReader, settings: LoopSettings) -> Iterator[Played]:
    """Play the loop and yield after each round."""
    for number in range(1, settings.rounds + 1):
        asked = desk.next_images(settings.labels)
        for position in asked:
            desk.label(position, reader.name_class(position))
        desk.train()
        last = number == settings.rounds
        if last:
            _review(desk, reader, settings.reviews, blind=settings.certify is not None)
        proposed = desk.propose(settings.accept_at_last if last else settings.accept_above)
        if len(proposed.positions):
            reader.decide_in_bulk()
            desk.accept_in_bulk(proposed.positions)
        if last and settings.certify is not None:
            _audit(desk, reader, settings.certify)
        yield Played(number, len(asked), len(proposed.positions), proposed.positions)


def _audit(desk: Desk, reader: SimulatedReader, precision: float) -> None:
    """Answer an audit of all labels until enough of them are proven right."""
    desk.open_audit(precision)
    while not desk.is_certified(precision):
        position = desk.next_look()
        if position is None:
            return
        desk.answer(position, reader.name_class(position))


def _review(desk: Desk, reader: SimulatedReader, count: int, *, blind: bool) -> None:
    """Judge the most doubtful candidates one by one, or name them without sight of a class."""
    proposed = desk.propose(0.0)
    for position, column in zip(
        proposed.positions[:count].tolist(), proposed.columns[:count].tolist(), strict=True
    ):
        if blind:
            desk.label(position, reader.name_class(position))
            continue
        answer = reader.judge(position, column)
        if answer == column:
            desk.accept(position)
        else:
            desk.relabel(position, answer)
