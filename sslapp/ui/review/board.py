"""Boards and density pictures, which the sessions of this server share."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from sslapp.charts.raster import Box
from sslapp.ui.review import state
from sslapp.ui.review.map.colours import Coding
from sslapp.ui.review.map.figure import picture
from sslapp.usecases.access import Access
from sslapp.usecases.reviewing.board import (
    Board,
    BoardKey,
    bare_key,
    board_key,
    read_bare_board,
    read_board,
)
from sslapp.usecases.reviewing.facets import AnyFacet, Coded, coded, facet_named
from sslapp.usecases.reviewing.queue import Choice
from sslapp.vocabulary import Space


def key_of(access: Access, project_id: int, number: int | None) -> BoardKey:
    """Which board shows a finished round, or by None the images without one, as it stands now."""
    if number is None:
        return bare_key(access, project_id)
    key = board_key(access, project_id, number, state.space())
    assert key is not None  # a round was named
    return key


def load(
    access: Access,
    project_id: int,
    number: int | None,
    key: BoardKey,
    event_number: int | None = None,
) -> Board:
    """The board of a round at the key's event number.

    Args:
        number: the round's; None without one.
        event_number: another event; a board of the past that nobody kept is read as of now.
    """
    at = key.event_number if event_number is None else event_number
    return _read(
        _place(access),
        project_id,
        number,
        round_id=key.round_id,
        event_number=at,
        space=key.space.value,
        projection=key.projection,
        _access=access,
    )


def current(access: Access, project_id: int, number: int | None) -> Board:
    """The board of a round as it stands now, for a part of the page that runs by itself.

    The page runs again from the top when the map was made anew since it was drawn.
    """
    key = key_of(access, project_id, number)
    if not state.is_of(project_id, key.projection):
        st.rerun()
    return load(access, project_id, number, key)


def facet(access: Access, project_id: int, board: Board, wanted: AnyFacet) -> Coded:
    """What the images of a board differ by."""
    place, number = _place(access), board.event_number
    return _facet(place, project_id, board.round_id, number, wanted.value, access, board)


def within(
    access: Access, project_id: int, board: Board, chosen: Choice
) -> NDArray[np.bool_] | None:
    """(N,) bool: the images that the legend's filter leaves in; None without a filter."""
    if chosen.facet is None or not chosen.only:
        return None
    return facet(access, project_id, board, chosen.facet).within(chosen.only)


def density(
    access: Access,
    project_id: int,
    board: Board,
    found: Coding,
    *,
    about: str,
    box: Box,
    within: NDArray[np.bool_] | None = None,
) -> str:
    """The density of all images in the box, as a data URL.

    Args:
        found: their colours.
        about: names the map, the colouring and the filter.
        within: (N,) the images to draw; None for all.
    """
    edges = f"{box.left} {box.bottom} {box.right} {box.top}"
    place = f"{_place(access)} {about} {edges}"
    number = board.event_number
    return _picture(
        place,
        project_id,
        board.round_id,
        number,
        _board=board,
        _coding=found,
        _box=box,
        _within=within,
    )


def _place(access: Access) -> str:
    # what tells two databases apart in this process
    return f"{access.workspace.root} {access.workspace.url}"


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(
    place: str,
    project_id: int,
    number: int | None,
    *,
    round_id: int | None,
    event_number: int,
    space: str,
    projection: str | None,
    _access: Access,
) -> Board:
    if number is None:
        return read_bare_board(_access, project_id)
    return read_board(_access, project_id, number, Space(space))


@st.cache_resource(max_entries=8, show_spinner=False)
def _facet(
    place: str,
    project_id: int,
    round_id: int | None,
    event_number: int,
    wanted: str,
    _access: Access,
    _board: Board,
) -> Coded:
    return coded(_access, project_id, _board, facet_named(wanted))


@st.cache_resource(max_entries=16, show_spinner=False)
def _picture(
    place: str,
    project_id: int,
    round_id: int | None,
    event_number: int,
    *,
    _board: Board,
    _coding: Coding,
    _box: Box,
    _within: NDArray[np.bool_] | None,
) -> str:
    return picture(_board, _coding, _box, _within)
