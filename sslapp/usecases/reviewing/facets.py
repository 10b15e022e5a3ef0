"""What the images of a board differ by, and which of them a reader wants to see: colour and filter.

A facet gives every image a small code and every code a name. The map colours by the codes, its
legend filters by the names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sslapp.store.database import reading
from sslapp.store.images import splits
from sslapp.store.labels import Givers, givers
from sslapp.usecases.access import Access, require
from sslapp.usecases.images.metadata import groups_in
from sslapp.usecases.reviewing.board import Board, flipped, previous_columns
from sslapp.vocabulary import Source

DAYS = 12
"""Newest days on which labels were given that have a code each; one more holds all before."""

BINS = 24
"""Steps of confidence; finer ones cannot be told apart."""

_OF_METADATA = "metadata:"


class Facet(StrEnum):
    """What images are coloured and filtered by."""

    CLASS = "class"
    CONFIDENCE = "confidence"
    SOURCE = "source"
    CORRECT = "correct"
    CHANGE = "change"
    MEASURED = "measured"
    READER = "reader"
    TIME = "time"


@dataclass(frozen=True)
class MetadataFacet:
    """A column of metadata as what images are coloured and filtered by."""

    column: str

    @property
    def value(self) -> str:
        """Its name among all facets."""
        return f"{_OF_METADATA}{self.column}"


AnyFacet = Facet | MetadataFacet


def facet_named(value: str) -> AnyFacet:
    """The facet whose `value` this is."""
    if value.startswith(_OF_METADATA):
        return MetadataFacet(value.removeprefix(_OF_METADATA))
    return Facet(value)


@dataclass(frozen=True, eq=False)
class Coded:
    """A facet of N images.

    Attributes:
        codes: (N,) int16; 0: there is nothing to say about the image.
        names: what each code means, that of 0 first.
        ends: what the first and the last code after 0 mean, if the codes are a scale: their names
            are empty, and nobody filters by them.
        ordered: whether the codes after 0 rise with a number.
    """

    codes: NDArray[np.int16]
    names: tuple[str, ...]
    ends: tuple[str, str] | None = None
    ordered: bool = False

    def within(self, only: Sequence[str]) -> NDArray[np.bool_]:
        """(N,) bool: the images whose code has one of these names."""
        wanted = [code for code, name in enumerate(self.names) if name and name in only]
        return np.isin(self.codes, wanted)

    def counts(self) -> NDArray[np.int64]:
        """How many images each code has."""
        return np.bincount(self.codes, minlength=len(self.names))


def coded(access: Access, project_id: int, board: Board, facet: AnyFacet) -> Coded:
    """A facet of a board's images, with what is read for it alone."""
    if isinstance(facet, MetadataFacet):
        with reading(access.engine) as conn:
            require(conn, access, project_id)
            groups = groups_in(conn, project_id, facet.column, len(board))
        return Coded(groups.codes, groups.names, ordered=groups.ordered)
    if facet is Facet.CHANGE:
        return of_change(board, previous_columns(access, project_id, board))
    if facet not in (Facet.MEASURED, Facet.READER, Facet.TIME):
        return of_board(board, facet)
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        if facet is Facet.MEASURED:
            return of_measured(board, splits(conn, project_id)[: len(board)])
        given = givers(conn, project_id, len(board))
    return of_reader(given) if facet is Facet.READER else of_time(given)


def of_board(board: Board, facet: Facet) -> Coded:
    """A facet that the board itself holds: class, confidence, source or correctness."""
    match facet:
        case Facet.CONFIDENCE:
            return _of_confidence(board)
        case Facet.SOURCE:
            names = [each.name.lower() for each in Source if each is not Source.NONE]
            return Coded(board.source.astype(np.int16), ("no label", *names))
        case Facet.CORRECT:
            return _of_correctness(board)
        case _:
            return _of_class(board)


def _of_class(board: Board) -> Coded:
    """Experts' labels as they are, everything else as predicted; all labels without a round."""
    bare = board.round_number is None
    codes = board.predicted + np.int16(1)
    said = (board.expert | bare) & (board.labels >= 0)
    codes[said] = board.labels[said] + np.int16(1)
    return Coded(
        codes, ("no label" if bare else "no prediction", *(each.name for each in board.classes))
    )


def _of_confidence(board: Board) -> Coded:
    # one class among C is never less probable than 1/C
    least = 1 / max(board.known, 1)
    share = (board.confidence - np.float32(least)) * np.float32(BINS / max(1 - least, 1e-6))
    codes = np.clip(share, 0, BINS - 1).astype(np.int16) + np.int16(1)
    codes[board.predicted < 0] = 0
    ends = (f"{100 * least:.0f} %", "100 %")
    return Coded(codes, ("no prediction", *[""] * BINS), ends)


def _of_correctness(board: Board) -> Coded:
    """What experts said against what the round predicts; of most of them it was taught."""
    known = board.expert & (board.labels >= 0) & (board.predicted >= 0)
    codes = np.zeros(len(board), dtype=np.int16)
    codes[known] = np.where(board.labels[known] == board.predicted[known], 1, 2)
    return Coded(codes, ("not known", "as experts say", "otherwise than experts say"))


def of_change(board: Board, before: NDArray[np.int16] | None) -> Coded:
    """Whether the round before predicted another class.

    Args:
        before: (N,) its columns; None when there was none.
    """
    codes = np.zeros(len(board), dtype=np.int16)
    if before is not None:
        codes[(board.predicted >= 0) & (before >= 0)] = 1
        codes[flipped(board, before)] = 2
    return Coded(codes, ("not in both rounds", "same class", "another class"))


def of_measured(board: Board, test: NDArray[np.bool_]) -> Coded:
    """Which images were drawn to measure: holdout and test split."""
    codes = board.blind.astype(np.int16)
    codes[: len(test)][test] = 2
    return Coded(codes, ("not drawn to measure", "holdout", "test split"))


def of_reader(given: Givers) -> Coded:
    """Who gave an image its current label."""
    return Coded(given.readers, ("no label", *given.names))


def of_time(given: Givers) -> Coded:
    """On which day (UTC) an image got its current label."""
    labelled = ~np.isnat(given.days)
    days = np.unique(given.days[labelled])
    shown = days[-DAYS:]
    codes = np.zeros(len(given.days), dtype=np.int16)
    earlier = len(days) > len(shown)
    # 0 before the first day that is shown, where the earlier ones belong
    place = np.searchsorted(shown, given.days[labelled], side="right")
    codes[labelled] = place + (1 if earlier else 0)
    names = [str(day) for day in shown]
    return Coded(codes, ("no label", *([f"before {names[0]}"] if earlier else []), *names))
