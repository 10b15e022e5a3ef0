"""The exports that were made so far, and the file of one for who may fetch it."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from sqlalchemy import RowMapping, select

from sslapp.datasets.cells import safe_stem
from sslapp.store import projects
from sslapp.store.database import reading
from sslapp.store.errors import Unknown
from sslapp.store.schema import job, reader
from sslapp.usecases.access import Access, require
from sslapp.usecases.exports import Format
from sslapp.usecases.jobs import eta
from sslapp.vocabulary import JobKind, JobState
from sslapp.workspace import Workspace

Part = Literal["file", "manifest"]


@dataclass(frozen=True, kw_only=True)
class ExportLine:
    """One export, running or ended.

    Attributes:
        name: of its file.
        by: who asked for it.
        rows: labels in it; None for a report, and before its end.
        sources: source -> labels.
        event: number of the event it was read at.
        fetchable: it lies in the workspace and is still there.
        has_manifest: so does its manifest.
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
    sources: dict[str, int]
    bytes: int | None
    sha256: str | None
    snapshot: str | None
    event: int | None
    fetchable: bool
    has_manifest: bool
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


def exports_of(access: Access, project_id: int, limit: int | None = None) -> list[ExportLine]:
    """The project's exports, newest first, at most `limit`."""
    query = (
        select(job, reader.c.name.label("by"))
        .outerjoin(reader, reader.c.id == job.c.reader_id)
        .where(job.c.project_id == project_id, job.c.kind == JobKind.EXPORT)
        .order_by(job.c.id.desc())
        .limit(limit)
    )
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        return [_line(access.workspace, row) for row in conn.execute(query).mappings()]


def exported_file(access: Access, job_id: int, part: Part = "file") -> Download:
    """The file of an export that is kept in the workspace, or its manifest.

    Raises:
        Unknown: when there is no such export, it has not ended well, lies elsewhere or is gone.
        NotAllowed: when the reader is no member of its project.
    """
    with reading(access.engine) as conn:
        row = conn.execute(select(job).where(job.c.id == job_id)).mappings().one_or_none()
        if row is not None:
            require(conn, access, row["project_id"])
            project = projects.find_project(conn, row["project_id"]).name
    path = None if row is None else _kept(access.workspace, row, part)
    if row is None or path is None:
        raise Unknown(f"There is no file of export {job_id} to fetch. Export again.")
    return Download(path, f"{safe_stem(project)}-{row['created_at']:%Y%m%d-%H%M%S}-{path.name}")


def _kept(workspace: Workspace, row: RowMapping, part: Part) -> Path | None:
    """The file, if it is one that this route may hand out."""
    if row["kind"] != JobKind.EXPORT or row["state"] != JobState.DONE:
        return None
    # where the job was told to write, not what a result says: that is absolute and may have moved
    target = workspace.path(row["params"]["target"])
    path = target if part == "file" else target.with_name(target.name + ".manifest.json")
    inside = path.resolve().is_relative_to(workspace.root / "exports" / str(row["project_id"]))
    return path if inside and path.is_file() else None


def _line(workspace: Workspace, row: RowMapping) -> ExportLine:
    result = row["result"] or {}
    return ExportLine(
        job_id=row["id"],
        format=Format(row["params"]["format"]),
        name=Path(row["params"]["target"]).name,
        state=JobState(row["state"]),
        by=row["by"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        rows=result.get("rows"),
        sources=result.get("sources", {}),
        bytes=result.get("bytes"),
        sha256=result.get("sha256"),
        snapshot=result.get("snapshot"),
        event=result.get("event"),
        fetchable=_kept(workspace, row, "file") is not None,
        has_manifest=_kept(workspace, row, "manifest") is not None,
        error=row["error"],
        step=row["step"],
        total=row["total"],
        message=row["message"],
        cancelling=row["cancel"],
        eta=eta(row["state"], row["step"], row["total"], row["started_at"]),
    )
