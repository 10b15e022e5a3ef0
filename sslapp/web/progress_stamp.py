"""Whether the work that a page shows has moved since: a few bytes, asked for every second."""

from starlette.requests import Request

from sslapp.usecases.access import Access
from sslapp.usecases.training import progress
from sslapp.web import answers


def stamp(access: Access, request: Request) -> dict[str, str]:
    """Answer with the stamp of the project's running and waiting jobs."""
    return {"stamp": progress.live_stamp(access, request.path_params["project"])}


routes = [answers.reads("projects/{project:int}/progress-stamp", stamp)]
