"""The routes of pictures. An image is named by its number, which is looked up; never by a path.

An address carries the content hash of its picture as well. So what a browser keeps of one
workspace is never shown as an image of another. Pictures that are held back are an admin's alone,
and kept by no browser.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sslapp.usecases.access import Access
from sslapp.usecases.images import pictures
from sslapp.usecases.images.incoming.quarantine import looking_through
from sslapp.usecases.images.pictures import Picture
from sslapp.web import answers

FOREVER = "private, max-age=31536000, immutable"
"""An address names one content, and a page asks for each of them again and again."""

A_MINUTE = "private, max-age=60"
"""Of a picture that looks otherwise once the training store has been made again."""

Find = Callable[[Access, int, int, str], Picture]


def image(access: Access, request: Request) -> Response:
    """An image at full size."""
    return _sent(access, request, pictures.picture)


def part(access: Access, request: Request) -> Response:
    """One of the pictures that are one image, at full size."""

    def find(who: Access, project: int, position: int, image_hash: str) -> Picture:
        number = request.path_params["part"]
        return pictures.part_of(who, project, position, number, image_hash)

    return _sent(access, request, find)


def parts(access: Access, request: Request) -> dict[str, Any]:
    """How many pictures are one image."""
    path = request.path_params
    return asdict(pictures.parts(access, path["project"], path["position"], path["image"]))


def thumbnail(access: Access, request: Request) -> Response:
    """A small picture of an image."""
    return _sent(access, request, pictures.thumbnail)


def whichever(access: Access, request: Request) -> Response:
    """Lead to the small picture of an image, for a page that knows its number alone."""
    path = request.path_params
    (image_hash,) = pictures.image_hashes(access, path["project"], [path["position"]])
    address = f"{path['position']}/{image_hash}"  # beside this one
    return RedirectResponse(address, 307, {"Cache-Control": "no-store"})


def held(access: Access, request: Request) -> Response:
    """A picture of a series that is held back, by its number."""
    path = request.path_params
    about = path["project"], path["series"], path["number"]
    return _unkept(looking_through.picture_of_series(access, *about))


def brightest(access: Access, request: Request) -> Response:
    """The brightest of the pictures of one size of such a series."""
    path = request.path_params
    about = path["project"], path["series"], path["width"], path["height"]
    return _unkept(looking_through.brightest(access, *about))


def _unkept(content: bytes) -> Response:
    return Response(content, media_type=pictures.PNG, headers={"Cache-Control": "no-store"})


def _sent(access: Access, request: Request, find: Find) -> Response:
    path = request.path_params
    found = find(access, path["project"], path["position"], path["image"])
    tag = f'"{found.tag}"'
    headers = {
        "Cache-Control": FOREVER if found.lasting else A_MINUTE,
        "ETag": tag,
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


_PROJECT = "projects/{project:int}"

routes = [
    answers.reads(f"{_PROJECT}/images/{{position:int}}/{{image}}", image),
    answers.reads(f"{_PROJECT}/images/{{position:int}}/{{image}}/parts", parts),
    answers.reads(f"{_PROJECT}/images/{{position:int}}/{{image}}/parts/{{part:int}}", part),
    answers.reads(f"{_PROJECT}/thumbs/{{position:int}}/{{image}}", thumbnail),
    answers.reads(f"{_PROJECT}/thumbs/{{position:int}}", whichever),
    answers.reads(f"{_PROJECT}/held/{{series}}/{{number:int}}", held),
    answers.reads(f"{_PROJECT}/held/{{series}}/brightest/{{width:int}}/{{height:int}}", brightest),
]
