"""The strategies by name, and the one door to them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sslapp.acquisition import (
    auto,
    disagreement,
    holdout,
    margin,
    random_picks,
    typiclust,
    zero_shot,
)
from sslapp.acquisition.state import Pick, Situation

STRATEGIES: Mapping[str, Callable[[Situation, int, int], list[Pick]]] = MappingProxyType(
    {
        each.NAME: each.pick
        for each in (auto, typiclust, zero_shot, margin, disagreement, random_picks, holdout)
    }
)
"""From (situation, count, seed) to picks; `cards` has the titles."""


def pick(strategy: str, situation: Situation, count: int, seed: int) -> list[Pick]:
    """Choose what to label next.

    Args:
        strategy: a key of STRATEGIES.
        situation: the project now.
        count: how many picks; fewer come back when the pool has fewer.
        seed: the same strategy, situation, count and seed give the same picks.

    Raises:
        ValueError: for an unknown strategy, a count below 1, "margin" before the first round, or
            "disagreement" where the last round has no members, or "zero-shot" without likeness.
    """
    if strategy not in STRATEGIES:
        raise ValueError(
            f'There is no strategy "{strategy}". Choose one of {", ".join(STRATEGIES)}.'
        )
    if count < 1:
        raise ValueError(f"count: at least one pick has to be asked for, got {count}.")
    if len(situation.trainable) + len(situation.drawable) == 0:
        return []
    return STRATEGIES[strategy](situation, count, seed)
