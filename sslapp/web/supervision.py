"""What the server does beside answering, for as long as it runs."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from typing import Any

from sslapp.jobs.supervisor import LOOK_EVERY, Supervisor
from sslapp.web.garbage_collection import spare_modules
from sslapp.web.identity import sign_in
from sslapp.web.streamlit_internals import allow_long_cookies
from sslapp.workspace import Workspace

AFTER_START = 15.0
"""Seconds."""


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """Supervise one local worker for as long as the server runs.

    On a database of its own address workers are started by those who run it.

    Raises:
        ValueError: when signing in is set up incompletely; the server then does not start.
    """
    if sign_in() is not None:
        allow_long_cookies()
    workspace = Workspace()
    async with _beside(_load_ahead()), _beside(spare_modules()):
        if workspace.database_url:
            yield
            return
        supervisor = Supervisor(workspace)
        try:
            async with _beside(_watch(supervisor)):
                yield
        finally:
            supervisor.end()


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run endless work until the block ends."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _load_ahead() -> None:
    """Load what the first choice of images needs: a second or two that no reader need wait.

    Not at once, when whoever started the server waits for a first page.
    """
    await asyncio.sleep(AFTER_START)
    await asyncio.to_thread(import_module, "sslapp.acquisition.registry")


async def _watch(supervisor: Supervisor) -> None:
    while True:
        supervisor.look()
        await asyncio.sleep(LOOK_EVERY)
