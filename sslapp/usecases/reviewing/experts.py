"""What experts have labelled, as a small index in the project's embedding: where evidence is from.

Images of the holdout are no evidence: who reviews must not learn from what measures the review.
"""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp import durable
from sslapp.embedding.index import NeighbourIndex
from sslapp.review.evidence import Evidence, evidence_among
from sslapp.store.embeddings import neighbourhood, newest_neighbourhood
from sslapp.store.labels import expert_labels
from sslapp.store.rounds import finished_round
from sslapp.usecases.access import Access
from sslapp.vocabulary import Space

NEIGHBOURS = 5
KEPT = 4
"""Indexes kept in this process; the one unused for longest goes first."""


@dataclass(frozen=True, eq=False)
class Experts:
    """The expert-labelled images of a project in one embedding.

    Attributes:
        space: whose features they are.
        features: (N, D) of all images, memory-mapped.
        positions: (n,) int64 ascending, those labelled by an expert or an adjudicator.
        classes: (n,) int64 their class ids.
        index: whose row i is positions[i].
    """

    space: Space
    features: NDArray[np.generic]
    positions: NDArray[np.int64]
    classes: NDArray[np.int64]
    index: NeighbourIndex

    def __len__(self) -> int:
        return len(self.positions)

    def covers(self, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(q,) bool: which images the embedding has; newer ones it has not."""
        return positions < len(self.features)

    def evidence(self, positions: NDArray[np.int64], k: int = NEIGHBOURS) -> Evidence:
        """The k nearest expert-labelled images of (q,) images that the embedding covers."""
        asked = np.asarray(self.features[positions], dtype=np.float32)
        return evidence_among(self.index, asked, positions, self.positions, self.classes, k=k)


def experts(
    conn: Connection,
    access: Access,
    project_id: int,
    round_number: int | None,
    space: Space | None = None,
) -> Experts | None:
    """The experts' images among a round's features; None when nothing is embedded yet.

    The index is made anew only when what the experts said has changed; accepted pseudo-labels and
    other decisions leave it as it is.

    Args:
        round_number: None without a round: in the newest embedding.
        space: whose features; default: those of the round's own model where it has some.
    """
    if round_number is None:
        near = newest_neighbourhood(conn, project_id)
    else:
        near = neighbourhood(conn, finished_round(conn, project_id, round_number), space)
    if near is None:
        return None
    features = durable.read_array(access.workspace.path(near.features))
    labels = expert_labels(conn, project_id, len(features))
    digest = hashlib.sha256(labels.tobytes()).hexdigest()
    key = (str(access.workspace.url), str(access.workspace.root), near.features, digest)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    made = _build(near.space, features, labels)
    with _lock:
        _kept[key] = made
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return made


_kept: OrderedDict[tuple[str, str, str, str], Experts] = OrderedDict()
_lock = threading.Lock()


def _build(space: Space, features: NDArray[np.generic], labels: NDArray[np.int64]) -> Experts:
    positions, classes = labels[:, 0].copy(), labels[:, 1].copy()
    index = NeighbourIndex(np.asarray(features[positions], dtype=np.float32))
    return Experts(space, features, positions, classes, index)
