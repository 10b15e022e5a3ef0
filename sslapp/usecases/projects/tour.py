"""How far the guided tour of the demo project is: what was done is asked of its events."""

from dataclasses import dataclass

from sslapp.store import projects
from sslapp.store.database import reading
from sslapp.store.log.decisions import was_ever
from sslapp.store.log.kinds import Action, kinds_where
from sslapp.usecases.access import Access, require
from sslapp.vocabulary import EventKind

DEMO = "Digits demo"
"""The name of the demo project."""


@dataclass(frozen=True)
class TourStep:
    """A step of the tour.

    Attributes:
        page: where it is done, by the name of the page's file.
        title, text: what to do, and why.
        done: whether somebody has done it.
    """

    page: str
    title: str
    text: str
    done: bool


def tour(access: Access, project_id: int) -> tuple[TourStep, ...]:
    """The five steps; () for a project that is not the demo."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        if projects.find_project(conn, project_id).name != DEMO:
            return ()

        def decided(*actions: Action) -> bool:
            return was_ever(conn, project_id, kinds_where(lambda rule: rule.action in actions))

        trained = was_ever(conn, project_id, [EventKind.ROUND_DONE])
        exported = was_ever(conn, project_id, [EventKind.EXPORT])
        return (
            TourStep(
                "label",
                "Label a few digits",
                "Press the digit that you see. Ten of them are enough to begin with.",
                decided(Action.LABEL),
            ),
            TourStep(
                "train",
                "Train a round",
                "It learns from your labels and proposes a class for every other image.",
                trained,
            ),
            TourStep(
                "review",
                "Review what it proposes",
                "Accept, reject or relabel images, one by one or many at once.",
                decided(Action.VERDICT, Action.BULK),
            ),
            TourStep(
                "audit",
                "Check a sample blind",
                "Your answers prove how many of the labels are right, and mend the others.",
                decided(Action.AUDIT),
            ),
            TourStep(
                "export",
                "Export the labels",
                "A table that says of every label who gave it and what is proven.",
                exported,
            ),
        )
