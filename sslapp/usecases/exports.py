"""Export the current labels with where each came from, as a job."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from sslapp.datasets.export import Provenance, write_csv, write_image_folder, write_parquet
from sslapp.jobs import queue
from sslapp.jobs.context import JobContext
from sslapp.store import events, projects, snapshots
from sslapp.store.database import writing
from sslapp.store.schema import current_label, event, image, label_class, reader, round_
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.content import Content
from sslapp.usecases.predictions import read_predictions
from sslapp.vocabulary import EventKind, JobKind, Source
from sslapp.workspace import Workspace


class Format(StrEnum):
    """What an export can be."""

    CSV = "csv"
    PARQUET = "parquet"
    FOLDER = "folder"


def export(
    access: Access, project: str | int | None, target: Path, format_: Format | None = None
) -> int:
    """Queue an export of the labels as they are when it runs, and return the job's id.

    Args:
        target: a file, or for the folder format a new folder.
        format_: default: by the target's ending; no ending means folder.

    Raises:
        ValueError: when the target exists, its ending is unknown or nothing is labelled.
    """
    chosen = format_ or _format_of(target)
    if target.exists():
        raise ValueError(f"{target} exists already. Name a target that does not.")
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        if not (load_state(conn, project_id).labels >= 0).any():
            raise ValueError("There is no label to export yet.")
        params = {"target": str(target.expanduser().resolve()), "format": chosen}
        return queue.enqueue(conn, project_id, JobKind.EXPORT, params, access.reader_id)


def _format_of(target: Path) -> Format:
    endings = {".csv": Format.CSV, ".parquet": Format.PARQUET, "": Format.FOLDER}
    if target.suffix not in endings:
        raise ValueError(f'"{target.name}": end it in .csv or .parquet, or name a new folder.')
    return endings[target.suffix]


def run_export(context: JobContext) -> None:
    """Handle a job of kind `export`."""
    params, project_id = context.claim.params, context.claim.project_id
    target = Path(params["target"])
    context.check()
    # frozen and read in one transaction: a decision between the two would drop its image's row
    with writing(context.engine, project_id) as conn:
        snapshot = snapshots.freeze(conn, context.workspace, project_id)
        frame = labels_frame(conn, context.workspace, snapshot)
        names = {each.id: each.name for each in projects.classes(conn, project_id, retired=True)}
        provenance = Provenance(
            project=projects.find_project(conn, project_id).name,
            snapshot=snapshot.hash,
            class_names=[names[each] for each in snapshot.class_ids],
        )
        content = Content(conn, context.workspace, project_id, frame["position"].to_numpy())
    context.check()
    manifest = _write(context, frame, target, provenance, content)
    result: dict[str, Any] = {
        "rows": len(frame),
        "target": str(target),
        "manifest": str(manifest),
        "snapshot": snapshot.hash,
    }
    with context.finishing(result) as conn:
        events.append(
            conn,
            project_id,
            EventKind.EXPORT,
            key=f"job-{context.claim.job_id}-export",
            reader_id=context.claim.reader_id,
            payload={"rows": len(frame), "snapshot": snapshot.hash, "format": params["format"]},
        )


def _write(
    context: JobContext,
    frame: pd.DataFrame,
    target: Path,
    provenance: Provenance,
    content: Content,
) -> Path:
    """Write the export in its format and return its manifest's path."""
    match Format(context.claim.params["format"]):
        case Format.CSV:
            return write_csv(frame, target, provenance)
        case Format.PARQUET:
            return write_parquet(frame, target, provenance)
        case Format.FOLDER:
            if _was_written(context, target, provenance):
                return target / "manifest.json"
            return write_image_folder(
                frame,
                target,
                provenance,
                content,
                progress=lambda step, total: context.progress(step, total, "exporting"),
            )


def _was_written(context: JobContext, folder: Path, provenance: Provenance) -> bool:
    """Whether an earlier attempt wrote this very export and was killed before it could say so."""
    manifest = folder / "manifest.json"
    if context.claim.attempt == 1 or not manifest.exists():
        return False
    found = json.loads(manifest.read_bytes())
    return (found["project"], found["snapshot"]) == (provenance.project, provenance.snapshot)


def labels_frame(
    conn: Connection, workspace: Workspace, snapshot: snapshots.SnapshotRow
) -> pd.DataFrame:
    """The snapshot's labels, a row an image.

    Columns: position, name, class, source, reader, event, round, confidence, group, split. Round
    and confidence (calibrated) belong to accepted pseudo-labels alone.
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
            event.c.round_id,
            round_.c.number.label("round"),
            image.c.group_key.label("group"),
            image.c.split,
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
            current_label.c.project_id == snapshot.project_id,
            current_label.c.event_number <= snapshot.event_number,
            current_label.c.class_id.in_(snapshot.class_ids),
        )
        .order_by(current_label.c.position)
    )
    frame = pd.DataFrame(conn.execute(query).mappings().all())
    accepted = frame["source"] == Source.ACCEPTED
    frame["confidence"] = np.nan
    for number in frame.loc[accepted, "round"].unique():
        predictions = read_predictions(conn, workspace, snapshot.project_id, int(number))
        rows = accepted & (frame["round"] == number)
        columns = [predictions.class_ids.index(each) for each in frame.loc[rows, "class_id"]]
        positions = frame.loc[rows, "position"].to_numpy()
        frame.loc[rows, "confidence"] = predictions.probabilities[positions, columns]
    frame["round"] = frame["round"].where(accepted).astype("Int64")
    frame["source"] = [Source(code).name.lower() for code in frame["source"]]
    return frame.drop(columns=["class_id", "round_id"])
