"""The rows of an export: every label with where it comes from, and how many of each there are."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp import durable
from sslapp.datasets.export import NONE_OF_THESE
from sslapp.review.confidence import scaling_of
from sslapp.store import label_classes
from sslapp.store.database import reading
from sslapp.store.label_classes import ClassRow
from sslapp.store.labels import count_labels, count_none, exported_labels, exported_none
from sslapp.store.log.origins import first_given
from sslapp.store.metadata.columns import columns
from sslapp.store.metadata.values import number_in, values_of
from sslapp.store.rounds import finished_rounds
from sslapp.usecases.access import Access, require
from sslapp.usecases.auditing.in_force import LabelProof, proofs_of_labels
from sslapp.vocabulary import MetadataKind, Source
from sslapp.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

ALL_SOURCES = (Source.EXPERT, Source.ADJUDICATED, Source.ACCEPTED)

COLUMNS = {
    "position": "Row of the image in every array of the project.",
    "name": "The image's name as it was imported.",
    "class": "Its current label; empty for none of these.",
    "source": "Who stands for the label: an expert, an adjudicator, or a reader who accepted it; "
    "none of these where readers said that no class fits.",
    "reader": "Who decided, first of all where the label was imported.",
    "at": "When, UTC.",
    "event": "Number of the decision in the event log.",
    "round": "Round that proposed an accepted label.",
    "proof": "Behind it: blind, audited, seen (given singly, not blind) or unproven (in bulk).",
    "confidence": "Calibrated probability that this round gave the class.",
    "holdout": "Whether the image was drawn at random to measure; never trained on.",
    "origin": "Of an imported label: the project where it was given first.",
    "origin_workspace": "Id of the workspace of that project.",
    "origin_event": "Number of the decision in that project's event log.",
    "origin_round": "Round of that project that proposed it.",
    "group": "Patient, scene or the like, if the import had one.",
    "split": "Part of the imported set: pool or test.",
    "sha256": "Of the image's pixels: says which image is meant, in other projects too.",
}
"""The columns of an export and what they mean; files have `snapshot` besides."""

METADATA = "meta_"
"""Begins the names of columns of metadata, which come after these."""

ORIGINS = {
    "origin": "project",
    "origin_workspace": "workspace",
    "origin_event": "event",
    "origin_round": "round",
}
"""Columns on where an imported label was given first -> what of a FirstGiven they hold."""


@dataclass(frozen=True, eq=False)
class ExportCounts:
    """How many labels an export would hold.

    Attributes:
        classes: live classes by number.
        counts: (C, 4) int64, labels per class and vocabulary.Source code.
        unproven: (C,) int64, of them given in bulk and in no audit.
        none_of_these: images that no class fits; an export that takes what experts said names
            them too.
    """

    classes: list[ClassRow]
    counts: NDArray[np.int64]
    unproven: NDArray[np.int64]
    none_of_these: int

    def total(self, sources: Collection[Source]) -> int:
        """Labels from these sources."""
        return int(self.counts[:, list(sources)].sum()) if sources else 0

    def unfitting(self, sources: Collection[Source]) -> int:
        """Images of no class that an export of these sources names."""
        return self.none_of_these if Source.EXPERT in sources else 0


def export_counts(access: Access, project_id: int) -> ExportCounts:
    """Count the current labels by class and source."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        classes = label_classes.classes(conn, project_id)
        column = {each.id: c for c, each in enumerate(classes)}
        counts = np.zeros((len(classes), len(Source)), dtype=np.int64)
        for (class_id, source), number in count_labels(conn, project_id).items():
            if class_id in column:  # labels of retired classes count no longer
                counts[column[class_id], source] = number
        live = [each.id for each in classes]
        unproven, none = _unproven(conn, project_id, live), count_none(conn, project_id, live)
    return ExportCounts(classes, counts, unproven, none)


def _unproven(conn: Connection, project_id: int, class_ids: Sequence[int]) -> NDArray[np.int64]:
    given, proofs = proofs_of_labels(conn, project_id)
    lacking = given.class_ids[proofs == LabelProof.UNPROVEN]
    return np.array([(lacking == each).sum() for each in class_ids], dtype=np.int64)


def first_rows(
    access: Access, project_id: int, sources: Collection[Source], limit: int
) -> "pd.DataFrame":
    """The first rows that an export of these sources would hold, as `labels_frame` gives them."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        class_ids = [each.id for each in label_classes.classes(conn, project_id)]
        return labels_frame(
            conn, access.workspace, project_id, class_ids, sources=sources, limit=limit
        )


def labels_frame(
    conn: Connection,
    workspace: Workspace,
    project_id: int,
    class_ids: Sequence[int],
    *,
    sources: Collection[Source] = ALL_SOURCES,
    limit: int | None = None,
) -> "pd.DataFrame":
    """The current labels and the images that no class fits, a row an image, by position.

    Round and confidence (calibrated) belong to accepted pseudo-labels alone.

    Args:
        class_ids: the classes whose labels count.
        sources: the sources whose labels are wanted; "none of these" is said as an expert.
        limit: how many rows at most; None for all.

    Returns:
        Columns as in COLUMNS, then the project's metadata, their names after METADATA.
    """
    import pandas as pd  # takes as long to load as many a command to run

    found = exported_labels(conn, project_id, class_ids, sources, limit)
    frame = pd.DataFrame(found.mappings().all(), columns=list(found.keys()))
    if Source.EXPERT in sources:
        frame = _with_none(conn, project_id, class_ids, frame, limit)
    accepted = frame["source"] == Source.ACCEPTED
    frame["round"] = frame["round"].where(accepted).astype("Int64")
    frame["proof"] = _proof(conn, project_id, frame["position"].to_numpy(dtype=np.int64))
    frame["confidence"] = _confidence(conn, workspace, project_id, frame)
    frame["source"] = [Source(code).name.lower() for code in frame["source"]]
    frame.loc[frame["class"].isna(), "source"] = NONE_OF_THESE
    frame["holdout"] = frame["holdout"].notna()
    frame["at"] = pd.to_datetime(frame["at"])
    _tell_origins(conn, project_id, frame)
    return pd.concat([frame[list(COLUMNS)], _metadata(conn, project_id, frame["position"])], axis=1)


def _metadata(conn: Connection, project_id: int, positions: "pd.Series[int]") -> "pd.DataFrame":
    """A column for each of the project's metadata: text, or float64 for numbers."""
    import pandas as pd

    told: dict[str, pd.Series] = {}
    for each in columns(conn, project_id):
        values = values_of(conn, each.id)
        cells = [values.get(position) for position in positions.tolist()]
        if each.kind is MetadataKind.NUMBER:
            numbers = [None if cell is None else number_in(cell) for cell in cells]
            told[METADATA + each.name] = pd.Series(numbers, dtype=np.float64)
        else:
            told[METADATA + each.name] = pd.Series(cells, dtype=object)
    return pd.DataFrame(told, index=positions.index)


def _with_none(
    conn: Connection,
    project_id: int,
    class_ids: Sequence[int],
    frame: "pd.DataFrame",
    limit: int | None,
) -> "pd.DataFrame":
    """The rows with those of images that no class fits, by position, `limit` at most."""
    import pandas as pd

    found = exported_none(conn, project_id, class_ids, limit).mappings().all()
    if not found:
        return frame
    said = {"class": None, "class_id": 0, "source": int(Source.EXPERT), "round": None}
    rows = [*frame.to_dict("records"), *({**said, **each} for each in found)]
    table = pd.DataFrame(rows, columns=frame.columns)
    return table.sort_values("position", ignore_index=True).iloc[:limit]


def _tell_origins(conn: Connection, project_id: int, frame: "pd.DataFrame") -> None:
    """Put down where imported labels were given first, in columns of their own and in `reader`,
    `at` and `confidence`.
    """
    import pandas as pd

    decided = dict(zip(frame["position"].tolist(), frame["event"].tolist(), strict=True))
    first = first_given(conn, project_id, decided)
    given = [first.get(position) for position in decided]
    for column, what in ORIGINS.items():
        values = [None if each is None else getattr(each, what) or None for each in given]
        kind = "Int64" if what in ("event", "round") else object
        frame[column] = pd.Series(values, index=frame.index, dtype=kind)
    for column in ("reader", "at", "confidence"):
        kept = zip(frame[column], given, strict=True)
        told = [old if each is None else getattr(each, column) or None for old, each in kept]
        frame[column] = pd.Series(told, index=frame.index).astype(frame[column].dtype)


def _proof(conn: Connection, project_id: int, positions: NDArray[np.int64]) -> NDArray[np.object_]:
    """(n,) what stands behind the labels of images; None for one of a retired class."""
    known, proofs = proofs_of_labels(conn, project_id)
    found = np.full(len(positions), None, dtype=object)
    _, mine, theirs = np.intersect1d(positions, known.positions, return_indices=True)
    found[mine] = [str(each) for each in proofs[theirs]]
    return found


def _confidence(
    conn: Connection, workspace: Workspace, project_id: int, frame: "pd.DataFrame"
) -> NDArray[np.float32]:
    """(rows,): what the round named in each row gave the row's class; NaN without a round, and
    for a class or an image that the round did not know.
    """
    found = np.full(len(frame), np.nan, dtype=np.float32)
    numbers = set(frame["round"].dropna().astype(int))
    for row in finished_rounds(conn, project_id):
        if row.number not in numbers:
            continue
        proposed = (frame["round"] == row.number).fillna(False).to_numpy(dtype=bool)
        raw = durable.read_array(workspace.path(row.probabilities))
        # logs of earlier versions hold labels of images that came after their round
        known = frame["class_id"].isin(row.class_ids) & (frame["position"] < len(raw))
        rows = np.flatnonzero(proposed & known.to_numpy())
        columns = [row.class_ids.index(each) for each in frame["class_id"].iloc[rows]]
        ours = np.asarray(raw[frame["position"].iloc[rows].to_numpy()], dtype=np.float32)
        found[rows] = scaling_of(row).apply(ours)[np.arange(len(rows)), columns]
    return found
