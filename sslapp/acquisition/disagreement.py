"""The images about which the members of the last round's ensemble differ most, spread out.

Query by committee (Seung, Opper and Sompolinsky, COLT 1992), with the divergence of
`review.disagreement` for the vote: an image between two classes for every member alike is left to
`margin`. Who labels such an image reads what the members say of it, so the label is not blind; it
carries the strategy's name.
"""

import numpy as np

from sslapp.acquisition.clusters import spread
from sslapp.acquisition.state import Pick, Situation, Votes

NAME = "disagreement"
NAMED = 3
"""Most members that a reason calls by their names."""


def pick(situation: Situation, count: int, seed: int) -> list[Pick]:
    """Return `count` picks, or as many as there are, most disagreement first.

    Raises:
        ValueError: when the last round has no members.
    """
    votes = situation.votes
    if votes is None:
        raise ValueError(
            'The strategy "disagreement" compares the members of an ensemble, and the newest round '
            'has none. Train the ensemble of heads ("head-ensemble"), or choose "margin" or "auto".'
        )
    rows = situation.compared(seed)
    count = min(count, len(rows))
    if count == 0:
        return []
    ranked = rows[np.lexsort((rows, -votes.divergence[rows]))]
    chosen = ranked[spread(situation.features, ranked, count, seed)]
    return [
        Pick(each, NAME, reason(votes, each), holdout=False, score=float(votes.divergence[each]))
        for each in chosen.tolist()
    ]


def reason(votes: Votes, position: int) -> str:
    """Say in one sentence what the members say: "Linear probe says cat, prototypes dog."."""
    said: dict[int, list[str]] = {}
    for name, column in zip(votes.members, votes.columns[position].tolist(), strict=True):
        if column >= 0:
            said.setdefault(column, []).append(name)
    if not said:
        return "The last round's members say nothing about it."
    sides = {votes.classes[column]: names for column, names in said.items()}
    speaking = votes.shares[position][votes.columns[position] >= 0]
    if len(sides) == 1 and len(speaking) > 1:
        (only,) = sides
        return f"The members agree on {only}, at {speaking.min():.0%} to {speaking.max():.0%}."
    few = len(speaking) <= NAMED and not any("," in name for name in votes.members)
    return _by_name(sides) if few else _by_number(sides, len(speaking))


def _by_name(sides: dict[str, list[str]]) -> str:
    (first, names), *others = sides.items()
    verb = "says" if len(names) == 1 else "say"
    parts = [
        f"{_together(names)} {verb} {first}",
        *(f"{_together(who)} {what}" for what, who in others),
    ]
    sentence = ", ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _by_number(sides: dict[str, list[str]], speaking: int) -> str:
    """The largest side first."""
    (first, names), *others = sorted(sides.items(), key=lambda side: -len(side[1]))
    verb = "says" if len(names) == 1 else "say"
    parts = [
        f"{len(names)} of {speaking} members {verb} {first}",
        *(f"{len(who)} {what}" for what, who in others),
    ]
    return f"{', '.join(parts)}."


def _together(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
