"""Who sends a request: the same answer as `ui.access.require` gives to a page."""

from functools import lru_cache

from starlette.requests import Request

from sslapp.usecases.access import Access, enter
from sslapp.workspace import Workspace


def current_reader(_: Request) -> Access:
    """The reader who sends this request. In local mode that is the one reader of this machine."""
    workspace = Workspace()
    return _enter(str(workspace.root), workspace.url)


@lru_cache(maxsize=4)
def _enter(root: str, url: str) -> Access:
    # the arguments are the cache's key: another workspace is another database
    return enter(Workspace())
