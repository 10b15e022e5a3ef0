"""What a worker does for each kind of job."""

from types import MappingProxyType

from sslapp.jobs.context import Handlers, JobContext
from sslapp.usecases.embeddings import run_embed
from sslapp.usecases.exports import run_export
from sslapp.usecases.imports import run_import
from sslapp.vocabulary import JobKind


def _run_round(context: JobContext) -> None:
    from sslapp.rounds.execute import run_round  # torch: seconds that other jobs need not wait

    run_round(context)


HANDLERS: Handlers = MappingProxyType(
    {
        JobKind.IMPORT: run_import,
        JobKind.EMBED: run_embed,
        JobKind.ROUND: _run_round,
        JobKind.EXPORT: run_export,
    }
)
