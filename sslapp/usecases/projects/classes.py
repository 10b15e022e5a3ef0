"""A project's classes: added, changed, retired, never deleted."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.store import label_classes
from sslapp.store.database import writing
from sslapp.store.errors import Refused
from sslapp.store.label_classes import KEYS, PALETTE, ClassRow
from sslapp.usecases.access import Access, find_project, require
from sslapp.vocabulary import Role

__all__ = [
    "ClassRow",
    "add_class",
    "class_id",
    "edit_class",
    "free_keys",
    "live_class_ids",
    "next_colour",
    "retire_class",
]


def add_class(
    access: Access,
    project: str | int | None,
    name: str,
    *,
    colour: str | None = None,
    key: str | None = None,
) -> int:
    """Add a class and return its id; colour and key are chosen unless given."""
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        return label_classes.add_class(
            conn, project_id, name, access.reader_id, colour=colour, key=key
        )


def edit_class(
    access: Access,
    project: str | int | None,
    class_: str | int,
    *,
    name: str | None = None,
    colour: str | None = None,
    key: str | None = None,
) -> bool:
    """Rename or recolour a class or give it another key; return whether anything changed.

    Args:
        class_: the name or the id of a class in use.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        found = class_ if isinstance(class_, int) else class_id(conn, project_id, class_)
        return label_classes.edit_class(
            conn, project_id, found, access.reader_id, name=name, colour=colour, key=key
        )


def retire_class(access: Access, project: str | int | None, class_: str | int) -> None:
    """Retire a class: its labels no longer count and it takes part in no further round.

    Args:
        class_: the name or the id of a class in use.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        found = class_ if isinstance(class_, int) else class_id(conn, project_id, class_)
        label_classes.retire_class(conn, project_id, found, access.reader_id)


def free_keys(classes: Sequence[ClassRow], edited: ClassRow | None = None) -> list[str]:
    """Keys that no other class has, in the order they are given.

    Args:
        classes: those in use.
        edited: the class that gets one of them and may keep its own; None for a new one.
    """
    taken = {each.key for each in classes if edited is None or each.id != edited.id}
    return [key for key in KEYS if key not in taken]


def next_colour(classes: Sequence[ClassRow]) -> str:
    """The colour "#RRGGBB" to propose for a new class: the first that no class in use has."""
    used = {each.colour.upper() for each in classes}
    free = [colour for colour in PALETTE if colour.upper() not in used]
    return free[0] if free else PALETTE[len(classes) % len(PALETTE)]


def class_id(conn: Connection, project_id: int, name: str) -> int:
    """The id of the live class with that name.

    Raises:
        ValueError: when there is none, listing those there are.
    """
    known = {each.name: each.id for each in label_classes.classes(conn, project_id)}
    if name not in known:
        raise ValueError(f'There is no class "{name}"; the classes are: {", ".join(known)}.')
    return known[name]


def live_class_ids(conn: Connection, project_id: int) -> NDArray[np.int64]:
    """(C,) int64 sorted ids of the classes in use: what an image is none of, if no class fits it.

    Raises:
        Refused: when the project has no class.
    """
    found = sorted(each.id for each in label_classes.classes(conn, project_id))
    if not found:
        raise Refused("The project has no class yet that an image could be none of. Add one first.")
    return np.array(found, dtype=np.int64)
