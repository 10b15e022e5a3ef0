"""Current labels with all that an export says of each, and how many there are."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Result, func, select

from sslapp.store.schema import current_label, event, image, label_class, reader, round_
from sslapp.vocabulary import Source


def count_labels(conn: Connection, project_id: int) -> dict[tuple[int, Source], int]:
    """(class id, source) -> images with such a current label; retired classes included."""
    query = (
        select(current_label.c.class_id, current_label.c.source, func.count())
        .where(current_label.c.project_id == project_id)
        .group_by(current_label.c.class_id, current_label.c.source)
    )
    return {(class_id, Source(code)): number for class_id, code, number in conn.execute(query)}


def exported_labels(
    conn: Connection,
    project_id: int,
    class_ids: Sequence[int],
    sources: Collection[Source],
    limit: int | None = None,
) -> Result[Any]:
    """The current labels, a row an image, by position.

    Its columns: `position`, `name` (the image's), `class`, `class_id`, `source` (its code),
    `reader` (who decided), `event` (number of the decision), `round` (number of the round that the
    decision names), `group`, `split` and `sha256`.

    Args:
        class_ids: the classes whose labels count.
        sources: the sources whose labels are wanted.
        limit: how many rows at most; None for all.
    """
    query = (
        select(
            current_label.c.position,
            image.c.name,
            label_class.c.name.label("class"),
            current_label.c.class_id,
            current_label.c.source,
            reader.c.name.label("reader"),
            current_label.c.event_number.label("event"),
            round_.c.number.label("round"),
            image.c.group_key.label("group"),
            image.c.split,
            image.c.sha256,
        )
        .join(
            image,
            (image.c.project_id == current_label.c.project_id)
            & (image.c.position == current_label.c.position),
        )
        .join(label_class, label_class.c.id == current_label.c.class_id)
        .join(
            event,
            (event.c.project_id == current_label.c.project_id)
            & (event.c.number == current_label.c.event_number),
        )
        .outerjoin(reader, reader.c.id == event.c.reader_id)
        .outerjoin(round_, round_.c.id == event.c.round_id)
        .where(
            current_label.c.project_id == project_id,
            current_label.c.class_id.in_(class_ids),
            current_label.c.source.in_([int(each) for each in sources]),
        )
        .order_by(current_label.c.position)
        .limit(limit)
    )
    return conn.execute(query)
