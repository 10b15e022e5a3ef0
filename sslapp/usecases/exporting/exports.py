"""Export the current labels with where each came from, or a report of the project, as a job.

An export goes where the command line says, or, for the browser, into
`exports/<project>/<date-time>/` of the workspace, from where it can be fetched.
"""

import json
from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sslapp import durable
from sslapp.datasets.export import (
    Provenance,
    write_csv,
    write_image_folder,
    write_image_zip,
    write_parquet,
    write_workbook,
)
from sslapp.jobs import queue
from sslapp.jobs.context import JobContext
from sslapp.store import identity, label_classes, projects, snapshots
from sslapp.store.database import reading, writing
from sslapp.store.integrity import files
from sslapp.store.log import events
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.auditing.certificate import certificate_of
from sslapp.usecases.auditing.wording import in_short
from sslapp.usecases.exporting.table import ALL_SOURCES, labels_frame
from sslapp.usecases.images.pictures import PictureFiles
from sslapp.vocabulary import EventKind, JobKind, Source
from sslapp.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd


class Format(StrEnum):
    """What an export can be."""

    CSV = "csv"
    EXCEL = "xlsx"
    PARQUET = "parquet"
    FOLDER = "folder"
    ZIP = "zip"
    REPORT = "report"
    MODEL = "model"


FILE_NAMES = {
    Format.CSV: "labels.csv",
    Format.EXCEL: "labels.xlsx",
    Format.PARQUET: "labels.parquet",
    Format.ZIP: "images.zip",
    Format.REPORT: "report.html",
}
"""What an export that is kept in the workspace is called there."""

ENDINGS = {
    ".csv": Format.CSV,
    ".xlsx": Format.EXCEL,
    ".parquet": Format.PARQUET,
    ".zip": Format.ZIP,
    ".html": Format.REPORT,
    "": Format.FOLDER,
}


def export(
    access: Access,
    project: str | int | None,
    target: Path,
    format_: Format | None = None,
    *,
    sources: Collection[Source] = ALL_SOURCES,
) -> int:
    """Queue an export of the labels as they are when it runs, and return the job's id.

    Args:
        target: a file, or for the folder format a new folder.
        format_: default: by the target's ending; no ending means folder.
        sources: whose labels to take; a report takes all.

    Raises:
        ValueError: when the target exists, its ending is unknown or nothing is labelled.
    """
    chosen = format_ or _format_of(target)
    _refuse_models(chosen)
    if target.exists():
        raise ValueError(f"{target} exists already. Name a target that does not.")
    return _enqueue(access, project, str(target.expanduser().resolve()), chosen, sources)


def export_here(
    access: Access,
    project: str | int | None,
    format_: Format,
    *,
    sources: Collection[Source] = ALL_SOURCES,
) -> int:
    """Queue an export that is kept in the workspace, and return the job's id.

    Raises:
        ValueError: when nothing is labelled, or the format is a bare folder.
    """
    _refuse_models(format_)
    if format_ is Format.FOLDER:
        raise ValueError("A folder cannot be fetched from the browser. Choose zip.")
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
    moment = f"{queue.now():%Y%m%d-%H%M%S-%f}"  # a second may see two
    target = f"exports/{project_id}/{moment}/{FILE_NAMES[format_]}"
    return _enqueue(access, project_id, target, format_, sources)


def _refuse_models(format_: Format) -> None:
    if format_ is Format.MODEL:
        raise ValueError("A model is a round's: export it by `sslapp model export ROUND`.")


def _format_of(target: Path) -> Format:
    if target.suffix not in ENDINGS:
        raise ValueError(
            f'"{target.name}": end it in .csv, .xlsx or .parquet for a table, .zip for images, '
            ".html for a report, or name a new folder."
        )
    return ENDINGS[target.suffix]


def _enqueue(
    access: Access,
    project: str | int | None,
    target: str,
    format_: Format,
    sources: Collection[Source],
) -> int:
    """Queue the job. A relative target lies in the workspace."""
    wanted = [each for each in ALL_SOURCES if each in sources]
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        if format_ is not Format.REPORT:
            class_ids = [each.id for each in label_classes.classes(conn, project_id)]
            if not len(
                labels_frame(conn, access.workspace, project_id, class_ids, sources=wanted, limit=1)
            ):
                raise ValueError(_nothing(wanted))
        names = [each.name.lower() for each in wanted]
        params = {"target": target, "format": format_, "sources": names}
        return queue.enqueue(conn, project_id, JobKind.EXPORT, params, access.reader_id)


def _nothing(sources: Collection[Source]) -> str:
    if len(sources) == len(ALL_SOURCES):
        return "There is no label to export yet."
    names = " or ".join(each.name.lower() for each in sources) or "no source"
    return f"There is no label to export from {names}. Include another source."


def target_path(workspace: Workspace, params: Mapping[str, Any]) -> Path:
    """Where an export goes: an absolute path of this machine, or one in the workspace."""
    named = Path(params["target"])
    return named if named.is_absolute() else workspace.path(params["target"])


def run_labels_export(context: JobContext) -> None:
    """Handle a job of kind `export` whose format holds labels."""
    params, project_id = context.claim.params, context.claim.project_id
    target = target_path(context.workspace, params)
    # a job that was queued by an earlier version names no sources
    names = params.get("sources", [each.name.lower() for each in ALL_SOURCES])
    context.check()
    # frozen and read in one transaction: a decision between the two would drop its image's row
    with writing(context.engine, project_id) as conn:
        number = events.head(conn, project_id)[0]
        snapshot = snapshots.freeze(conn, context.workspace, project_id)
        frame = labels_frame(
            conn,
            context.workspace,
            project_id,
            snapshot.class_ids,
            sources=[Source[name.upper()] for name in names],
        )
        if frame.empty:
            raise ValueError(_nothing([Source[name.upper()] for name in names]))
        classes = {
            each.id: each.name for each in label_classes.classes(conn, project_id, retired=True)
        }
        provenance = Provenance(
            project=projects.find_project(conn, project_id).name,
            snapshot=snapshot.hash,
            head=events.up_to(conn, project_id, snapshots.last_content(conn, project_id)),
            class_names=[classes[each] for each in snapshot.class_ids],
            included=names,
            workspace=identity.workspace_id(conn),
            certificate=in_short(certificate_of(conn, project_id)),
        )
        content = PictureFiles(conn, context.workspace, project_id, frame["position"].to_numpy())
    context.check()
    manifest = _write(context, frame, target, provenance, content)
    file = target if target.is_file() else manifest
    result = {
        "rows": len(frame),
        "target": str(target),
        "manifest": str(manifest),
        "snapshot": snapshot.hash,
        "event": number,
        "head": provenance.head[1],
        "sources": {str(k): int(n) for k, n in frame["source"].value_counts().items()},
        "bytes": file.stat().st_size,
        "sha256": durable.sha256(file),
    }
    finish_export(context, result, rows=len(frame), snapshot=snapshot.hash)


def finish_export(context: JobContext, result: dict[str, Any], **facts: Any) -> None:
    """End an export's job, and say in the log what left the program.

    Args:
        result: of the job; names the `target`, the `manifest` if there is one, and the `sha256`.
        facts: further fields of the event's payload.
    """
    params = context.claim.params
    kept = [Path(result[part]) for part in ("target", "manifest") if part in result]
    within = [path for path in kept if path.is_relative_to(context.workspace.root)]
    written = files.describe(context.workspace, [path for path in within if path.is_file()])
    with context.finishing(result, written) as conn:
        events.append(
            conn,
            context.claim.project_id,
            EventKind.EXPORT,
            key=f"job-{context.claim.job_id}-export",
            reader_id=context.claim.reader_id,
            payload={**facts, "format": params["format"], "sha256": result["sha256"]},
        )


def _write(
    context: JobContext,
    frame: "pd.DataFrame",
    target: Path,
    provenance: Provenance,
    content: PictureFiles,
) -> Path:
    """Write the export in its format and return its manifest's path."""

    def progress(step: int, total: int) -> None:
        context.progress(step, total, "exporting")
        context.check()

    match Format(context.claim.params["format"]):
        case Format.CSV:
            return write_csv(frame, target, provenance)
        case Format.EXCEL:
            return write_workbook(frame, target, provenance)
        case Format.PARQUET:
            return write_parquet(frame, target, provenance)
        case Format.ZIP:
            return write_image_zip(frame, target, provenance, content, progress=progress)
        case Format.FOLDER:
            if _was_written(context, target, provenance):
                return target / "manifest.json"
            return write_image_folder(frame, target, provenance, content, progress=progress)
        case Format.REPORT | Format.MODEL:
            raise ValueError("Reports and models hold no labels.")


def _was_written(context: JobContext, folder: Path, provenance: Provenance) -> bool:
    """Whether an earlier attempt wrote this very export and was killed before it could say so."""
    manifest = folder / "manifest.json"
    if context.claim.attempt == 1 or not manifest.exists():
        return False
    found = json.loads(manifest.read_bytes())
    return (found["project"], found["snapshot"]) == (provenance.project, provenance.snapshot)
