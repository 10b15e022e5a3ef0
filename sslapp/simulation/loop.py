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

from sslapp.review.audits.forecast import Weighed
from sslapp.simulation.reader import SimulatedReader

RATIO = 4.0
"""Looks of a proof for each label, from which on more labels are likely to make it cheaper."""


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

    def weigh(self, precision: float) -> Weighed:
        """What proving all proposals takes now, and which of them are better named first."""

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
        most_rounds: with `certify`, further rounds up to so many while the proof is expected to
            cost more than `RATIO` times the labels given so far, each with as many labels again.
        labels: labels before each round, holdout labels among them.
        reviews: most doubtful candidates judged one by one after the last round; None: as many
            as make the proof cheaper.
        accept_above: least calibrated confidence of a bulk acceptance before the last round;
            above 1 nothing is accepted then.
        accept_at_last: the same after the last round; 0 labels everything.
        certify: share of all labels to prove right by an audit in the end; None for no audit.
            The most doubtful candidates are named blind then, so that they need no proof.
    """

    rounds: int
    labels: int
    reviews: int | None
    accept_above: float
    accept_at_last: float
    certify: float | None = None
    most_rounds: int = 0


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
    given = 0
    for number in range(1, max(settings.rounds, settings.most_rounds) + 1):
        asked = desk.next_images(settings.labels if number <= settings.rounds else given)
        for position in asked:
            desk.label(position, reader.name_class(position))
        given += len(asked)
        desk.train()
        if number >= settings.rounds and (
            number >= settings.most_rounds or not _costs_too_much(desk, settings, given)
        ):
            accepted = finish(desk, reader, settings)
            yield Played(number, len(asked), *accepted)
            return
        yield Played(number, len(asked), *_accept_in_bulk(desk, reader, settings.accept_above))


def _costs_too_much(desk: Desk, settings: LoopSettings, given: int) -> bool:
    """Whether the proof is expected to cost so much that another round is the better use."""
    if settings.certify is None:
        return False
    weighed = desk.weigh(settings.certify)
    return weighed.named + weighed.after > RATIO * given


def finish(
    desk: Desk, reader: SimulatedReader, settings: LoopSettings
) -> tuple[int, NDArray[np.int64]]:
    """Play what comes after the last round was trained; how many candidates, and the accepted."""
    if settings.certify is None:
        _judge(desk, reader, settings.reviews or 0)
    else:
        wanted = settings.reviews
        _name(desk, reader, desk.weigh(settings.certify).named if wanted is None else wanted)
    accepted = _accept_in_bulk(desk, reader, settings.accept_at_last)
    if settings.certify is not None:
        _audit(desk, reader, settings.certify)
    return accepted


def _accept_in_bulk(
    desk: Desk, reader: SimulatedReader, threshold: float
) -> tuple[int, NDArray[np.int64]]:
    """How many candidates there are, and their positions, which are accepted; above 1 there are
    none."""
    if threshold > 1:
        return 0, np.zeros(0, dtype=np.int64)
    proposed = desk.propose(threshold)
    if len(proposed.positions):
        reader.decide_in_bulk()
        desk.accept_in_bulk(proposed.positions)
    return len(proposed.positions), proposed.positions


def _audit(desk: Desk, reader: SimulatedReader, precision: float) -> None:
    """Answer an audit of all labels until enough of them are proven right."""
    desk.open_audit(precision)
    while not desk.is_certified(precision):
        position = desk.next_look()
        if position is None:
            return
        desk.answer(position, reader.name_class(position))


def _judge(desk: Desk, reader: SimulatedReader, count: int) -> None:
    """Judge the most doubtful candidates one by one."""
    proposed = desk.propose(0.0)
    for position, column in zip(
        proposed.positions[:count].tolist(), proposed.columns[:count].tolist(), strict=True
    ):
        answer = reader.judge(position, column)
        if answer == column:
            desk.accept(position)
        else:
            desk.relabel(position, answer)


def _name(desk: Desk, reader: SimulatedReader, count: int) -> None:
    """Name the most doubtful candidates without sight of a class."""
    for position in desk.propose(0.0).positions[:count].tolist():
        desk.label(position, reader.name_class(position))
