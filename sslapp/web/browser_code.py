"""The browser's code: the ES modules below ui/components, served under the hash of them all.

An address, as in /code/3f0c…/label/reader.js, names one content, so browsers keep it for a year
without asking. All modules share one hash: what one of them imports from another beside it is of
the same version, and all change together. The files are read once, when the server starts.

Code is nobody's secret: it is served to who has not signed in as well, and to this server's own
name alone, as every route.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

COMPONENTS = Path(__file__).parents[1] / "ui" / "components"
"""The folder of the components' markup, styles and modules."""

FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class BrowserCode:
    """The modules of a folder.

    Attributes:
        version: names their content, all together.
        modules: their text by name, as in "label/reader.js".
    """

    version: str
    modules: Mapping[str, bytes]


def read_modules(folder: Path) -> BrowserCode:
    """Read every .js file below a folder."""
    modules = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.js"))
    }
    content = sha256()
    for name, text in modules.items():
        content.update(f"{name}\0{len(text)}\0".encode())
        content.update(text)
    return BrowserCode(content.hexdigest()[:32], modules)


CODE = read_modules(COMPONENTS)


def address(module: str) -> str:
    """Where the browser finds a module, as in "label/reader.js", on this server.

    Raises:
        ValueError: when there is no such module.
    """
    if module not in CODE.modules:
        raise ValueError(f'There is no module "{module}" in {COMPONENTS}.')
    return f"/code/{CODE.version}/{module}"


async def module(request: Request) -> Response:
    """A module's text; 404 for another version than this server's."""
    version, name = request.path_params["version"], request.path_params["name"]
    if version != CODE.version or name not in CODE.modules:
        message = "This server has no such code. Reload the page."
        return PlainTextResponse(message, 404, {"Cache-Control": "no-store"})
    headers = {"Cache-Control": FOREVER}
    return Response(CODE.modules[name], media_type="text/javascript", headers=headers)


routes = [Route("/code/{version}/{name:path}", module, methods=["GET"])]
