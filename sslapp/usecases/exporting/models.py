"""Export the trained model of a round, as a job: weights, calibration, ONNX, card.

What leaves is compared with what the round said of the project's own images first: a model that
says anything else is not written.
"""

from pathlib import Path

from sslapp import durable
from sslapp.jobs import queue
from sslapp.jobs.context import JobContext
from sslapp.packaging import needs, package
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.log import events
from sslapp.store.rounds import finished_round
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.exporting.exports import Format, finish_export, target_path
from sslapp.vocabulary import JobKind


def export_model(
    access: Access, project: str | int | None, number: int | None = None, target: Path | None = None
) -> int:
    """Queue the export of a round's model, and return the job's id.

    Args:
        number: of the round; None for the newest that has finished.
        target: a .zip file or a new folder; None for a zip that is kept in the workspace.

    Raises:
        ValueError: when the target exists or has another ending.
        NotFinished: when the round has not finished.
        Refused: when nothing was trained in it.
    """
    if target is not None:
        package.check_target(target)
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = finished_round(conn, project_id, number)
        if found.is_listed:
            raise Refused(
                f"Round {found.number} is a list of predictions and has no model to export."
            )
        moment = f"{queue.now():%Y%m%d-%H%M%S-%f}"  # a second may see two
        kept = f"exports/{project_id}/{moment}/model-round-{found.number}.zip"
        named = kept if target is None else str(target.expanduser().resolve())
        params = {"target": named, "format": Format.MODEL, "round": found.number}
        return queue.enqueue(conn, project_id, JobKind.EXPORT, params, access.reader_id)


def why_no_onnx() -> str | None:
    """Why a model exported here would have no model.onnx, with the mend; None where it has one."""
    return needs.missing()


def run_model_export(context: JobContext) -> None:
    """Handle a job of kind `export` whose format is a model.

    Raises:
        ValueError: when the model cannot be exported, or says anything else than its round.
    """
    from sslapp.usecases.exporting import model_assembly, model_writing  # torch

    params, project_id = context.claim.params, context.claim.project_id
    target = target_path(context.workspace, params)
    with reading(context.engine) as conn:
        found = finished_round(conn, project_id, params["round"])
        head = events.head(conn, project_id)
    context.check()
    if not (context.claim.attempt > 1 and target.exists()):  # a killed attempt may have written it
        made = model_assembly.assemble(context, found)
        package.write(target, lambda folder: model_writing.fill(context, made, folder))
    with package.opened(target) as (_, described):
        why = described.why_no_onnx
    file = target if target.is_file() else target / package.CONFIG
    result = {
        "target": str(target),
        "round": found.number,
        "snapshot": found.snapshot.hash,
        "event": head[0],
        "head": head[1],
        "bytes": file.stat().st_size,
        "sha256": durable.sha256(file),
        "why_no_onnx": why,
    }
    finish_export(context, result, round=found.number, snapshot=found.snapshot.hash)
