"""What a worker does for each kind of job."""

from types import MappingProxyType

from sslapp.jobs.context import Handlers, JobContext
from sslapp.usecases.exporting.exports import Format, run_labels_export
from sslapp.usecases.images.embeddings import run_embed
from sslapp.usecases.images.encoded_views import run_encode
from sslapp.usecases.images.imports import run_import
from sslapp.usecases.images.maps import run_projection
from sslapp.vocabulary import JobKind


def _run_round(context: JobContext) -> None:
    from sslapp.rounds.execute import run_round  # torch: seconds that other jobs need not wait

    run_round(context)


def _run_encoder(context: JobContext) -> None:
    params = context.claim.params
    if "views" in params:
        run_encode(context)
    elif "projection" in params:
        run_projection(context)
    else:
        run_embed(context)


def _run_export(context: JobContext) -> None:
    if Format(context.claim.params["format"]) is Format.REPORT:
        # plotly takes a while to load, and no other export needs it
        from sslapp.usecases.reporting.report_export import run_report_export

        run_report_export(context)
    else:
        run_labels_export(context)


HANDLERS: Handlers = MappingProxyType(
    {
        JobKind.IMPORT: run_import,
        JobKind.EMBED: _run_encoder,
        JobKind.ROUND: _run_round,
        JobKind.EXPORT: _run_export,
    }
)
