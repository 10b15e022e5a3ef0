"""Handing out the files of exports: by the job's number, never by a path."""

from starlette.requests import Request
from starlette.responses import FileResponse

from sslapp.usecases.access import Access
from sslapp.usecases.exporting.exported import Part, exported_file
from sslapp.web import answers

OCTETS = "application/octet-stream"
"""One fixed type: what an export holds, a report's markup included, is saved and never shown."""


def download(access: Access, request: Request) -> FileResponse:
    """The export's file."""
    return _sent(access, request, "file")


def manifest(access: Access, request: Request) -> FileResponse:
    """The manifest of the export."""
    return _sent(access, request, "manifest")


def _sent(access: Access, request: Request, part: Part) -> FileResponse:
    found = exported_file(access, request.path_params["job"], part)
    # read from the disk piece by piece; `attachment` with the name encoded as RFC 6266 says
    return FileResponse(
        found.path,
        media_type=OCTETS,
        filename=found.name,
        headers={"Cache-Control": "private, no-store"},
    )


routes = [
    answers.reads("exports/{job:int}", download),
    answers.reads("exports/{job:int}/manifest", manifest),
]
