"""Two rounds on maps side by side, with the same images on both.

What is drawn to measure is on neither: on the map of a round's own model its place would tell what
the round takes it for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslapp.review.selection import inside
from sslapp.store import rounds
from sslapp.store.database import reading
from sslapp.store.embeddings import neighbourhood
from sslapp.store.log import events
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, require
from sslapp.usecases.comparing.comparison import Comparison
from sslapp.usecases.training.round_maps import coordinates
from sslapp.vocabulary import Space

POINTS = 8_000
"""Images on each of two maps: two charts of so many are drawn and sent at once."""

Rings = Sequence[Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class LinkedKey:
    """What two rounds' linked maps are made of; those with the same key are the same.

    Attributes:
        pair: the rounds' numbers.
        event_number: the newest event.
        projections: paths of the maps; None before there is one.
    """

    pair: tuple[int, int]
    event_number: int
    projections: tuple[str | None, str | None]


@dataclass(frozen=True, eq=False)
class LinkedMap:
    """One of the two maps.

    Attributes:
        number: the round's.
        space: whose features it shows.
        encoder: whose, where they are an encoder's.
        xy: (n, 2) float32.
        predicted: (n,) int16 class numbers.
    """

    number: int
    space: Space
    encoder: str | None
    xy: NDArray[np.float32]
    predicted: NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class LinkedMaps:
    """Two rounds' maps of the same n images.

    Attributes:
        positions: (n,) int64 ascending.
        maps: of the first and of the second round.
        left_out: images that both maps could show and that are not among them.
    """

    positions: NDArray[np.int64]
    maps: tuple[LinkedMap, LinkedMap]
    left_out: int

    @property
    def agree(self) -> NDArray[np.bool_]:
        """(n,) bool: predicted as the same class by both."""
        one, other = self.maps
        return np.asarray(one.predicted == other.predicted)

    def inside(self, place: int, rings: Rings) -> NDArray[np.bool_]:
        """(n,) bool: which images lie in polygons drawn on the first (0) or second (1) map."""
        xy = self.maps[place].xy
        found = np.zeros(len(xy), dtype=bool)
        for ring in rings:
            found |= inside(np.array(ring, dtype=np.float64), xy)
        return found


def linked_key(access: Access, project_id: int, pair: tuple[int, int]) -> LinkedKey:
    """Which linked maps show two finished rounds as the project stands now.

    Args:
        pair: the rounds' numbers.
    """
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        near = [neighbourhood(conn, rounds.finished_round(conn, project_id, each)) for each in pair]
        number = events.head(conn, project_id)[0]
    one, other = (None if each is None else each.projection for each in near)
    return LinkedKey(pair, number, (one, other))


def linked_maps(
    access: Access,
    project_id: int,
    found: Comparison,
    pair: tuple[int, int],
    most: int = POINTS,
) -> LinkedMaps | None:
    """The maps of two compared rounds, each of its own model where it has one.

    Args:
        pair: the rounds' numbers.
        most: images on each; of more a sample, drawn by the rounds' numbers.

    Returns:
        None where one of them has no map, for nothing is embedded.
    """
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        stored = [rounds.finished_round(conn, project_id, each) for each in pair]
        near = [neighbourhood(conn, each) for each in stored]
        state = load_state(conn, project_id)
    one, other = near
    if one is None or other is None:
        return None
    blind = state.holdout | state.is_test
    xy = [coordinates(access.workspace, each, blind) for each in near]
    there = found.common(*pair)
    there = there[there < min(map(len, xy))]
    positions = there[~blind[there]]
    whole = len(positions)
    if whole > most:
        random = np.random.default_rng(pair)
        positions = np.sort(random.choice(positions, most, replace=False))
    maps = [
        LinkedMap(
            number, each.space, each.encoder, at[positions], found.of(number).predicted[positions]
        )
        for number, each, at in zip(pair, (one, other), xy, strict=True)
    ]
    return LinkedMaps(positions, (maps[0], maps[1]), whole - len(positions))
