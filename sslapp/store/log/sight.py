"""Whether a reader saw nothing but the image: only such a decision measures anything.

A decision keeps what was in sight as `sight` in its payload. Before decisions did, one that came
from a page for labelling was blind unless its strategy showed what the members of a round say, and
one that another program made says so as `origin`.
"""

from collections.abc import Mapping
from typing import Any

from sslapp.store.log.kinds import Action, rule_of
from sslapp.vocabulary import EventKind, Sight

SHOWS_MEMBERS = "disagreement"
"""The strategy whose reason names classes."""

SHOWS_GRID = "grid"
"""What the desk without a round calls itself: the image is one of many, some of them labelled."""


def sight_of_strategy(strategy: str | None) -> Sight:
    """What the page for labelling showed of an image that a strategy offered."""
    if strategy == SHOWS_GRID:
        return Sight.GRID
    return Sight.SUGGESTION if strategy == SHOWS_MEMBERS else Sight.NOTHING


def is_blind(kind: EventKind | str, payload: Mapping[str, Any]) -> bool:
    """Whether the reader of such a decision saw nothing but the image."""
    rule = rule_of(kind)
    if not rule.may_be_blind or rule.action is Action.AUDIT:
        return rule.may_be_blind
    if "sight" in payload:
        return bool(payload["sight"] == Sight.NOTHING)
    blind = sight_of_strategy(payload.get("strategy")) is Sight.NOTHING
    return blind and "origin" not in payload
