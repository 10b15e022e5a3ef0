"""What a worker does for each kind of job."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType

from sslapp.jobs import queue, worker
from sslapp.jobs.context import Handler, Handlers, JobContext
from sslapp.usecases.access import Access
from sslapp.usecases.exporting.exports import Format, run_labels_export
from sslapp.usecases.exporting.models import run_model_export
from sslapp.usecases.images.embeddings import run_embed
from sslapp.usecases.images.encoded_views import run_encode
from sslapp.usecases.images.encoder_jobs import EncoderWork, work_of
from sslapp.usecases.images.incoming.imports import run_import
from sslapp.usecases.images.incoming.leavings import none_left
from sslapp.usecases.images.incoming.looking import run_look
from sslapp.usecases.images.maps import run_projection
from sslapp.usecases.images.pixels_again import run_pixels
from sslapp.usecases.images.removal import run_removal
from sslapp.usecases.images.sibling import run_sibling
from sslapp.usecases.images.weights import run_weights
from sslapp.usecases.reviewing.searching import run_search
from sslapp.usecases.training.own_encoder import run_learn
from sslapp.usecases.training.round_maps import run_round_map
from sslapp.vocabulary import JobKind


def _run_import(context: JobContext) -> None:
    with none_left(context):
        run_import(context)


def _run_round(context: JobContext) -> None:
    from sslapp.rounds.execute import run_round  # torch: seconds that other jobs need not wait

    run_round(context)


def _run_trials(context: JobContext) -> None:
    from sslapp.rounds.trials import run_trials  # torch, as above

    run_trials(context)


def _run_encoder(context: JobContext) -> None:
    _ENCODER_WORKS[work_of(context.claim.params)](context)


def _run_export(context: JobContext) -> None:
    format_ = Format(context.claim.params["format"])
    if format_ is Format.MODEL:
        run_model_export(context)
    elif format_ is Format.REPORT:
        # plotly takes a while to load, and no other export needs it
        from sslapp.usecases.reporting.report_export import run_report_export

        run_report_export(context)
    else:
        run_labels_export(context)


_ENCODER_WORKS: Mapping[EncoderWork, Handler] = {
    EncoderWork.FEATURES: run_embed,
    EncoderWork.VIEWS: run_encode,
    EncoderWork.PROJECTION: run_projection,
    EncoderWork.OWN: run_learn,
}

HANDLERS: Handlers = MappingProxyType(
    {
        JobKind.LOOK: run_look,
        JobKind.IMPORT: _run_import,
        JobKind.SIBLING: run_sibling,
        JobKind.PIXELS: run_pixels,
        JobKind.EMBED: _run_encoder,
        JobKind.ROUND: _run_round,
        JobKind.TRIAL: _run_trials,
        JobKind.EXPORT: _run_export,
        JobKind.WEIGHTS: run_weights,
        JobKind.FINDING: run_search,
        JobKind.MAP: run_round_map,
        JobKind.REMOVAL: run_removal,
    }
)


def run_worker(
    access: Access,
    *,
    threads: int | None = None,
    until_idle: bool = False,
    light: bool = False,
    hung_after: timedelta = queue.HUNG_AFTER,
    should_end: Callable[[], bool] = lambda: False,
) -> int:
    """Run the workspace's jobs in this process, as `jobs.worker.work` does; return how many."""
    return worker.work(
        access.workspace,
        access.engine,
        HANDLERS,
        threads=threads,
        until_idle=until_idle,
        light=light,
        hung_after=hung_after,
        should_end=should_end,
    )
