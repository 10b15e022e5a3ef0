"""Add, rename, recolour, re-key and retire the classes of a project."""

import zlib
from collections.abc import Callable

import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.usecases.access import Access
from sslapp.usecases.projects import classes
from sslapp.usecases.projects.classes import ClassRow
from sslapp.usecases.projects.status import Status
from sslapp.words import count

NEW = -1
NO_KEY = ""
FAULT = "projects-class-fault"


def show(access: Access, status: Status) -> None:
    """Draw the choice of a class and the fields that edit it; for admins of the project."""
    row = _choose(status)
    name, colour, key = _fields(status, row)
    with st.container(horizontal=True):
        pressed = st.button("Save" if row else "Add class", key="projects-class-save")
        if row is not None:
            _retire(access, status, row)
    faults.show(FAULT)
    if pressed and row is None:
        _attempt(lambda: classes.add_class(access, status.project_id, name, colour=colour, key=key))
    elif pressed and row is not None:
        _attempt(
            lambda: classes.edit_class(
                access, status.project_id, row.id, name=name, colour=colour, key=key
            )
        )


def _choose(status: Status) -> ClassRow | None:
    """The class to edit; None for a new one."""
    rows = {row.id: row for row in status.classes}
    offered = [*rows, NEW]
    kept = f"projects-class-chosen-{status.project_id}"
    chosen = st.session_state.get(kept)
    # the browser keeps a choice by its words, so other words need another widget
    mark = zlib.crc32(repr([_title(row) for row in rows.values()]).encode())
    picked = st.selectbox(
        "Class",
        offered,
        index=offered.index(chosen) if chosen in offered else 0,
        format_func=lambda each: _title(rows[each]) if each in rows else "New class …",
        key=f"projects-class-{status.project_id}-{mark}",
    )
    st.session_state[kept] = picked if rows else None  # the first class is chosen when it comes
    return rows.get(picked)


def _title(row: ClassRow) -> str:
    return f"{row.key} · {row.name}" if row.key else row.name


def _fields(status: Status, row: ClassRow | None) -> tuple[str, str, str]:
    """Draw name, colour and key of a class, or of the next one; return what they say now."""
    # another reader's change gives the widgets other keys, so that they show what is true now
    mark = f"{status.project_id}-{_mark(status, row)}"
    keys = [*classes.free_keys(status.classes, row), NO_KEY]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        colour = st.color_picker(
            "Colour",
            row.colour if row else classes.next_colour(status.classes),
            key=f"projects-class-colour-{mark}",
        )
        name = st.text_input(
            "Name", row.name if row else "", max_chars=200, key=f"projects-class-name-{mark}"
        )
        key = st.selectbox(
            "Key",
            keys,
            index=keys.index(row.key) if row else 0,
            format_func=lambda each: each or "none",
            key=f"projects-class-key-{mark}",
            width=90,
        )
    # the picker gives small letters, and a colour that was not touched is no change
    untouched = row is not None and colour.lower() == row.colour.lower()
    return name or "", row.colour if row and untouched else colour, key or NO_KEY


def _mark(status: Status, row: ClassRow | None) -> int:
    shown = repr(row) if row else repr([(each.id, each.key) for each in status.classes])
    return zlib.crc32(shown.encode())


def _retire(access: Access, status: Status, row: ClassRow) -> None:
    column = [each.id for each in status.classes].index(row.id)
    labels = count(int(status.per_class[column].sum()), "label")
    with st.popover("Retire …", key=f"projects-retire-{row.id}"):
        st.markdown(
            f"**Retire {plain.markdown(row.name)}?** Its {labels} stay in the record but count no "
            "longer, those images go back to the pool, and no further round knows the class. Its "
            "number is never used again. This cannot be undone."
        )
        if st.button(f"Retire {plain.markdown(row.name)}", key=f"projects-retire-yes-{row.id}"):
            _attempt(lambda: classes.retire_class(access, status.project_id, row.id))


def _attempt(command: Callable[[], object]) -> None:
    faults.attempt(FAULT, command)
    st.rerun()
