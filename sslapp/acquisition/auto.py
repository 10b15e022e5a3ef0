"""The default: typical images first, doubtful ones later, and the holdout's share of both.

TypiClust leads until every class has a label and a round exists; a margin means little before
that, because a class the round never saw gets no probability. Then margin leads.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sslapp.acquisition import holdout, margin, random_picks, typiclust
from sslapp.acquisition.state import Pick, Situation

NAME = "auto"


def pick(situation: Situation, count: int, seed: int) -> list[Pick]:
    """Return `count` picks, or as many as there are, with the holdout's picks in their places.

    The picks carry the name of the strategy that chose them.
    """
    # picks that there are no images for would have the holdout's share of them drawn as well
    count = min(count, len(np.union1d(situation.trainable, situation.drawable)))
    plan = holdout.slots(situation, count)
    # the holdout draws first: from the whole pool, not from what the other strategy left over
    drawn = holdout.draw(situation, min(sum(plan), holdout.room(situation)), seed)
    taken = np.array([each.position for each in drawn], dtype=np.int64)
    rest = replace(
        situation,
        candidates=situation.candidates[~np.isin(situation.candidates, taken)],
        holdout=np.concatenate([situation.holdout, taken]),
    )
    others = leader(situation)(rest, count - len(drawn), seed)
    return _merged(plan, drawn, others)


def leader(situation: Situation) -> Callable[[Situation, int, int], list[Pick]]:
    """The strategy for training picks in this situation; without features chance decides."""
    if situation.features.shape[1] == 0:
        return random_picks.pick
    seen = np.unique(situation.labels[situation.labelled])
    settled = situation.probabilities is not None and len(seen) == situation.num_classes
    return margin.pick if settled else typiclust.pick


def _merged(plan: list[bool], drawn: list[Pick], others: list[Pick]) -> list[Pick]:
    waiting = {True: list(drawn), False: list(others)}
    merged = []
    for mine in plan:
        queue = waiting[mine] or waiting[not mine]
        if queue:
            merged.append(queue.pop(0))
    return merged
