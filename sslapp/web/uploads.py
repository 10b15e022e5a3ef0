"""Receives files as a stream: what arrives goes to the disk, never all of it into memory."""

from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sslapp.usecases.images.incoming.loose_files import LooseFiles
from sslapp.usecases.images.incoming.uploads import Incoming, TooLarge
from sslapp.web.answers import BASE, admitted, refusal, refused

_BLOCK = 2**20


async def receive(request: Request) -> Response:
    """POST uploads?name=pictures.zip, below BASE: the body is the file; with &files=many it is
    many files one after another, as `loose_files` reads them.

    Answers {"id", "name", "bytes"}; 413 for a file that is larger than the server takes.
    """
    incoming = None
    try:
        incoming = await run_in_threadpool(_begin, request)
        async for block in _blocks(request):
            await run_in_threadpool(incoming.write, block)
        made = await run_in_threadpool(incoming.finish)
    except BaseException as error:  # a cancelled task is to leave no half file behind either
        if incoming is not None:
            incoming.abort()
        return _why_not(error)
    return JSONResponse(
        {"id": made.id, "name": made.name, "bytes": made.bytes},
        headers={"Cache-Control": "no-store"},
    )


def _begin(request: Request) -> Incoming | LooseFiles:
    length = request.headers.get("content-length", "")
    kind = LooseFiles if request.query_params.get("files") == "many" else Incoming
    return kind(
        admitted(request),
        request.query_params.get("name", ""),
        int(length) if length.isdecimal() else None,
    )


async def _blocks(request: Request) -> AsyncIterator[bytes]:
    """The body in blocks of about _BLOCK bytes: one hop to a thread for each."""
    waiting = bytearray()
    async for part in request.stream():
        waiting += part
        if len(waiting) >= _BLOCK:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


def _why_not(error: BaseException) -> Response:
    if isinstance(error, ClientDisconnect):
        return refusal("The upload was given up.", 400)
    if isinstance(error, TooLarge):
        return refusal(str(error), 413)
    if isinstance(error, OSError):
        return refusal("The server's disk did not take the file. Free some space on it.", 507)
    if isinstance(error, Exception):
        return refused(error)
    raise error


routes = [Route(f"{BASE}/uploads", receive, methods=["POST"])]
