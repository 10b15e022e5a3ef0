"""Classes with a count each, as thin bars in their colours."""

from collections.abc import Sequence

from sslapp.ui.common import browser_component
from sslapp.usecases.projects.classes import ClassRow

_component = browser_component.declare(
    "sslapp_review_tally",
    "review/tally.js",
    html="review/tally.html",
    styles=("review/tally.css",),
)


def show(classes: Sequence[ClassRow], counts: Sequence[int], *, about: str, key: str) -> None:
    """Draw a bar a class.

    Args:
        counts: one for each class.
        about: what is counted, for screen readers.
    """
    rows = [
        {"name": each.name, "colour": each.colour, "count": int(number)}
        for each, number in zip(classes, counts, strict=True)
    ]
    _component(key=key, data={"classes": rows, "about": about}, height="content")
