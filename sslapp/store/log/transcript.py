"""A project's log as plain values, and back into an empty database: for whoever has no workspace.

With the log go the facts that its decisions refer to: the project, its classes, its readers and
which images are of the test split. No picture, name of an image or patient is in it.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select

from sslapp.store.integrity import seals
from sslapp.store.log import replay
from sslapp.store.log.chain import now
from sslapp.store.schema import event, image, label_class, project, reader
from sslapp.vocabulary import Split

_ARRAYS = ("members", "member_classes")
_AT_ONCE = 10_000


def facts(conn: Connection, project_id: int) -> dict[str, Any]:
    """What the log's decisions refer to, as JSON can hold it."""
    mine = image.c.project_id == project_id
    last = conn.execute(select(func.max(image.c.position)).where(mine)).scalar()
    test = select(image.c.position).where(mine, image.c.split == Split.TEST.value)
    deciding = select(event.c.reader_id).where(event.c.project_id == project_id)
    return {
        "project": _rows(conn, project, ("id", "name", "settings"), project.c.id == project_id)[0],
        "classes": _rows(
            *(conn, label_class, ("id", "number", "name", "colour", "key", "retired")),
            label_class.c.project_id == project_id,
        ),
        "readers": _rows(conn, reader, ("id", "name"), reader.c.id.in_(deciding)),
        "images": {
            "count": 0 if last is None else last + 1,
            "test": sorted(conn.execute(test).scalars()),
        },
    }


def lines(conn: Connection, project_id: int) -> Iterator[dict[str, Any]]:
    """Every event as JSON can hold it, oldest first; arrays are base64 of what is stored."""
    query = select(event).where(event.c.project_id == project_id).order_by(event.c.number)
    for row in conn.execute(query.execution_options(yield_per=1000)):
        found = dict(row._mapping)
        found["at"] = found["at"].isoformat()
        for name in _ARRAYS:
            if found[name] is not None:
                found[name] = base64.b64encode(found[name]).decode()
        yield found


def restore(conn: Connection, about: Mapping[str, Any], log: Iterable[Mapping[str, Any]]) -> int:
    """Write facts and events into an empty database and derive its tables; return the project's id.

    The events are taken as they are: `verify` says whether they continue each other.
    """
    moment = now()
    project_id = int(about["project"]["id"])
    seals.insert(conn, project, {**about["project"], "created_at": moment})
    for each in about["classes"]:
        seals.insert(conn, label_class, {**each, "project_id": project_id})
    for each in about["readers"]:
        seals.insert(conn, reader, {**each, "created_at": moment})
    _insert_images(conn, project_id, about["images"])
    for each in log:
        row = {**each, "at": datetime.fromisoformat(each["at"])}
        for name in _ARRAYS:
            if row[name] is not None:
                row[name] = base64.b64decode(row[name])
        conn.execute(insert(event), row)
    replay.rebuild(conn, project_id)
    return project_id


def _rows(
    conn: Connection, table: Table, names: Iterable[str], condition: Any
) -> list[dict[str, Any]]:
    query = select(*(table.c[name] for name in names)).where(condition).order_by(table.c.id)
    return [dict(row._mapping) for row in conn.execute(query)]


def _insert_images(conn: Connection, project_id: int, about: Mapping[str, Any]) -> None:
    """Images of which nothing is known but their split."""
    test = set(about["test"])
    for start in range(0, about["count"], _AT_ONCE):
        rows = [
            {
                "project_id": project_id,
                "position": position,
                "name": "",
                "sha256": "",
                "width": 0,
                "height": 0,
                "split": (Split.TEST if position in test else Split.POOL).value,
            }
            for position in range(start, min(start + _AT_ONCE, about["count"]))
        ]
        conn.execute(insert(image), rows)
