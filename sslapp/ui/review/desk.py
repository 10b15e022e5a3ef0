"""The review desk's wrapper: what a page calls, what goes to the browser, what comes back.

Single decisions travel by the outbox (web/decisions.py) and never through widget state. What comes
back here is small and asked for once: a bulk decision, or "more like this one". It names the
workspace and the sheet that the reader had in front of them; a browser that was connected to
another server before, or is a run behind, is not obeyed.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from sslapp.ui.common import addresses, browser_component
from sslapp.ui.review import sheets
from sslapp.usecases.access import Access
from sslapp.usecases.images.pictures import has_parts, image_hashes, thumbnails
from sslapp.usecases.projects.classes import ClassRow
from sslapp.usecases.reviewing.findings import Queued
from sslapp.usecases.reviewing.inspection import Tile, claim_page, tiles
from sslapp.vocabulary import Space

KEY = "review-sheet"
SHEET, TURN, ASK = f"{KEY}-shown", f"{KEY}-turn", f"{KEY}-ask"
_ANSWERED = f"{KEY}-answered"
SIDES = (96, 64, 48)
MOST_BYTES = 700_000
"""Of a sheet's thumbnails together; a third more travels, as text. Smaller ones are taken above."""

_component = browser_component.declare(
    "sslapp_review_desk",
    "review/desk.js",
    html="review/desk.html",
    styles=("review/desk.css", "common/names.css", "common/parts.css"),
)


@dataclass(frozen=True)
class Bulk:
    """A bulk decision that the reader asked for; the page carries it out and says how to undo it.
    To check a sample of the selected images is asked for in the same way.

    Attributes:
        action: what to do with the selected images.
        class_id: the class to relabel as; None for the others.
        excluded: ascending positions that the reader took out; the rest of `positions` is meant.
        opened: images the reader looked at one by one for it, without those decided singly.
        key: made by the browser; the same key is the same decision.
        proven: whether the button that was pressed said so of what it accepts.
        marked: images of the sheet that a label is meant for alone; () for the whole selection.
        seen: images of a label that were on screen in the grid.
    """

    action: Literal["check", "accept", "withhold", "relabel", "label"]
    class_id: int | None
    excluded: tuple[int, ...]
    opened: int
    key: str
    proven: bool
    marked: tuple[int, ...] = ()
    seen: int = 0


@dataclass(frozen=True)
class Similar:
    """The reader asks for images like this one; the page makes them its selection."""

    position: int


@dataclass(frozen=True)
class Outdated:
    """Something was asked of another workspace or sheet than the one that is shown."""


def show(
    access: Access,
    project_id: int,
    round_number: int | None,
    positions: NDArray[np.int64],
    classes: Sequence[ClassRow],
    *,
    selection: str,
    shown: NDArray[np.int64] | None = None,
    space: Space | None = None,
    proven: bool = False,
    found: Queued | None = None,
    bulk_refusal: str = "",
    on_saved: Callable[[], None] = lambda: None,
) -> Bulk | Similar | Outdated | None:
    """Draw the desk for a selection and return what the reader asked of the page, once.

    Decisions made singly are stored when this returns; when some were, the desk has the page run
    again by itself, so that counts and `positions` are fresh.

    Args:
        round_number: None without a round: then nothing is proposed, and images are labelled.
        positions: (n,) the selected candidates that are still undecided, in the order to show
            them; the desk pages through them.
        classes: live classes in column order.
        selection: says what was selected (polygon, threshold, queue, ...) and not what has been
            decided since. While it stays the same, the sheet of images in front of the reader
            stays as it is, although `positions` loses what is decided.
        shown: (m,) what to page through instead, decided or not.
        space: whose features say which neighbours an image has; default: the round's own.
        proven: whether the selected labels are proven right as the project asks; else the desk
            offers to check a sample before it offers to accept.
        found: what selected them, if they were found to be wrong or odd: it says why.
        bulk_refusal: why nothing can be decided about all of them at once; "" where it can.
        on_saved: called, as a widget's callback, when single decisions have been saved.
    """
    scope = f"{access.workspace_id}/{project_id}/{round_number}/{selection}"
    paged = positions if shown is None else shown
    sheet = sheets.current(st.session_state.get(SHEET), scope, paged)
    turned = st.session_state.pop(TURN, None)
    # asked once, however often it is pressed
    if turned and turned["sheet"] == _token(access, project_id, sheet):
        sheet = sheets.turn(sheet, paged, turned["to"])
    st.session_state[SHEET] = sheet
    held = claim_page(access, project_id, round_number, sheet.images)
    drawn = tiles(access, project_id, round_number, sheet.images, space)
    hashes = tuple(tile.image for tile in drawn)
    token = sheets.token(sheet, hashes)
    pictures = _pictures(project_id, sheet.images, token, access.reader_id, access)
    undecided = np.isin(sheet.images, positions).tolist()
    whys = {} if found is None else found.about(np.array(sheet.images, dtype=np.int64))
    data = {
        "workspace": access.workspace_id,
        "base": addresses.of_project(access, project_id),
        "parts": has_parts(access, project_id),
        "round": round_number,
        "space": space,
        "scope": f"sslapp-review-{access.workspace_id}-{project_id}-{access.reader_id}",
        "lately": browser_component.lately(access, project_id),
        "selection": scope,
        "total": len(positions),
        "proven": proven,
        "bulkRefusal": bulk_refusal,
        "classes": [_class(each) for each in classes],
        "images": [
            _image(tile, picture, held.get(tile.position), there, whys.get(tile.position))
            for tile, picture, there in zip(drawn, pictures, undecided, strict=True)
        ],
        "sheet": token,
        "answered": st.session_state.get(_ANSWERED),
        **sheets.about(sheet, paged),
    }
    _component(
        key=KEY,
        data=data,
        height="stretch",
        on_turn_change=lambda: _keep("turn", TURN),
        on_ask_change=lambda: _keep("ask", ASK),
        on_changed_change=on_saved,
    )
    asked = st.session_state.pop(ASK, None)
    if not asked:
        return None
    # a bulk decision names its selection too: it is about more than the sheet
    meant = (asked.get("workspace"), asked.get("sheet"), asked.get("selection", scope))
    if meant == (access.workspace_id, token, scope):
        return _request(asked)
    answer(str(asked.get("key", "")), stored=False)
    return Outdated()


def answer(key: str, *, stored: bool) -> None:
    """Tell the browser at the next run what became of the label that it asked for by this key."""
    st.session_state[_ANSWERED] = {"key": key, "stored": stored}


def _token(access: Access, project_id: int, sheet: sheets.Sheet) -> str:
    return sheets.token(sheet, image_hashes(access, project_id, sheet.images))


def _keep(trigger: str, where: str) -> None:
    """Keep what was asked until a run has answered it: one that is cut short forgets triggers."""
    st.session_state[where] = st.session_state[KEY][trigger]


def _request(asked: Mapping[str, Any]) -> Bulk | Similar:
    if asked["action"] == "similar":
        return Similar(int(asked["position"]))
    chosen = asked.get("class_id")
    return Bulk(
        asked["action"],
        None if chosen is None else int(chosen),
        tuple(int(each) for each in asked["excluded"]),
        int(asked["opened"]),
        str(asked["key"]),
        bool(asked.get("proven")),
        tuple(int(each) for each in asked.get("marked", ())),
        int(asked.get("seen", 0)),
    )


@st.cache_data(max_entries=24, show_spinner=False)
def _pictures(
    project_id: int,
    positions: tuple[int, ...],
    token: str,
    reader_id: int,
    _access: Access,
) -> list[str]:
    """Data URLs of a sheet's thumbnails, as large as fits the payload; `token` says of what."""
    for side in SIDES:
        found = thumbnails(_access, project_id, positions, side)
        if sum(map(len, found)) <= MOST_BYTES:
            break
    return ["data:image/png;base64," + base64.b64encode(each).decode() for each in found]


def _class(row: ClassRow) -> dict[str, Any]:
    return {"id": row.id, "name": row.name, "colour": row.colour, "key": row.key}


def _image(
    tile: Tile, picture: str, held: str | None, there: bool, why: tuple[str, bool] | None
) -> dict[str, Any]:
    label = tile.label
    said, questioned = why or ("", False)
    return {
        "p": tile.position,
        "image": tile.image,
        "thumb": picture,
        "proposed": tile.proposed,
        "sure": round(tile.confidence, 4),
        "flipped": tile.flipped,
        "disagrees": tile.disagrees,
        "withheld": tile.withheld,
        "blind": tile.blind,
        "held": held,
        "there": there,
        "why": said,
        "questioned": questioned,
        "label": None
        if label is None
        else {"class": label.class_id, "source": label.source.name.lower(), "reader": label.reader},
    }
