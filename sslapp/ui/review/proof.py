"""What is proven of the candidates, what contradicts it, and the curve over the thresholds."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from sslapp.charts.proofs import proofs_by_threshold
from sslapp.ui.common import plain
from sslapp.ui.review import state
from sslapp.usecases.access import Access
from sslapp.usecases.auditing.progress import ThresholdProof
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.reviewing.proofs import (
    SelectionProof,
    looks_without_error,
    proof_of,
    proven_curve,
)
from sslapp.usecases.reviewing.queue import Choice
from sslapp.words import at_least, count

_KEPT, KEPT = "review-proofs", 4
"""The panel and the desk ask for the same in one run of the page."""

CURVE_OF = "review-curve-of"


def known(
    access: Access, project_id: int, board: Board, positions: NDArray[np.int64]
) -> SelectionProof:
    """What is known of the labels that images would get, read once for each event.

    Args:
        positions: (n,) of the board's proposals, in any order.
    """
    chosen = np.sort(positions)
    about = hashlib.sha256(chosen.tobytes()).hexdigest()
    key = (access.workspace_id, project_id, board.round_id, board.event_number, about)
    kept: dict[tuple[object, ...], SelectionProof] = st.session_state.setdefault(_KEPT, {})
    if key not in kept:
        kept[key] = proof_of(access, project_id, board, chosen)
        for old in list(kept)[:-KEPT]:
            del kept[old]
    return kept[key]


def show(
    access: Access,
    project_id: int,
    board: Board,
    chosen: Choice,
    positions: NDArray[np.int64],
    *,
    again: Callable[[], None],
) -> None:
    """Say what is proven of the candidates, or what it would take.

    Args:
        again: redraws what follows the threshold.
    """
    found = known(access, project_id, board, positions)
    if found.precision is None:
        looks = looks_without_error(access, project_id, board.confidence[positions])
        st.caption(
            f":material/help: How many of them are right is unknown: {count(looks, 'look')} "
            f"without an error would prove {100 * found.wanted:g} %."
        )
        return
    icon = ":green[:material/verified:]" if found.proven else ":material/pending:"
    st.caption(f"{icon} {plain.markdown(found.words)}")
    if found.warning:
        st.caption(f":orange[:material/warning:] {plain.markdown(found.warning)}")
    if found.better is not None and chosen.at_one_threshold:
        st.button(
            f"Use {found.better:g}, which is proven",
            key="review-better",
            icon=":material/arrow_upward:",
            help=f"From this confidence on {100 * found.wanted:g} % are proven right.",
            on_click=_use,
            args=(found.better, again),
        )


def _use(threshold: float, again: Callable[[], None]) -> None:
    st.session_state[state.THRESHOLD] = threshold
    state.select_by_rule()
    again()


def curve(access: Access, project_id: int, board: Board, positions: NDArray[np.int64]) -> None:
    """Draw what is proven at the thresholds of the newest audit of candidates, if there was one.

    Args:
        positions: (n,) the candidates, see `known`.
    """
    chosen = st.session_state.get(CURVE_OF) or None
    found = proven_curve(access, project_id, board, chosen)
    if chosen is not None and chosen not in found.classes:  # of another project or audit
        st.session_state[CURVE_OF] = 0
        found = proven_curve(access, project_id, board)
    if len(found.thresholds) < 2:
        return
    st.markdown("**Proven by threshold**")
    names = {each.id: each.name for each in board.classes}
    if found.classes:
        st.selectbox(
            "Of",
            [0, *found.classes],
            format_func=lambda each: names.get(each, "all classes"),
            label_visibility="collapsed",
            key=CURVE_OF,
            help="Classes with at least ten looks. Their curves hold together.",
        )
    st.plotly_chart(
        proofs_by_threshold(
            [each.threshold for each in found.thresholds],
            [each.precision for each in found.thresholds],
            _words(found.thresholds),
            known(access, project_id, board, positions).wanted,
        ),
        key="review-proofs-chart",
        config={"displayModeBar": False},
        alt="Share of labels proven right by threshold",
    )


def _words(proofs: Sequence[ThresholdProof]) -> list[str]:
    return [
        f"from {each.threshold:g} on: at least {at_least(each.precision)} of "
        f"{count(each.images, 'image')}<br>{each.looks} looks, {count(each.errors, 'error')}"
        for each in proofs
    ]
