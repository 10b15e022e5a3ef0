"""Which labels a lot is made of, and how sure each was when it was given."""

import numpy as np
from sqlalchemy import Connection

from sslapp.review.audits.audit import Lot
from sslapp.rounds.predictions import predictions_at
from sslapp.store import rounds
from sslapp.store.log.audits import labels_given
from sslapp.usecases.auditing.opened import as_kept
from sslapp.workspace import Workspace

UNKNOWN = 0.5
"""The confidence of a label that no round vouches for: such labels are looked at first."""

JUDGED = 0.95
"""The least confidence of a label that a reader gave to one image with a suggestion in sight."""


def labels_not_blind(conn: Connection, workspace: Workspace, project_id: int) -> Lot:
    """Every label that nobody gave singly and blind, with the confidence of its round in it."""
    given = labels_given(conn, project_id)
    rows = np.flatnonzero(~given.blind)
    confidence = np.full(len(rows), UNKNOWN)
    finished = {each.id: each for each in rounds.finished_rounds(conn, project_id)}
    for round_id in np.unique(given.rounds[rows]).tolist():
        found = finished.get(round_id)
        if found is None:
            continue
        mine = np.flatnonzero(given.rounds[rows] == round_id)
        predictions = predictions_at(conn, workspace, found, given.positions[rows[mine]])
        confidence[mine] = predictions.confidence_in(given.class_ids[rows[mine]], UNKNOWN)
    looked_at = ~given.in_bulk[rows] & (given.rounds[rows] > 0)
    confidence[looked_at] = np.maximum(confidence[looked_at], JUDGED)
    return Lot(given.positions[rows], given.class_ids[rows], as_kept(confidence))
