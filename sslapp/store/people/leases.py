"""Leases: which reader has which image before them, so that two do not work on the same one.

A lease is a courtesy and no lock: it lapses by itself, and a decision counts without one. Lapsed
leases are removed by the next `take` of their project.
"""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from sslapp.store.schema import lease
from sslapp.vocabulary import Purpose

_AT_ONCE = 500  # a database limits the parameters of a statement


def take(  # noqa: PLR0917
    conn: Connection,
    project_id: int,
    reader_id: int,
    positions: NDArray[np.int64],
    purpose: Purpose,
    now: datetime,
    until: datetime,
) -> NDArray[np.int64]:
    """Lease images to a reader; those that are the reader's already are renewed.

    Args:
        conn: a write transaction of the project.
        project_id: the project.
        reader_id: who has the images before them.
        positions: (n,) int64 images of the project, each once.
        purpose: what the reader has them for; another purpose is another lease.
        now: UTC, naive; leases that end at or before it have lapsed.
        until: UTC, naive; when the new leases lapse.

    Returns:
        (m,) int64 positions granted, in the order given: all but those that another reader holds.
    """
    conn.execute(lease.delete().where(lease.c.project_id == project_id, lease.c.expires_at <= now))
    theirs = others(conn, project_id, reader_id, purpose, now)
    granted = positions[~np.isin(positions, theirs)]
    release(conn, project_id, reader_id, purpose, granted)
    rows = [
        {
            "project_id": project_id,
            "position": position,
            "purpose": purpose.value,
            "reader_id": reader_id,
            "expires_at": until,
        }
        for position in granted.tolist()
    ]
    if rows:
        conn.execute(lease.insert(), rows)
    return granted


def release(
    conn: Connection,
    project_id: int,
    reader_id: int,
    purpose: Purpose,
    positions: NDArray[np.int64] | None = None,
) -> None:
    """Give up the reader's leases on these images ((n,) int64), or on all with None."""
    own = (
        lease.c.project_id == project_id,
        lease.c.reader_id == reader_id,
        lease.c.purpose == purpose.value,
    )
    if positions is None:
        conn.execute(lease.delete().where(*own))
        return
    held = conn.execute(select(lease.c.position).where(*own)).scalars().all()
    given_up = np.intersect1d(np.asarray(held, np.int64), positions).tolist()
    for start in range(0, len(given_up), _AT_ONCE):
        some = given_up[start : start + _AT_ONCE]
        conn.execute(lease.delete().where(*own, lease.c.position.in_(some)))


def others(
    conn: Connection, project_id: int, reader_id: int, purpose: Purpose, now: datetime
) -> NDArray[np.int64]:
    """(n,) int64 sorted positions that other readers hold for this purpose at this time."""
    found = conn.execute(
        select(lease.c.position)
        .where(
            lease.c.project_id == project_id,
            lease.c.reader_id != reader_id,
            lease.c.purpose == purpose.value,
            lease.c.expires_at > now,
        )
        .order_by(lease.c.position)
    )
    return np.asarray(found.scalars().all(), np.int64)


def held(
    conn: Connection, project_id: int, reader_id: int, purpose: Purpose, until: datetime
) -> set[int]:
    """Positions that a reader has leased until after a moment (UTC)."""
    query = select(lease.c.position).where(
        lease.c.project_id == project_id,
        lease.c.reader_id == reader_id,
        lease.c.purpose == purpose.value,
        lease.c.expires_at > until,
    )
    return set(conn.execute(query).scalars())
