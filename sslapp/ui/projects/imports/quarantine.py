"""What is held back: a series at a time, its pictures, what is blacked out, and the buttons."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from sslapp.ui.common import addresses, browser_component, faults, plain
from sslapp.usecases.access import Access
from sslapp.usecases.images.incoming.quarantine.looking_through import (
    HeldSeries,
    any_held,
    held_series,
)
from sslapp.usecases.images.incoming.quarantine.releasing import (
    Rectangle,
    discard,
    release,
    under_way,
)
from sslapp.words import count

SERIES_SHOWN = 500
"""Series that can be chosen from; the next ones follow when these are done."""

_pictures = browser_component.declare(
    "sslapp_held_series",
    "projects/held_series.js",
    html="projects/held_series.html",
    styles=("common/buttons.css", "projects/held_series.css"),
)


def show(access: Access, project_id: int) -> None:
    """Draw the card where something is held back; for admins of the project."""
    if any_held(access, project_id):
        faults.fragment(lambda: _draw(access, project_id), key=f"projects-held-{project_id}")


def _draw(access: Access, project_id: int) -> None:
    going = under_way(access, project_id)
    found = [each for each in held_series(access, project_id) if each.series not in going]
    if not found:
        return
    with st.container(border=True, key="held-panel"):
        number = count(sum(each.images for each in found), "image")
        st.subheader(f"Held back: {number} of {len(found):,} series", anchor=False)
        st.caption(
            "They may show a name. Nothing of them is in the project, an export or a backup. What "
            "you black out is black in every image of its series."
        )
        chosen = _chosen(found)
        rectangles = _rectangles(
            _pictures(
                key=f"held-{chosen.series}",
                data=_data(access, project_id, chosen),
                on_rectangles_change=lambda: None,
            ).rectangles
        )
        _buttons(access, project_id, chosen, rectangles)


def _chosen(found: Sequence[HeldSeries]) -> HeldSeries:
    if len(found) == 1:
        st.caption(plain.markdown(_title(found[0])))
        return found[0]
    named = {each.series: each for each in found[:SERIES_SHOWN]}
    key = "held-series"
    if st.session_state.get(key) not in named:
        st.session_state.pop(key, None)
    series: str = st.selectbox(
        "Series", list(named), format_func=lambda each: _title(named[each]), key=key
    )
    return named[series]


def _title(each: HeldSeries) -> str:
    what = " ".join(filter(None, (each.modality, each.label)))
    return f"{what}: {count(each.images, 'image')}, {each.reasons}"


def _data(access: Access, project_id: int, series: HeldSeries) -> dict[str, Any]:
    url = addresses.of_held(access, project_id, series.series)
    pictures = [
        {
            "url": f"{url}/{number}",
            "width": each.width,
            "height": each.height,
            "boxes": [box.to_json() for box in each.boxes],
        }
        for number, each in enumerate(series.pictures)
    ]
    together = [
        {"url": f"{url}/brightest/{width}/{height}", "width": width, "height": height}
        for width, height in series.sizes
    ]
    return {"series": series.series, "pictures": pictures, "together": together}


def _rectangles(value: Any) -> list[Rectangle]:
    """What was drawn, as the browser says it: whole numbers, or nothing.

    Raises:
        ValueError: when one is no rectangle.
    """
    parts = value if isinstance(value, list) else []
    return [Rectangle.parse(",".join(map(str, each))) for each in parts if isinstance(each, list)]


def _buttons(
    access: Access, project_id: int, series: HeldSeries, rectangles: Sequence[Rectangle]
) -> None:
    key = f"held-{series.series}"

    def does(command: Callable[[], object]) -> None:
        if faults.attempt(f"{key}-why", command):
            st.rerun()

    names = [series.series]
    with st.container(horizontal=True, vertical_alignment="center"):
        black = st.button(
            "Black out and take",
            type="primary",
            key=f"{key}-black",
            disabled=not rectangles,
            help=None if rectangles else "Draw a rectangle first.",
        )
        plainly = st.button(
            "Take as they are",
            key=f"{key}-take",
            disabled=bool(rectangles),
            help="Remove the rectangles first." if rectangles else None,
        )
        gone = st.button(
            "Discard",
            key=f"{key}-discard",
            help="Their files are deleted. What they came from can be imported again.",
        )
        if not rectangles:
            st.caption(
                "Taking them as they are says: you saw that they show nobody's name.",
                width="stretch",
            )
    if black:
        does(lambda: release(access, project_id, names, rectangles))
    if plainly:
        does(lambda: release(access, project_id, names))
    if gone:
        does(lambda: discard(access, project_id, names))
    faults.show(f"{key}-why")
