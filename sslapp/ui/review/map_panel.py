"""The review map on the page: the chart, how it is coloured, and zooming into its density.

The chart stands outside the page's fragments, so that a selection, a threshold or a decision at the
desk does not draw it again. It is drawn anew when its colours, its round or its part of the map
change, after a bulk decision, and when the reader asks for the newest labels.
"""

import streamlit as st

from sslapp.charts.raster import Box
from sslapp.ui.common.map.chart import CONFIG
from sslapp.ui.review import board as review_board
from sslapp.ui.review import legend, spaces, state
from sslapp.ui.review.map import figure
from sslapp.ui.review.map.colours import coding
from sslapp.usecases.access import Access
from sslapp.usecases.images.metadata import groupable, metadata_columns
from sslapp.usecases.reviewing.board import Board, BoardKey
from sslapp.usecases.reviewing.facets import AnyFacet, Facet, MetadataFacet
from sslapp.words import count

CHART, COLOUR = "review-map", "review-colour"

COLOURINGS = {
    Facet.CLASS: "Class",
    Facet.CONFIDENCE: "Confidence",
    Facet.SOURCE: "Source",
    Facet.CORRECT: "Correctness",
    Facet.CHANGE: "Change",
    Facet.MEASURED: "Holdout",
    Facet.READER: "Reader",
    Facet.TIME: "Day",
}
OF_A_ROUND = (Facet.CONFIDENCE, Facet.CORRECT, Facet.CHANGE)
HELP_WITHOUT = """**Class**: the label, whoever gave it. **Source**: where it comes from.
**Holdout**: what was drawn to measure. **Reader**, **Day**: who gave the label, and when. Expert
labels lie on top, larger and outlined. Columns of metadata stand below: texts by their values,
numbers by their quartiles. Press a name to see it alone."""
HELP = """**Class**: the predicted one, and experts' labels as they are. **Confidence**: of the
predicted class, calibrated. **Source**: where an image's label comes from. **Correctness**: whether
the round says what experts said; it was taught most of that. **Change**: whether the round before
predicted another class. **Holdout**: what was drawn to measure. **Reader**, **Day**: who gave the
label, and when. Expert labels lie on top, larger and outlined. Columns of metadata stand below:
texts by their values, numbers by their quartiles. Press a name to see it alone."""


def show(access: Access, project_id: int, number: int | None, key: BoardKey) -> None:
    """Draw the map of a round.

    Args:
        number: the round's; None without one.
        key: the board as it stands now; the map may still show an earlier one.
    """
    if COLOUR not in st.session_state:  # back from another page: the chart is mounted anew
        state.redraw()
    colouring = _choose(access, project_id, bare=number is None)
    if number is not None:
        spaces.choose(access, project_id, number)
    zoom = state.zoom()
    only = state.filtered()[1]
    signature = (project_id, key.round_id, key.projection, colouring, zoom, only)
    drawn = state.map_drawn(signature, key.event_number)
    board = review_board.load(access, project_id, number, key, drawn.event_number)
    if not len(board.xy):
        st.caption("The map appears when the images are embedded.")
        return
    coded = review_board.facet(access, project_id, board, colouring)
    found = coding(board, colouring, coded)
    within = coded.within(only) if only else None
    points = figure.drawn(board, zoom, within=within)
    box = zoom or figure.whole(board)
    picture = None
    if not points.whole:
        about = f"{key.projection} {colouring.value} {only}"
        picture = review_board.density(
            access, project_id, board, found, about=about, box=box, within=within
        )
    chart = figure.figure(
        board, found, points, box, picture, ranges=drawn.ranges, rings=drawn.rings
    )
    legend.show(colouring, coded, found)
    st.plotly_chart(chart, height="stretch", key=CHART, config=CONFIG, alt=_alt(board))
    _foot(board, points, key, drawn.event_number)


def _choose(access: Access, project_id: int, *, bare: bool) -> AnyFacet:
    own = [each for each in COLOURINGS if not (bare and each in OF_A_ROUND)]
    told = [each for each in metadata_columns(access, project_id) if groupable(each)]
    offered: list[AnyFacet] = [*own, *(MetadataFacet(each.name) for each in told)]
    if st.session_state.get(COLOUR) not in (None, *offered):
        st.session_state[COLOUR] = Facet.CLASS  # chosen for another project's round
    with st.container(horizontal=True, vertical_alignment="center"):
        explained = HELP_WITHOUT if bare else HELP
        st.subheader("Embedding map", anchor=False, width="stretch", help=explained)
        chosen = st.selectbox(
            "Colour by",
            list(offered),
            format_func=_title,
            label_visibility="collapsed",
            key=COLOUR,
            width=170,
            on_change=state.filter_by,
            args=(None,),
        )
    return chosen if isinstance(chosen, MetadataFacet) else Facet(chosen)


def _title(facet: AnyFacet) -> str:
    """What a facet is called; a column of metadata by its own name, if that is no other's."""
    if isinstance(facet, Facet):
        return COLOURINGS[facet]
    taken = facet.column in COLOURINGS.values()
    return f"{facet.column} (metadata)" if taken else facet.column


def _foot(board: Board, points: figure.Drawn, key: BoardKey, event_number: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(_caption(board, points), width="stretch")
        if event_number != key.event_number:
            st.button(
                "Redraw",
                key="review-redraw",
                type="tertiary",
                help="Decisions were made since the map was drawn.",
                on_click=state.redraw,
            )
        if state.zoom() is not None:
            st.button(
                "Whole map",
                key="review-whole",
                on_click=state.zoom_to,
                args=(None,),
            )


def zoom_to_selection(rings: tuple[tuple[tuple[float, float], ...], ...]) -> None:
    """Draw the part of the map around these polygons."""
    corners = [corner for ring in rings for corner in ring]
    if corners:
        x, y = zip(*corners, strict=True)
        state.zoom_to(Box(min(x), min(y), max(x), max(y)).padded(0.05))


def _caption(board: Board, points: figure.Drawn) -> str:
    parts = [spaces.about(board)]
    if not points.whole:
        rest = len(points.positions) - points.experts
        named = "open image" if board.round_number is None else "candidate"
        parts.append(
            f"{int(board.drawn.sum()):,} images as density; {count(rest, named)} and "
            f"{count(points.experts, 'expert label')} as points."
        )
    late = len(board) - len(board.xy)
    if late:
        parts.append(f"{count(late, 'image')} not embedded yet.")
    return " ".join(parts)


def _alt(board: Board) -> str:
    under = "" if board.round_number is None else f" under round {board.round_number}"
    return f"Embedding map of {int(board.drawn.sum())} images{under}"
