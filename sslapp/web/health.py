"""Whether the server answers."""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sslapp import __version__


async def health(_: Request) -> JSONResponse:
    """Say that the server answers."""
    return JSONResponse({"status": "ok", "version": __version__})


routes = [Route("/api/health", health)]
