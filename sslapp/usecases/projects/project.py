"""Create a project, keep its classes, and say how it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection

from sslapp.jobs.history import newest_jobs
from sslapp.store import images, projects, readers
from sslapp.store.database import reading, writing
from sslapp.store.images import ImageSetRow
from sslapp.store.log import events
from sslapp.store.projects import ClassRow, ProjectSettings
from sslapp.store.rounds import rounds_with_jobs
from sslapp.store.state import ProjectState, load_state
from sslapp.usecases.access import Access, find_project, require, require_server_admin
from sslapp.vocabulary import Role, Source


def create_project(
    access: Access,
    name: str,
    classes: Sequence[str] = (),
    settings: ProjectSettings | None = None,
) -> int:
    """Make a project with the caller as its admin, and return its id.

    Raises:
        NotAllowed: when the caller is no server admin.
        ValueError: when the name is taken or empty, or a class occurs twice.
    """
    require_server_admin(access, "create projects")
    with writing(access.engine) as conn:
        return new_project(conn, access, name, classes, settings)


def new_project(
    conn: Connection,
    access: Access,
    name: str,
    classes: Sequence[str] = (),
    settings: ProjectSettings | None = None,
) -> int:
    """Make a project in an open transaction, for whoever checked that it is allowed."""
    project_id = projects.create_project(conn, name, settings or ProjectSettings())
    readers.grant(conn, project_id, access.reader_id, Role.ADMIN)
    for each in classes:
        projects.add_class(conn, project_id, each, access.reader_id)
    return project_id


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
        return projects.add_class(conn, project_id, name, access.reader_id, colour=colour, key=key)


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
        return projects.edit_class(
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
        projects.retire_class(conn, project_id, found, access.reader_id)


def change_settings(
    access: Access,
    project: str | int | None,
    *,
    flip: bool | None = None,
    single_reads: bool | None = None,
) -> bool:
    """Change what may change while images are there; return whether anything changed."""
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        return projects.change_settings(
            conn, project_id, access.reader_id, flip=flip, single_reads=single_reads
        )


def class_id(conn: Connection, project_id: int, name: str) -> int:
    """The id of the live class with that name.

    Raises:
        ValueError: when there is none, listing those there are.
    """
    known = {each.name: each.id for each in projects.classes(conn, project_id)}
    if name not in known:
        raise ValueError(f'There is no class "{name}"; the classes are: {", ".join(known)}.')
    return known[name]


@dataclass(frozen=True)
class Status:
    """How a project stands.

    Attributes:
        counts: images, pool, holdout (drawn and labelled), test, labels per source, ...
        classes: live classes in column order.
        per_class: (C, 4) int64: labels per class and vocabulary.Source code.
        taught: (C,) int64: labels per class that a round would learn from; none of the holdout or
            the test split.
        rounds, jobs: rows, newest first.
        head: number and hash of the newest event.
    """

    project_id: int
    name: str
    settings: ProjectSettings
    counts: dict[str, int]
    classes: list[ClassRow]
    per_class: np.ndarray
    taught: np.ndarray
    rounds: list[dict[str, Any]]
    jobs: list[dict[str, Any]]
    sets: list[ImageSetRow]
    head: tuple[int, str]


def status(access: Access, project: str | int | None = None) -> Status:
    """Read how a project stands, from one consistent view of the database."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        row = projects.find_project(conn, project_id)
        state = load_state(conn, project_id)
        classes = projects.classes(conn, project_id)
        return Status(
            project_id=project_id,
            name=row.name,
            settings=row.settings,
            counts=counts_of(state),
            classes=classes,
            per_class=per_class_of(state),
            taught=np.bincount(state.labels[state.labelled], minlength=len(classes)),
            rounds=rounds_with_jobs(conn, project_id),
            jobs=[dict(each) for each in newest_jobs(conn, project_id)],
            sets=images.image_sets(conn, project_id),
            head=events.head(conn, project_id),
        )


def newest_event(access: Access, project_id: int) -> int:
    """Number of the project's newest event, 0 before the first: while it stays, so does all that
    readers decided."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        return events.head(conn, project_id)[0]


def counts_of(state: ProjectState) -> dict[str, int]:
    """How many images, labels of each source, and actions there are."""
    sources = np.bincount(state.source, minlength=len(Source))
    return {
        "images": len(state.labels),
        "pool": len(state.pool),
        "test": int(state.is_test.sum()),
        "holdout": int(state.holdout.sum()),
        "holdout_labelled": len(state.validation),
        "expert": int(sources[Source.EXPERT]),
        "adjudicated": int(sources[Source.ADJUDICATED]),
        "accepted": int(sources[Source.ACCEPTED]),
        "unsure": int(state.unsure.sum()),
        "none_of_these": len(state.none_of_these),
        "reader_actions": state.reader_actions,
    }


def per_class_of(state: ProjectState) -> np.ndarray:
    """(C, 4) int64: labels per class and vocabulary.Source code."""
    table = np.zeros((len(state.class_ids), len(Source)), dtype=np.int64)
    has = state.labels >= 0
    np.add.at(table, (state.labels[has], state.source[has]), 1)
    return table
