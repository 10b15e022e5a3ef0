"""How far a project is and what a reader has decided, for the page on which they decide.

Both are read after every key, so they are counted by the database and never loaded as arrays.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from sqlalchemy import Connection, Engine, func, select

from sslapp.acquisition.holdout import ENOUGH
from sslapp.store import images, projects
from sslapp.store.database import reading
from sslapp.store.log.kinds import Action, kinds_where
from sslapp.store.schema import current_label, event, holdout, image, label_class, undone
from sslapp.usecases.access import Access, find_project
from sslapp.vocabulary import EventKind, Source, Split

READING = kinds_where(lambda rule: rule.on_screen and rule.action in (Action.LABEL, Action.NOTE))
"""Kinds that the Label page makes, and takes back one after the other."""

DEPTH = 50
"""Decisions that a page gets at once to take back; it asks for more when it needs them."""


@dataclass(frozen=True)
class Progress:
    """How far the labelling is.

    Attributes:
        images: all but the test split.
        labelled: images with a label of a live class, from whatever source.
        per_class: class id -> labels, of every live class.
        holdout, holdout_labelled: drawn, and labelled by a reader.
        holdout_target: how many labels make the measurement worth something.
    """

    images: int
    labelled: int
    holdout: int
    holdout_labelled: int
    holdout_target: int = ENOUGH
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


def progress(access: Access, project: str | int | None) -> Progress:
    """Count the project's labels now."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        live = [each.id for each in projects.classes(conn, project_id)]
        found = conn.execute(
            select(current_label.c.class_id, func.count().label("labels"))
            .where(current_label.c.project_id == project_id)
            .group_by(current_label.c.class_id)
        )
        counts = {row.class_id: row.labels for row in found}
        per_class = {each: counts.get(each, 0) for each in live}
        drawn, judged = _holdout(conn, project_id)
        return Progress(
            images=_readable(access.engine, conn, project_id),
            labelled=sum(per_class.values()),
            per_class=per_class,
            holdout=drawn,
            holdout_labelled=judged,
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
        query = (
            select(event, image.c.sha256)
            .join(
                image,
                (image.c.project_id == event.c.project_id) & (image.c.position == event.c.position),
            )
            .outerjoin(
                undone,
                (undone.c.project_id == event.c.project_id) & (undone.c.number == event.c.number),
            )
            .where(
                event.c.project_id == project_id,
                event.c.reader_id == access.reader_id,
                event.c.kind.in_(READING),
                undone.c.number.is_(None),
            )
            .order_by(event.c.number.desc())
            .limit(count)
        )
        if before is not None:
            query = query.where(event.c.number < before)
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
            for row in conn.execute(query)
        ]


def _holdout(conn: Connection, project_id: int) -> tuple[int, int]:
    """How many images are drawn for the holdout, and how many of them a reader has labelled."""
    mine = holdout.c.project_id == project_id
    drawn = conn.execute(select(func.count()).select_from(holdout).where(mine)).scalar_one()
    judged = conn.execute(
        select(func.count())
        .select_from(holdout)
        .join(
            current_label,
            (current_label.c.project_id == holdout.c.project_id)
            & (current_label.c.position == holdout.c.position),
        )
        .join(label_class, label_class.c.id == current_label.c.class_id)
        .where(mine, current_label.c.source != int(Source.ACCEPTED), ~label_class.c.retired)
    ).scalar_one()
    return drawn, judged


def _readable(engine: Engine, conn: Connection, project_id: int) -> int:
    count = images.image_count(conn, project_id)
    return count - _tests(engine, project_id, count)


@lru_cache(maxsize=64)
def _tests(engine: Engine, project_id: int, count: int) -> int:
    """Test images among the first `count`, which stay what they are; counted once per import."""
    with reading(engine) as conn:
        return conn.execute(
            select(func.count()).where(
                image.c.project_id == project_id,
                image.c.position < count,
                image.c.split == Split.TEST.value,
            )
        ).scalar_one()
