"""How a route answers: who asks is found out, the work runs in a thread, an error is one sentence.

A module of routes writes functions of the reader and the request, and wraps each:

    routes = [
        answers.reads("projects/{project:int}/counts", count),  # count(access, request)
        answers.commands("projects/{project:int}/notes", note),  # note(access, request, body)
    ]

Their addresses begin with BASE: each names the workspace that the page was opened on, and what is
meant for another one is refused before anything is done. Where a name was taken on the page, `~`
and the reader's number follow: what a page decides is its reader's, whoever reads in another tab.

What they return is sent as JSON, unless it is a Response already. Errors that a use case raises
are answered as {"error": "sentence"}: 401 nobody has signed in, 403 not allowed, 404 not there,
409 refused by the project's state, 400 any other wrong value, 507 what the server's disk refuses or
holds no more. With "stop": true the page has lost its workspace: it must show the sentence and take
nothing more.
"""

import json
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sslapp.store.errors import Damaged, DatabaseGone, OtherWorkspace, Refused, Unknown
from sslapp.usecases.access import (
    Access,
    NotAllowed,
    NotSignedIn,
    require_workspace,
    what_the_disk_refused,
)
from sslapp.web.identity import reader_of
from sslapp.workspace import Workspace

STATUS: tuple[tuple[type[Exception], int], ...] = (
    (NotSignedIn, 401),
    (NotAllowed, 403),
    (Unknown, 404),
    (Refused, 409),
    (ValueError, 400),
    (Damaged, 507),
    (FileNotFoundError, 404),
    (OSError, 507),
)
"""The first that fits counts; anything else is a fault of the program and answered with 500."""

BASE = "/api/{workspace}"
"""Begins the address of every route that answers from the database."""

LOST = (OtherWorkspace, DatabaseGone)
"""What tells a page that the workspace it was opened on is not the one that answers."""

_LARGEST = 2**63 - 1  # a larger number in a path is in no database


def reads(path: str, answer: Callable[[Access, Request], Any]) -> Route:
    """A GET route below BASE; `answer` runs in a thread and may wait for the database."""

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(_answered, request, lambda who: answer(who, request))

    return Route(f"{BASE}/{path}", endpoint, methods=["GET"], name=answer.__name__)


def commands(path: str, answer: Callable[[Access, Request, dict[str, Any]], Any]) -> Route:
    """A POST route below BASE whose body is a JSON object, the third argument of `answer`."""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(
            _answered, request, lambda who: answer(who, request, _object(body))
        )

    return Route(f"{BASE}/{path}", endpoint, methods=["POST"], name=answer.__name__)


def admitted(request: Request) -> Access:
    """Who sends a request to a route below BASE, if it is meant for the open workspace.

    Raises:
        NotSignedIn, NotAllowed: see `reader_of`.
        OtherWorkspace: when its address names another workspace.
    """
    workspace, _, taken = request.path_params["workspace"].partition("~")
    if taken and not (taken.isascii() and taken.isdecimal() and len(taken) < 19):
        raise NotAllowed("There is no such reader.")
    access = reader_of(request, int(taken) if taken else None)
    require_workspace(access, workspace)
    return access


def refusal(message: str, status: int, *, stop: bool = False) -> JSONResponse:
    """An error as every route answers it; `stop`: the page must take nothing more."""
    said = {"error": message, "stop": True} if stop else {"error": message}
    return JSONResponse(said, status, headers={"Cache-Control": "no-store"})


def refused(error: Exception) -> JSONResponse:
    """The answer to an error that a use case raised; an unforeseen one is raised again."""
    for kind, status in STATUS:
        if isinstance(error, kind):
            return refusal(_sentence(error), status, stop=isinstance(error, LOST))
    raise error


def _answered(request: Request, work: Callable[[Access], Any]) -> Response:
    try:
        access = admitted(request)
        if any(isinstance(each, int) and each > _LARGEST for each in request.path_params.values()):
            raise Unknown("There is no such thing here.")
        content = work(access)
    except Exception as error:
        return refused(error)
    if isinstance(content, Response):
        return content
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):  # no JSON, no text, or nested without end
        found = None
    if not isinstance(found, dict):
        raise ValueError("The request's body is no JSON object.")
    return found


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"])
        return f"{where}: {first['msg']}." if where else f"{first['msg']}."
    if isinstance(error, OSError):
        return what_the_disk_refused(error, Workspace())
    return str(error)
