"""What a round predicted, ready for a reader: calibrated, with the forbidden classes taken out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from sslapp import durable
from sslapp.review.candidates import Candidates, candidates
from sslapp.review.confidence import calibrated
from sslapp.store.database import reading
from sslapp.store.rounds import finished
from sslapp.store.schema import round_, snapshot
from sslapp.store.state import ProjectState, load_state, withheld
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.projects.classes import class_id
from sslapp.workspace import Workspace

DEFAULT_THRESHOLD = 0.95
NOTHING = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Predictions:
    """A finished round's class probabilities.

    Attributes:
        class_ids: column c of the arrays means class_ids[c].
        probabilities: (N, C) float32, calibrated; N as of the round's snapshot.
    """

    round_id: int
    round_number: int
    class_ids: list[int]
    temperature: float
    probabilities: NDArray[np.float32]

    def forbidden(self, state: ProjectState) -> NDArray[np.bool_]:
        """What readers ruled out by now. Returns (N, C) bool in this round's columns."""
        return ruled_out(state, self.class_ids, len(self.probabilities))

    def best(
        self, positions: NDArray[np.int64], state: ProjectState
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The most probable class that is not ruled out, for ascending positions.

        Returns:
            (n,) columns and (n,) confidences.

        Raises:
            ValueError: for a position that was imported after the round's snapshot, or of which
                readers have ruled out all classes but one.
        """
        count = len(self.probabilities)
        if len(positions) and (positions.min() < 0 or positions.max() >= count):
            raise ValueError(
                f"Round {self.round_number} covers images 0 to {count - 1}; "
                f"image {positions.max()} came later. Start a new round."
            )
        found = candidates(self.probabilities, positions, 0.0, self.forbidden(state), NOTHING)
        if len(found) < len(positions):
            bare = np.setdiff1d(positions, found.positions)[0]
            raise ValueError(f"Image {bare} has no class left to propose; label it instead.")
        order = np.argsort(found.positions)
        return found.columns[order], found.confidence[order]


def ruled_out(state: ProjectState, class_ids: Sequence[int], count: int) -> NDArray[np.bool_]:
    """What a round must not propose: classes that readers ruled out, and those retired since.

    Args:
        class_ids: (C,) what the round's columns mean.
        count: N, so many images it covers.

    Returns:
        (N, C) bool.
    """
    table = np.ones((count, len(class_ids)), dtype=bool)
    live = state.class_ids.tolist()
    for column, known in enumerate(class_ids):
        if known in live:
            table[:, column] = state.forbidden[:count, live.index(known)]
    return table


def read_predictions(
    conn: Connection, workspace: Workspace, project_id: int, round_number: int | None = None
) -> Predictions:
    """The predictions of a round; default: the newest finished one.

    Raises:
        ValueError: when there is none.
    """
    query = (
        select(round_, snapshot.c.class_ids)
        .join(snapshot, snapshot.c.id == round_.c.snapshot_id)
        .where(finished(project_id))
        .order_by(round_.c.number.desc())
    )
    if round_number is not None:
        query = query.where(round_.c.number == round_number)
    row = conn.execute(query.limit(1)).mappings().first()
    if row is None:
        which = "No round" if round_number is None else f"Round {round_number} has not"
        raise ValueError(f"{which} finished yet. Start one and wait for it.")
    raw = durable.read_array(workspace.path(row["probabilities"])).astype(np.float32, copy=False)
    return Predictions(
        round_id=row["id"],
        round_number=row["number"],
        class_ids=list(row["class_ids"]),
        temperature=row["temperature"],
        probabilities=calibrated(raw, row["temperature"]),
    )


@dataclass(frozen=True)
class Proposal:
    """The candidates of a round at a threshold, most doubtful first."""

    predictions: Predictions
    candidates: Candidates


def propose(
    access: Access,
    project: str | int | None,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    per_class: Mapping[str, float] | None = None,
    round_number: int | None = None,
) -> Proposal:
    """What the round proposes for images that have no label, are not withheld and may have one.

    Args:
        threshold: least calibrated confidence.
        per_class: another threshold for some classes, by name.

    Raises:
        ValueError: when a class of `per_class` is not one of the project's.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        predictions = read_predictions(conn, access.workspace, project_id, round_number)
        state = load_state(conn, project_id)
        kept_back = withheld(conn, project_id, predictions.round_id)
        own = {class_id(conn, project_id, name): at for name, at in (per_class or {}).items()}
    limits = [own.get(each, threshold) for each in predictions.class_ids]
    covered = state.pool[state.pool < len(predictions.probabilities)]
    found = candidates(
        predictions.probabilities,
        covered,
        np.array(limits, dtype=np.float32),
        predictions.forbidden(state),
        kept_back,
    )
    return Proposal(predictions, found)
