"""What the store itself knows of rounds: which have finished, and the curves that they left."""

import hashlib
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from sslapp.store.log.chain import canonical
from sslapp.store.schema import round_, round_metric


def finished(project_id: int) -> ColumnElement[bool]:
    """A condition on the table of rounds: this project's rounds that have predictions.

    Predictions and the job's end are written in one transaction; what there is to review, to
    compare and to report are the predictions.
    """
    return (round_.c.project_id == project_id) & round_.c.probabilities.is_not(None)


def curves_hash(conn: Connection, round_id: int) -> str:
    """sha256 over a round's metrics at every step, as its row keeps it when it has ended."""
    query = select(round_metric.c.step, round_metric.c.name, round_metric.c.value).where(
        round_metric.c.round_id == round_id
    )
    listed: list[list[Any]] = sorted([row.step, row.name, row.value] for row in conn.execute(query))
    return hashlib.sha256(canonical(listed).encode()).hexdigest()
