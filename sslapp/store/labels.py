"""Current labels with who gave them: of a few images, and of all for an export.

`state.load_state` reads the whole project as arrays; what is asked after every key asks here, for
the images that it is about alone.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Result, Select, func, select

from sslapp.store.log.kinds import rule_of
from sslapp.store.log.origins import first_given
from sslapp.store.schema import (
    current_label,
    event,
    forbidden_class,
    holdout,
    image,
    label_class,
    lease,
    reader,
    round_,
    withheld,
)
from sslapp.vocabulary import Purpose, Source, Split

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class CurrentLabel:
    """An image's current label: its class id and name, source, and the reader who gave it.

    Of an imported label `reader` names who gave it first, and `reader_id` is who imported it.
    """

    class_id: int
    class_name: str
    source: Source
    reader_id: int
    reader: str


def current_labels(
    conn: Connection, project_id: int, positions: Sequence[int] | Positions
) -> dict[int, CurrentLabel]:
    """Position -> current label, for those of a few images that have one of a class in use."""
    query = (
        select(
            *(current_label.c.position, current_label.c.class_id, current_label.c.source),
            label_class.c.name.label("class_name"),
            *(event.c.reader_id, event.c.kind, event.c.number),
            reader.c.name.label("reader"),
        )
        .join(
            event,
            (event.c.project_id == current_label.c.project_id)
            & (event.c.number == current_label.c.event_number),
        )
        .join(reader, reader.c.id == event.c.reader_id)
        .join(label_class, label_class.c.id == current_label.c.class_id)
        .where(
            current_label.c.project_id == project_id,
            current_label.c.position.in_(_listed(positions)),
            ~label_class.c.retired,
        )
    )
    rows = conn.execute(query).all()
    imported = {row.position: row.number for row in rows if rule_of(row.kind).imported}
    first = first_given(conn, project_id, imported) if imported else {}
    names = {position: each.reader for position, each in first.items() if each.reader}
    return {
        row.position: CurrentLabel(
            *(row.class_id, row.class_name, Source(row.source), row.reader_id),
            names.get(row.position, row.reader),
        )
        for row in rows
    }


def expert_labels(conn: Connection, project_id: int, count: int) -> NDArray[np.int64]:
    """(n, 2) int64: position and class id of what experts labelled, by position.

    Images of the holdout and the test split are left out, and labels of retired classes.

    Args:
        count: only images at positions below it.
    """
    here = (current_label.c.project_id, current_label.c.position)
    drawn = select(holdout.c.position).where(
        holdout.c.project_id == here[0], holdout.c.position == here[1]
    )
    query = (
        select(current_label.c.position, current_label.c.class_id)
        .join(image, (image.c.project_id == here[0]) & (image.c.position == here[1]))
        .join(label_class, label_class.c.id == current_label.c.class_id)
        .where(
            current_label.c.project_id == project_id,
            current_label.c.position < count,
            current_label.c.source.in_([int(Source.EXPERT), int(Source.ADJUDICATED)]),
            image.c.split != Split.TEST.value,
            label_class.c.retired.is_(False),
            ~drawn.exists(),
        )
        .order_by(current_label.c.position)
    )
    rows = [tuple(row) for row in conn.execute(query)]
    return np.array(rows, dtype=np.int64).reshape(len(rows), 2)


@dataclass(frozen=True, eq=False)
class Givers:
    """Who gave the current labels of N images, and when; of an imported one who gave it first.

    Attributes:
        readers: (N,) int16, 0 for no label, else 1 + an index into `names`.
        names: of the readers, in order.
        days: (N,) datetime64[D], UTC; NaT for no label.
    """

    readers: NDArray[np.int16]
    names: tuple[str, ...]
    days: NDArray[np.datetime64]


def givers(conn: Connection, project_id: int, count: int) -> Givers:
    """Who gave each current label, and when.

    Args:
        count: only images at positions below it.
    """
    query = (
        select(
            *(current_label.c.position, event.c.number, event.c.kind, event.c.at),
            reader.c.name.label("reader"),
        )
        .join(
            event,
            (event.c.project_id == current_label.c.project_id)
            & (event.c.number == current_label.c.event_number),
        )
        .join(reader, reader.c.id == event.c.reader_id)
        .where(current_label.c.project_id == project_id, current_label.c.position < count)
    )
    rows = conn.execute(query).all()
    imported = {row.position: row.number for row in rows if rule_of(row.kind).imported}
    first = first_given(conn, project_id, imported) if imported else {}
    readers = np.zeros(count, dtype=np.int16)
    days = np.full(count, "NaT", dtype="datetime64[D]")
    numbers: dict[str, int] = {}
    for row in rows:
        origin = first.get(row.position)
        name = row.reader if origin is None else origin.reader or row.reader
        at = row.at if origin is None else origin.at or row.at
        readers[row.position] = numbers.setdefault(name, len(numbers) + 1)
        days[row.position] = np.datetime64(at, "D")
    names = sorted(numbers)
    # codes in the order of the names
    place = np.array([0, *(1 + names.index(each) for each in numbers)], dtype=np.int16)
    return Givers(place[readers], tuple(names), days)


def label_rows(
    conn: Connection, project_id: int, positions: Positions | None = None
) -> NDArray[np.int64]:
    """(n, 3) int64: position, class id and source of current labels, of retired classes too.

    Args:
        positions: of these images; default: of all.
    """
    query = select(
        current_label.c.position, current_label.c.class_id, current_label.c.source
    ).where(current_label.c.project_id == project_id)
    if positions is not None:
        query = query.where(current_label.c.position.in_(_listed(positions)))
    rows = [tuple(row) for row in conn.execute(query)]
    return np.array(rows, dtype=np.int64).reshape(len(rows), 3)


def holdout_positions(
    conn: Connection, project_id: int, positions: Positions | None = None
) -> Positions:
    """(n,) int64: images drawn for the holdout, of these or by default of all."""
    query = select(holdout.c.position).where(holdout.c.project_id == project_id)
    if positions is not None:
        query = query.where(holdout.c.position.in_(_listed(positions)))
    return np.array(conn.execute(query).scalars().all(), dtype=np.int64)


def in_holdout(conn: Connection, project_id: int, positions: Positions) -> NDArray[np.bool_]:
    """(q,) bool: which of (q,) images are drawn for the holdout."""
    return np.isin(positions, holdout_positions(conn, project_id, positions))


def are_withheld(
    conn: Connection, project_id: int, round_id: int, positions: Positions
) -> NDArray[np.bool_]:
    """(q,) bool: which of (q,) images are off the candidate list of a round."""
    query = select(withheld.c.position).where(
        withheld.c.project_id == project_id,
        withheld.c.round_id == round_id,
        withheld.c.position.in_(_listed(positions)),
    )
    return np.isin(positions, np.array(conn.execute(query).scalars().all(), dtype=np.int64))


def labelled_since(conn: Connection, project_id: int, number: int) -> Positions:
    """(n,) int64: images whose current label was given after an event."""
    query = select(current_label.c.position).where(
        current_label.c.project_id == project_id, current_label.c.event_number > number
    )
    return np.array(conn.execute(query).scalars().all(), dtype=np.int64)


def holders(
    conn: Connection, project_id: int, purpose: Purpose, positions: Positions
) -> dict[int, str]:
    """Position -> name of the reader who has that image before them."""
    query = (
        select(lease.c.position, reader.c.name)
        .join(reader, reader.c.id == lease.c.reader_id)
        .where(
            lease.c.project_id == project_id,
            lease.c.purpose == purpose.value,
            lease.c.position.in_(_listed(positions)),
        )
    )
    return {row.position: row.name for row in conn.execute(query)}


def _listed(positions: Sequence[int] | Positions) -> list[int]:
    return np.asarray(positions, dtype=np.int64).tolist()


def count_labels(conn: Connection, project_id: int) -> dict[tuple[int, Source], int]:
    """(class id, source) -> images with such a current label; retired classes included."""
    query = (
        select(current_label.c.class_id, current_label.c.source, func.count())
        .where(current_label.c.project_id == project_id)
        .group_by(current_label.c.class_id, current_label.c.source)
    )
    return {(class_id, Source(code)): number for class_id, code, number in conn.execute(query)}


def accepted_labels(conn: Connection, project_id: int) -> dict[int, int]:
    """Number of a round -> images whose current label is its accepted pseudo-label."""
    rows = conn.execute(
        select(round_.c.number, func.count().label("labels"))
        .select_from(current_label)
        .join(
            event,
            (event.c.project_id == current_label.c.project_id)
            & (event.c.number == current_label.c.event_number),
        )
        .join(round_, round_.c.id == event.c.round_id)
        .where(current_label.c.project_id == project_id, current_label.c.source == Source.ACCEPTED)
        .group_by(round_.c.number)
    )
    return {row.number: row.labels for row in rows}


_ABOUT_IMAGE = (image.c.group_key.label("group"), image.c.split, image.c.sha256)


def exported_labels(
    conn: Connection,
    project_id: int,
    class_ids: Sequence[int],
    sources: Collection[Source],
    limit: int | None = None,
) -> Result[Any]:
    """The current labels, a row an image, by position.

    Its columns: `position`, `name` (the image's), `class`, `class_id`, `source` (its code),
    `reader` (who decided; of an imported label who imported it), `at` (UTC), `event` (number of the
    decision), `round` (number of the round that the decision names), `holdout` (the number of the
    event that drew it), `group`, `split` and `sha256`.

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
            event.c.at,
            current_label.c.event_number.label("event"),
            round_.c.number.label("round"),
            holdout.c.event_number.label("holdout"),
            *_ABOUT_IMAGE,
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
        .outerjoin(
            holdout,
            (holdout.c.project_id == current_label.c.project_id)
            & (holdout.c.position == current_label.c.position),
        )
        .where(
            current_label.c.project_id == project_id,
            current_label.c.class_id.in_(class_ids),
            current_label.c.source.in_([int(each) for each in sources]),
        )
        .order_by(current_label.c.position)
        .limit(limit)
    )
    return conn.execute(query)


def exported_none(
    conn: Connection, project_id: int, class_ids: Sequence[int], limit: int | None = None
) -> Result[Any]:
    """The images that none of these classes fits, a row an image, by position.

    Columns as of `exported_labels` without class and round; the decision is the last that was
    needed.

    Args:
        class_ids: the classes in use.
        limit: how many rows at most; None for all.
    """
    out = _none_of(project_id, class_ids).subquery()
    query = (
        select(
            *(out.c.position, image.c.name),
            reader.c.name.label("reader"),
            *(event.c.at, out.c.event),
            holdout.c.event_number.label("holdout"),
            *_ABOUT_IMAGE,
        )
        .join(image, (image.c.project_id == project_id) & (image.c.position == out.c.position))
        .join(event, (event.c.project_id == project_id) & (event.c.number == out.c.event))
        .outerjoin(reader, reader.c.id == event.c.reader_id)
        .outerjoin(
            holdout,
            (holdout.c.project_id == project_id) & (holdout.c.position == out.c.position),
        )
        .order_by(out.c.position)
        .limit(limit)
    )
    return conn.execute(query)


def none_among(
    conn: Connection, project_id: int, class_ids: Sequence[int], positions: Sequence[int]
) -> set[int]:
    """Those of a few images that are none of the classes in use."""
    query = _none_of(project_id, class_ids).where(
        forbidden_class.c.position.in_(_listed(positions))
    )
    return {row.position for row in conn.execute(query)}


def count_none(conn: Connection, project_id: int, class_ids: Sequence[int]) -> int:
    """How many images are none of the classes in use."""
    found = _none_of(project_id, class_ids).subquery()
    return conn.execute(select(func.count()).select_from(found)).scalar_one()


def _none_of(project_id: int, class_ids: Sequence[int]) -> Select[tuple[int, int]]:
    """position and `event` of the images without a label for which all these classes, one at
    least, are forbidden."""
    labelled = select(current_label.c.position).where(
        current_label.c.project_id == project_id,
        current_label.c.position == forbidden_class.c.position,
        current_label.c.class_id.in_(class_ids),
    )
    return (
        select(forbidden_class.c.position, func.max(forbidden_class.c.event_number).label("event"))
        .where(
            forbidden_class.c.project_id == project_id,
            forbidden_class.c.class_id.in_(class_ids),
            ~labelled.exists(),
        )
        .group_by(forbidden_class.c.position)
        .having(func.count() == len(class_ids))
    )
