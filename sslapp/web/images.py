"""The routes of pictures. An image is named by its number, which is looked up; never by a path."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from sslapp.usecases import pictures
from sslapp.usecases.access import Access
from sslapp.usecases.pictures import Picture
from sslapp.web import answers

FOREVER = "private, max-age=31536000, immutable"
"""Images never change, and a page asks for each of them again and again."""

Find = Callable[[Access, int, int], Picture]


def image(access: Access, request: Request) -> Response:
    """An image at full size."""
    return _sent(access, request, pictures.picture)


def thumbnail(access: Access, request: Request) -> Response:
    """A small picture of an image."""
    return _sent(access, request, pictures.thumbnail)


def _sent(access: Access, request: Request, find: Find) -> Response:
    found = find(access, request.path_params["project"], request.path_params["position"])
    tag = f'"{found.tag}"'
    headers = {"Cache-Control": FOREVER, "ETag": tag, "X-Content-Type-Options": "nosniff"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


_PROJECT = "/api/projects/{project:int}"

routes = [
    answers.reads(f"{_PROJECT}/images/{{position:int}}", image),
    answers.reads(f"{_PROJECT}/thumbs/{{position:int}}", thumbnail),
]
