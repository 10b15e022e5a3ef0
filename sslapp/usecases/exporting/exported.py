"""The exports that were made so far: the list, the file of one for who may fetch it, its deletion.

A deleted export is marked in its job's row first and loses its files then. What a kill between the
two leaves behind is handed out to nobody, and the next deletion in the project takes it away.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, RowMapping

from sslapp import durable
from sslapp.datasets.tables.cells import safe_stem
from sslapp.jobs import history, queue
from sslapp.store import projects
from sslapp.store.database import reading, writing
from sslapp.store.errors import Unknown
from sslapp.store.integrity import files
from sslapp.store.people import readers
from sslapp.usecases.access import Access, NotAllowed, find_project, require
from sslapp.usecases.exporting.exports import Format, target_path
from sslapp.usecases.jobs import eta, may_control
from sslapp.vocabulary import JobKind, JobState, Role
from sslapp.workspace import Outside, Workspace

Part = Literal["file", "manifest"]
PARTS: tuple[Part, ...] = ("file", "manifest")


@dataclass(frozen=True, kw_only=True)
class ExportLine:
    """One export, running or ended.

    Attributes:
        name: of its file.
        by: who asked for it.
        rows: labels in it; None for a report or a model, and before its end.
        round: number of the round whose model it is; None for other exports.
        remark: why a model has no model.onnx.
        sources: source -> labels.
        event: number of the event it was read at.
        fetchable: it lies in the workspace and is still there.
        has_manifest: so does its manifest.
        deletable: it lies there, and the reader asked for it or is an admin of the project.
        controllable: whether the reader may cancel it.
        error: why it failed.
        eta: seconds left.
    """

    job_id: int
    format: Format
    name: str
    state: JobState
    by: str | None
    created_at: datetime
    finished_at: datetime | None
    rows: int | None
    round: int | None
    remark: str | None
    sources: dict[str, int]
    bytes: int | None
    sha256: str | None
    snapshot: str | None
    event: int | None
    fetchable: bool
    has_manifest: bool
    deletable: bool
    controllable: bool
    error: str | None
    step: int
    total: int
    message: str
    cancelling: bool
    eta: float | None


@dataclass(frozen=True)
class Download:
    """A file that may be handed out, and the name that it gets there."""

    path: Path
    name: str


def exports_of(
    access: Access, project: str | int | None, limit: int | None = None
) -> list[ExportLine]:
    """The project's exports but the deleted ones, newest first, at most `limit`."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        is_admin = readers.role_of(conn, project_id, access.reader_id) is Role.ADMIN
        names = readers.reader_names(conn)
        there = (row for row in _rows(conn, project_id) if not _is_deleted(row))
        return [
            _line(
                access.workspace,
                row,
                by=names.get(row["reader_id"]),
                own=is_admin or row["reader_id"] == access.reader_id,
                controllable=may_control(conn, access, project_id, row["reader_id"]),
            )
            for row in islice(there, limit)
        ]


def exported_file(access: Access, job_id: int, part: Part = "file") -> Download:
    """The file of an export that is kept in the workspace, or its manifest.

    Raises:
        Unknown: when there is no such export, it has not ended well, lies elsewhere or is gone.
        NotAllowed: when the reader is no member of its project.
    """
    with reading(access.engine) as conn:
        row = queue.find_job(conn, job_id)
        if row is not None:
            require(conn, access, row["project_id"])
            project = projects.find_project(conn, row["project_id"]).name
    path = None if row is None else _kept(access.workspace, row, part)
    if row is None or path is None:
        raise Unknown(f"There is no file of export {job_id} to fetch. Export again.")
    return Download(path, f"{safe_stem(project)}-{row['created_at']:%Y%m%d-%H%M%S}-{path.name}")


def delete_export(access: Access, job_id: int) -> None:
    """Delete the files of an export that is kept in the workspace; the record of it stays.

    Raises:
        Unknown: when there is no such export, it lies elsewhere or is gone.
        NotAllowed: when the reader neither asked for it nor is an admin of its project.
        OSError: when the disk does not let go of the files; they are handed out no longer.
    """
    with writing(access.engine) as conn:
        row = queue.find_job(conn, job_id)
        if row is not None:
            require(conn, access, row["project_id"])
        if row is None or _kept(access.workspace, row, "file") is None:
            raise Unknown(f"There is no file of export {job_id} to delete.")
        role = readers.role_of(conn, row["project_id"], access.reader_id)
        if row["reader_id"] != access.reader_id and role is not Role.ADMIN:
            raise NotAllowed(
                f"Export {job_id} was asked for by somebody else. They or an admin of the project "
                "can delete it."
            )
        mark = {"deleted_at": queue.now().isoformat(), "deleted_by": access.reader_id}
        result = {**(row["result"] or {}), **mark}
        queue.set_result(conn, job_id, result)
        gone = [_inside(access.workspace, row, part) for part in PARTS]
        files.forget(conn, [access.workspace.relative(each) for each in gone if each is not None])
        deleted = [each for each in _rows(conn, row["project_id"]) if _is_deleted(each)]
    _remove_files(access.workspace, row)
    for each in deleted:  # what a kill left behind
        with suppress(OSError):
            _remove_files(access.workspace, each)


def _rows(conn: Connection, project_id: int) -> Sequence[RowMapping]:
    """The project's export jobs, newest first."""
    return history.newest_jobs(conn, project_id, kind=JobKind.EXPORT)


def _is_deleted(row: RowMapping) -> bool:
    return "deleted_at" in (row["result"] or {})


def _remove_files(workspace: Workspace, row: RowMapping) -> None:
    """Take an export's own files away, and its folder if nothing else lies in it."""
    for path in (_inside(workspace, row, part) for part in PARTS):
        if path is not None and path.is_file():
            path.unlink()
            durable.sync_folder(path.parent)
            with suppress(OSError):
                path.parent.rmdir()


def _kept(workspace: Workspace, row: RowMapping, part: Part) -> Path | None:
    """The file, if it is one that this route may hand out."""
    if row["kind"] != JobKind.EXPORT or row["state"] != JobState.DONE or _is_deleted(row):
        return None
    path = _inside(workspace, row, part)
    return path if path is not None and path.is_file() else None


def _inside(workspace: Workspace, row: RowMapping, part: Part) -> Path | None:
    """Where the part lies; None unless that is below the project's own folder of exports."""
    # where the job was told to write, not what a result says: that is absolute and may have moved
    try:
        target = target_path(workspace, row["params"])
    except Outside:
        return None
    path = target if part == "file" else target.with_name(target.name + ".manifest.json")
    inside = path.resolve().is_relative_to(workspace.root / "exports" / str(row["project_id"]))
    return path if inside else None


def _line(
    workspace: Workspace, row: RowMapping, *, by: str | None, own: bool, controllable: bool
) -> ExportLine:
    result = row["result"] or {}
    fetchable = _kept(workspace, row, "file") is not None
    return ExportLine(
        job_id=row["id"],
        format=Format(row["params"]["format"]),
        name=Path(row["params"]["target"]).name,
        state=JobState(row["state"]),
        by=by,
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        rows=result.get("rows"),
        round=row["params"].get("round"),
        remark=result.get("why_no_onnx"),
        sources=result.get("sources", {}),
        bytes=result.get("bytes"),
        sha256=result.get("sha256"),
        snapshot=result.get("snapshot"),
        event=result.get("event"),
        fetchable=fetchable,
        has_manifest=_kept(workspace, row, "manifest") is not None,
        deletable=fetchable and own,
        controllable=controllable,
        error=row["error"],
        step=row["step"],
        total=row["total"],
        message=row["message"],
        cancelling=row["cancel"],
        eta=eta(row["state"], row["step"], row["total"], row["started_at"]),
    )
