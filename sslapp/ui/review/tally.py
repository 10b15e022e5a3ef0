"""Classes with a count each, as thin bars in their colours."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from sslapp.store.projects import ClassRow

_HERE = Path(__file__).parents[1] / "components" / "review"

_component = st.components.v2.component(
    "sslapp_review_tally",
    html='<div class="tally"\nrole="img"></div>',
    css=(_HERE / "tally.css").read_text(encoding="utf-8"),
    js=(_HERE / "tally.js").read_text(encoding="utf-8"),
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
