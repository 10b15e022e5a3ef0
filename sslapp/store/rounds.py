"""What the store itself knows of rounds: the curves that a training left."""

import hashlib
from typing import Any

from sqlalchemy import Connection, select

from sslapp.store.chain import canonical
from sslapp.store.schema import round_metric


def curves_hash(conn: Connection, round_id: int) -> str:
    """sha256 over a round's metrics at every step, as its row keeps it when it has ended."""
    query = select(round_metric.c.step, round_metric.c.name, round_metric.c.value).where(
        round_metric.c.round_id == round_id
    )
    listed: list[list[Any]] = sorted([row.step, row.name, row.value] for row in conn.execute(query))
    return hashlib.sha256(canonical(listed).encode()).hexdigest()
