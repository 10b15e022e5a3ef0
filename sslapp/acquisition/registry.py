"""The strategies by name, and the one door to them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sslapp.acquisition import auto, margin, random_picks, typiclust
from sslapp.acquisition.state import Pick, Situation


@dataclass(frozen=True)
class Strategy:
    """One line of the list of strategies.

    Attributes:
        title: how a page calls it.
        about: one sentence that helps to choose.
        pick: from (situation, count, seed) to picks.
    """

    title: str
    about: str
    pick: Callable[[Situation, int, int], list[Pick]]


STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        auto.NAME: Strategy(
            "Automatic",
            "Typical images first, doubtful ones once a round exists; fills the holdout.",
            auto.pick,
        ),
        typiclust.NAME: Strategy(
            "Typical images",
            "The most typical image of every group of similar images; needs no round.",
            typiclust.pick,
        ),
        margin.NAME: Strategy(
            "Doubtful images",
            "The images between two classes for the last round, spread over unlike images.",
            margin.pick,
        ),
        random_picks.NAME: Strategy("Random", "Drawn uniformly at random.", random_picks.pick),
    }
)
"""The strategies, in the order in which a page offers them. Only "auto" fills the holdout."""


def pick(strategy: str, situation: Situation, count: int, seed: int) -> list[Pick]:
    """Choose what to label next.

    Args:
        strategy: a key of STRATEGIES.
        situation: the project now.
        count: how many picks; fewer come back when the pool has fewer.
        seed: the same strategy, situation, count and seed give the same picks.

    Raises:
        ValueError: for an unknown strategy, a count below 1, or "margin" before the first round.
    """
    if strategy not in STRATEGIES:
        raise ValueError(
            f'There is no strategy "{strategy}". Choose one of {", ".join(STRATEGIES)}.'
        )
    if count < 1:
        raise ValueError(f"count: at least one pick has to be asked for, got {count}.")
    if len(situation.trainable) + len(situation.drawable) == 0:
        return []
    return STRATEGIES[strategy].pick(situation, count, seed)
