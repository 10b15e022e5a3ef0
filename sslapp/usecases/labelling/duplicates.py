"""Images with equal pixels: list them, and give them the label that one of them has."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslapp.store import images
from sslapp.store.database import reading, writing
from sslapp.store.log import events
from sslapp.store.log.events import Draft
from sslapp.store.state import ProjectState, load_state
from sslapp.usecases.access import Access, find_project, new_key
from sslapp.vocabulary import EventKind, Source


@dataclass(frozen=True)
class Duplicates:
    """Images whose pixels are equal.

    Attributes:
        positions: (n,) int64, n >= 2.
        class_ids: the classes that readers gave them; two or more is a contradiction.
        unlabelled: those of the pool that could take the one class, as positions.
    """

    positions: NDArray[np.int64]
    class_ids: list[int]
    unlabelled: list[int]


def duplicates(access: Access, project: str | int | None) -> list[Duplicates]:
    """All groups of equal images, by their first position."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        state = load_state(conn, project_id)
        return [_describe(group, state) for group in images.duplicates(conn, project_id)]


def copy_labels(access: Access, project: str | int | None) -> int:
    """Label every unlabelled image of the pool as its labelled duplicate; return how many.

    Groups whose labels contradict each other are left alone. Labels of the holdout are not copied
    into what is trained on, nor the other way round.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        state = load_state(conn, project_id)
        groups = [_describe(group, state) for group in images.duplicates(conn, project_id)]
        drafts = [
            Draft(
                kind=EventKind.LABEL,
                key=new_key(),
                reader_id=access.reader_id,
                position=position,
                class_id=group.class_ids[0],
                payload={"origin": "duplicate"},
            )
            for group in groups
            if len(group.class_ids) == 1
            for position in group.unlabelled
        ]
        if drafts:
            events.append_many(conn, project_id, drafts)
    return len(drafts)


def _describe(group: NDArray[np.int64], state: ProjectState) -> Duplicates:
    by_readers = np.isin(state.source[group], [Source.EXPERT, Source.ADJUDICATED])
    trained_on = group[by_readers & ~state.holdout[group] & ~state.is_test[group]]
    columns = np.unique(state.labels[trained_on])
    return Duplicates(
        positions=group,
        class_ids=state.class_ids[columns].tolist(),
        unlabelled=np.intersect1d(group, state.pool).tolist(),
    )
