"""How far a project is and what a reader has decided, for the page on which they decide.

Both are read after every key, so they cost what has changed since and not what there is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from sqlalchemy import Connection, Engine

from sslapp.acquisition.holdout import target
from sslapp.store import images, label_classes
from sslapp.store.database import reading
from sslapp.store.log.decisions import standing_decisions
from sslapp.store.log.kinds import Action, kinds_where
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.labelling.label_counts import label_counts
from sslapp.vocabulary import EventKind

READING = kinds_where(lambda rule: rule.on_screen and rule.action in (Action.LABEL, Action.NOTE))
"""Kinds that the Label page makes, and takes back one after the other."""

DEPTH = 50
"""Decisions that a page gets at once to take back; it asks for more when it needs them."""


@dataclass(frozen=True)
class LabelProgress:
    """How far the labelling is.

    Attributes:
        images: all but the test split.
        labelled: images with a label of a live class, from whatever source.
        per_class: class id -> labels, of every live class.
        holdout, holdout_labelled: drawn, and labelled by a reader.
        holdout_target: how many labels it is filled to next.
    """

    images: int
    labelled: int
    holdout: int
    holdout_labelled: int
    holdout_target: int
    per_class: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Decided:
    """A standing decision of the reader about one image, whose content hash is `image`."""

    number: int
    key: str
    kind: EventKind
    position: int
    image: str
    class_id: int | None
    comment: str | None


def label_progress(access: Access, project: str | int | None) -> LabelProgress:
    """Count the project's labels now."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        live = [each.id for each in label_classes.classes(conn, project_id)]
        counts = label_counts(access.engine, conn, project_id)
        per_class = {each: counts.labels[each] for each in live}
        judged = sum(counts.judged[each] for each in live)
        readable = _readable(access.engine, conn, project_id)
        return LabelProgress(
            images=readable,
            labelled=sum(per_class.values()),
            per_class=per_class,
            holdout=counts.holdout,
            holdout_labelled=judged,
            holdout_target=target(judged, readable),
        )


def decided(
    access: Access, project: str | int | None, before: int | None = None, count: int = DEPTH
) -> list[Decided]:
    """The reader's latest standing decisions of the Label page, newest first.

    Args:
        before: only events with a lower number.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        rows = standing_decisions(
            conn, project_id, access.reader_id, READING, before=before, limit=count
        )
        return [
            Decided(
                row.number,
                row.key,
                EventKind(row.kind),
                row.position,
                row.sha256,
                row.class_id,
                json.loads(row.payload).get("comment"),
            )
            for row in rows
        ]


def _readable(engine: Engine, conn: Connection, project_id: int) -> int:
    count = images.image_count(conn, project_id)
    return count - _tests(engine, project_id, count)


@lru_cache(maxsize=64)
def _tests(engine: Engine, project_id: int, count: int) -> int:
    """Test images among the first `count`, which stay what they are; counted once per import."""
    with reading(engine) as conn:
        return images.count_of_test_split(conn, project_id, count)
