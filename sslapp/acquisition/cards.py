"""The strategies as a page offers them; their code, in `registry`, takes a second to load."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class StrategyCard:
    """One line of the list of strategies.

    Attributes:
        title: how a page calls it.
        about: one sentence that helps to choose.
        needs_round: it asks what the last round doubts.
        needs_members: it asks in what the members of the last round's ensemble differ.
        needs_text: it compares images with words, so their encoder must read text.
    """

    title: str
    about: str
    needs_round: bool = False
    needs_members: bool = False
    needs_text: bool = False


STRATEGY_CARDS: Mapping[str, StrategyCard] = MappingProxyType(
    {
        "auto": StrategyCard(
            "Automatic",
            "Typical images first, doubtful ones once a round exists; fills the holdout.",
        ),
        "typiclust": StrategyCard(
            "Typical images",
            "The most typical image of every group of similar images; needs no round.",
        ),
        "zero-shot": StrategyCard(
            "Like the classes' words",
            "The images most like the words for each class in turn; needs no label and no round.",
            needs_text=True,
        ),
        "margin": StrategyCard(
            "Doubtful images",
            "The images between two classes for the last round, spread over unlike images.",
            needs_round=True,
        ),
        "disagreement": StrategyCard(
            "Members disagree",
            "The images about which the heads of the last round's ensemble differ most.",
            needs_members=True,
        ),
        "random": StrategyCard("Random", "Drawn uniformly at random."),
        "holdout": StrategyCard(
            "Holdout",
            "Drawn at random to measure and to calibrate, never trained on; up to 50.",
        ),
    }
)
"""In the order in which a page offers them. "auto" and "holdout" fill the holdout."""
