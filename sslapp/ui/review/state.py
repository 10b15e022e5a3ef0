"""What a reader has chosen on the Review page: view state of the session, and nothing else."""

from dataclasses import dataclass

import streamlit as st

from sslapp.charts.raster import Box
from sslapp.ui.common import faults
from sslapp.ui.common.map.hook import Ring
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.reviewing.candidates import DEFAULT_COVERAGE, DEFAULT_THRESHOLD
from sslapp.usecases.reviewing.facets import AnyFacet
from sslapp.usecases.reviewing.queue import Choice, Queue, Show
from sslapp.vocabulary import Finding, Space

BAR, DESK, LAST = "review-proposals", "review-desk", "review-last"
"""The page's fragments: threshold with counts, the desk with the selected images, and what the last
bulk decision did, which a key at the desk takes back too."""

RULE, COVERAGE = "review-rule", "review-coverage"
THRESHOLD_RULE, COVERAGE_RULE = "threshold", "coverage"
THRESHOLD, QUEUE, SHOW = "review-threshold", "review-queue", "review-show"
SPACE = "review-space"
_TEXT, _TEXTS = "review-text", "review-texts"
SEARCH = "review-search-by"
BY_NAME, BY_DESCRIPTION = "name", "description"
MOST_DIGITS = 12  # of an image's number
_OF, _RINGS, _IMAGE, _LIKE = "review-of", "review-polygon", "review-image", "review-like"
_NOTHING, _FILTER, _EVENT = "review-nothing", "review-filter", "review-event"
_FINDING, _FINDINGS, AGAINST = "review-finding", "review-findings", "review-against"
_ZOOM, _CLEAR, _RANGES, _DRAWN = "review-zoom", "review-clear", "review-ranges", "review-drawn"


@dataclass(frozen=True)
class MapDrawn:
    """What the map was drawn from. While it stays the same the chart stays mounted.

    Attributes:
        signature: round, colouring, zoom, ...: with another one it is drawn anew.
        event_number: the labels on it are those after this event.
        ranges: left, right, bottom, top to start from; () for all.
        rings: the outline it started with; what the reader draws since is the browser's.
    """

    signature: tuple[object, ...]
    event_number: int
    ranges: tuple[float, ...]
    rings: tuple[Ring, ...]


def space() -> Space | None:
    """Whose features say what lies near what; None for the round's own where it has some."""
    return Space.ENCODER if st.session_state.get(SPACE) == Space.ENCODER else None


def leave_map() -> None:
    """In a widget's callback: forget what was pointed at on a map that the reader leaves."""
    st.session_state.pop(_OF, None)


def enter(project_id: int, projection: str | None) -> None:
    """Forget what was pointed at on another project's map, or on an older projection."""
    if is_of(project_id, projection):
        return
    state = st.session_state
    before = state.get(_OF)
    if before is not None and before[0] == project_id and (_pointed() or state.get(_ZOOM)):
        faults.say("The map was made anew, so what you had selected on the old one is dropped.")
    if before is not None and before[0] != project_id:
        select_by_rule()  # what was found there is not here
    unpick()
    for key in (_RINGS, _ZOOM, _RANGES, _DRAWN, _NOTHING, _FILTER):
        state.pop(key, None)
    state[_OF] = (project_id, projection)


def is_of(project_id: int, projection: str | None) -> bool:
    """Whether what is selected was pointed at on the map with this path."""
    return bool(st.session_state.get(_OF) == (project_id, projection))


def _pointed() -> bool:
    state = st.session_state
    by_image = any(state.get(key) is not None for key in (_IMAGE, _LIKE, _EVENT))
    return by_image or bool(state.get(_RINGS) or state.get(text_key()))


def text_key() -> str:
    """Key of the widget for the text to search by; another one once a text is dropped.

    A browser goes on sending what was typed into a widget, whatever the session forgets.
    """
    return f"{_TEXT}-{st.session_state.get(_TEXTS, 0)}"


def typed() -> str:
    """The text to search by."""
    return (st.session_state.get(text_key()) or "").strip()


def searches_by() -> str:
    """What a typed text is looked for in: names, or what images show."""
    return str(st.session_state.get(SEARCH) or BY_NAME)


def filtered() -> tuple[AnyFacet | None, tuple[str, ...]]:
    """What the legend filters by, and the names of what is left in; (None, ()) for no filter."""
    found: tuple[AnyFacet | None, tuple[str, ...]] = st.session_state.get(_FILTER, (None, ()))
    return found


def filter_by(facet: AnyFacet | None, only: tuple[str, ...] = ()) -> None:
    """Leave these alone on the map and in what is selected; () for all."""
    select_by_rule()
    st.session_state[_FILTER] = (facet if only else None, only)


def finding_key() -> str:
    """Key of the widget that chooses a finding; another one once it selects no more."""
    return f"{_FINDING}-{st.session_state.get(_FINDINGS, 0)}"


def find(finding: Finding | None) -> None:
    """Select what was found to be wrong or odd; None for what rule and map say."""
    if finding is None:
        select_by_rule()
        return
    clear()
    st.session_state[_FINDING] = finding


def own_threshold(class_id: int) -> str:
    """Key of the widget with a class's own threshold."""
    return f"review-threshold-{class_id}"


def choice(board: Board) -> Choice:
    """What is selected now."""
    state = st.session_state
    own = [(each.id, state.get(own_threshold(each.id))) for each in board.classes[: board.known]]
    return Choice(
        rings=state.get(_RINGS, ()),
        threshold=float(state.get(THRESHOLD, DEFAULT_THRESHOLD)),
        per_class=tuple((each, float(value)) for each, value in own if value is not None),
        coverage=coverage(board) if by_coverage(board) else None,
        show=Show(state.get(SHOW) or Show.CHALLENGERS),
        queue=Queue(state.get(QUEUE) or Queue.DOUBTFUL),
        image=state.get(_IMAGE),
        like=state.get(_LIKE),
        text=typed() if searches_by() == BY_DESCRIPTION else "",
        name=typed() if searches_by() == BY_NAME else "",
        facet=filtered()[0],
        only=filtered()[1],
        finding=state.get(_FINDING),
        against=state.get(AGAINST),
        nothing=bool(state.get(_NOTHING)),
        event=state.get(_EVENT),
    )


def by_coverage(board: Board) -> bool:
    """Whether conformal sets choose the candidates, in place of a threshold."""
    return bool(board.coverages) and st.session_state.get(RULE) == COVERAGE_RULE


def coverage(board: Board) -> float:
    """The coverage that was chosen, or the usual one, as far as the board's labels suffice."""
    shares = [each.share for each in board.coverages]
    wanted = float(st.session_state.get(COVERAGE, DEFAULT_COVERAGE))
    return max((each for each in shares if each <= wanted), default=shares[0])


def lasso(rings: tuple[Ring, ...], ranges: tuple[float, ...]) -> None:
    """Select what lies in these polygons."""
    _only(_RINGS, rings)
    st.session_state[_RANGES] = ranges


def pick(position: int) -> None:
    """Select one image, beside the polygon, which stays."""
    select_by_rule()
    for key in (_LIKE, _EVENT):
        st.session_state.pop(key, None)
    st.session_state[_IMAGE] = position


def alike(position: int) -> None:
    """Select the images most like this one."""
    select_by_rule()
    for key in (_IMAGE, _EVENT):
        st.session_state.pop(key, None)
    st.session_state[_LIKE] = position


def revisit(number: int) -> None:
    """Select what a decision was about, as it stands now."""
    select_by_rule()
    unpick()
    st.session_state[_EVENT] = number


def search() -> None:
    """Select by the text that was typed; a number, or # and a number, is an image's own."""
    select_by_rule()
    for key in (_IMAGE, _LIKE, _EVENT):
        st.session_state.pop(key, None)
    number = typed().removeprefix("#")
    if searches_by() == BY_NAME and number.isdecimal() and len(number) < MOST_DIGITS:
        st.session_state[_IMAGE] = int(number)


def unpick() -> None:
    """Back from one image, from those like it or like a text or of a decision, to the polygon."""
    state = st.session_state
    for key in (_IMAGE, _LIKE, _EVENT):
        state.pop(key, None)
    if state.pop(text_key(), None):
        state[_TEXTS] = state.get(_TEXTS, 0) + 1


def clear() -> None:
    """Select the whole project again and take the outline off the map."""
    select_by_rule()
    unpick()
    for key in (_RINGS, _FILTER):
        st.session_state.pop(key, None)
    st.session_state[_CLEAR] = clears() + 1


def select_nothing() -> None:
    """Select nothing: what was selected is decided, and nobody has asked for anything else yet."""
    clear()
    st.session_state[_NOTHING] = True


def select_by_rule() -> None:
    """Select what rule and map say again."""
    state = st.session_state
    state.pop(_NOTHING, None)
    if state.pop(_FINDING, None):
        state[_FINDINGS] = state.get(_FINDINGS, 0) + 1


def outline_gone() -> None:
    """The reader took the outline off the map."""
    _only(_RINGS, ())


def clears() -> int:
    """How often `clear` was called; the chart's hook follows it."""
    return int(st.session_state.get(_CLEAR, 0))


def zoom() -> Box | None:
    """The part of the map that is drawn; None for all of it."""
    return st.session_state.get(_ZOOM)


def zoom_to(box: Box | None) -> None:
    """Draw this part of the map only; None for all of it."""
    st.session_state[_ZOOM] = box
    st.session_state.pop(_RANGES, None)


def map_drawn(signature: tuple[object, ...], event_number: int) -> MapDrawn:
    """What to draw the map from: what it was drawn from last, unless the signature differs."""
    last = st.session_state.get(_DRAWN)
    if not isinstance(last, MapDrawn) or last.signature != signature:
        state = st.session_state
        last = MapDrawn(signature, event_number, state.get(_RANGES, ()), state.get(_RINGS, ()))
        st.session_state[_DRAWN] = last
    return last


def redraw() -> None:
    """Draw the map from the newest labels at the next run."""
    st.session_state.pop(_DRAWN, None)


def _only(key: str, value: object) -> None:
    select_by_rule()
    unpick()
    st.session_state[key] = value
