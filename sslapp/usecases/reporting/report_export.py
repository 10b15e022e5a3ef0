"""The report of a project, written by an export's job."""

from sslapp import durable
from sslapp.jobs.context import JobContext
from sslapp.store.database import reading
from sslapp.usecases.exporting.exports import finish_export, target_path
from sslapp.usecases.reporting.page import render
from sslapp.usecases.reporting.report import gather


def run_report_export(context: JobContext) -> None:
    """Handle a job of kind `export` whose format is the report."""
    target = target_path(context.workspace, context.claim.params)
    context.progress(0, 2, "reading")
    with reading(context.engine) as conn:
        found = gather(conn, context.workspace, context.claim.project_id)
    context.check()
    context.progress(1, 2, "writing")
    durable.write_bytes(target, render(found).encode("utf-8"))
    result = {
        "target": str(target),
        "event": found.head[0],
        "head": found.head[1],
        "bytes": target.stat().st_size,
        "sha256": durable.sha256(target),
    }
    finish_export(context, result, read_at=found.head[0])
