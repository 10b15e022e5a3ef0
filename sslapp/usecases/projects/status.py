"""How a project stands: counts, labels of each class, rounds, jobs, imports."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sslapp.jobs.history import newest_jobs
from sslapp.store import images, label_classes, projects
from sslapp.store.database import reading
from sslapp.store.images import ImageSetRow
from sslapp.store.label_classes import ClassRow
from sslapp.store.log import events
from sslapp.store.projects import ProjectSettings
from sslapp.store.rounds import rounds_with_jobs
from sslapp.store.state import ProjectState, load_state
from sslapp.usecases.access import Access, find_project, require
from sslapp.vocabulary import Source

__all__ = ["ImageSetRow", "Status", "counts_of", "newest_event", "per_class_of", "status"]


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
        classes = label_classes.classes(conn, project_id)
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
