"""What an admin sees of the quarantine: series, their pictures, and where text was found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from sslapp.datasets.quarantine.held_images import HeldFolder, HeldImage, Why
from sslapp.imaging.rectangles import Rectangle
from sslapp.imaging.thumbnails import png_bytes
from sslapp.store.database import reading
from sslapp.store.errors import Unknown
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.images.incoming.quarantine.holding import held_now
from sslapp.vocabulary import Role

WHY = {
    Why.HEADER: "their files say that text is burned in",
    Why.KIND: "pictures of their kind often show text",
    Why.FOUND: "text was found in a picture of them",
}
"""Why images are held back, in words."""


@dataclass(frozen=True, kw_only=True)
class HeldPicture:
    """A frame of an image that is held back.

    Attributes:
        image: its name; frame: from 0.
        width, height: as it is seen.
        boxes: around text that was found.
    """

    image: str
    frame: int
    width: int
    height: int
    boxes: tuple[Rectangle, ...]


@dataclass(frozen=True, kw_only=True)
class HeldSeries:
    """A series of which images are held back.

    Attributes:
        series: its pseudonymous UID; label: how names of images show it.
        title: how its import is called.
        modality: "" where it is not known.
        images: how many.
        why: each reason once.
        pictures: every frame, in the order of the imports.
    """

    series: str
    label: str
    title: str
    modality: str
    images: int
    why: tuple[Why, ...]
    pictures: tuple[HeldPicture, ...]

    @property
    def reasons(self) -> str:
        """Why its images are held back, in words."""
        said = [WHY[each] for each in self.why]
        if Why.FOUND not in self.why and any(each.boxes for each in self.pictures):
            said.append("text was found")
        return "; ".join(said)

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(width, height) of its pictures, each once, in the order in which they come."""
        return tuple(dict.fromkeys((each.width, each.height) for each in self.pictures))


def any_held(access: Access, project_id: int) -> bool:
    """Whether the quarantine of a project was ever used: what is in it now takes longer to say."""
    return access.workspace.quarantine(project_id).is_dir()


def held_series(access: Access, project: str | int | None) -> list[HeldSeries]:
    """The series that are held back of a project, for its admins.

    Raises:
        NotAllowed: when the reader is none.
    """
    _, folders = _held(access, project)
    by_series: dict[str, list[HeldFolder]] = {}
    for each in folders:
        by_series.setdefault(each.images[0].series, []).append(each)
    return [_series(each) for each in by_series.values()]


def held_picture(access: Access, project: str | int | None, image: str, frame: int = 0) -> bytes:
    """A frame of an image that is held back as a PNG, for admins.

    Raises:
        NotAllowed: when the reader is no admin of the project.
        Unknown: when the image is not held back, or has no such frame.
    """
    _, folders = _held(access, project)
    for folder in folders:
        for each in folder.images:
            if each.name == image:
                frames = _pictures(folder, each)
                found = next((shown for at, shown in enumerate(frames) if at == frame), None)
                if found is not None:
                    return png_bytes(found)
    raise Unknown("No such picture is held back. `sslapp quarantine list --json` names them.")


def picture_of_series(access: Access, project: str | int | None, series: str, number: int) -> bytes:
    """The picture of that number in HeldSeries.pictures as a PNG, for admins.

    Raises:
        NotAllowed, Unknown: as `held_picture`.
    """
    for each in held_series(access, project):
        if each.series == series and number < len(each.pictures):
            shown = each.pictures[number]
            return held_picture(access, project, shown.image, shown.frame)
    raise Unknown("No such picture is held back any more.")


def brightest(
    access: Access, project: str | int | None, series: str, width: int, height: int
) -> bytes:
    """The brightest of all pictures of a series of one size, pixel by pixel, as a PNG, for admins.

    What stands in the same place in some of them is seen in it.

    Raises:
        NotAllowed, Unknown: as `held_picture`.
    """
    from sslapp.imaging.dicom.together import brightest as brightest_of  # as in _pictures

    _, folders = _held(access, project)
    shown = (
        each
        for folder in folders
        for image in folder.images
        if image.series == series and (width, height) in image.sizes
        for each in _pictures(folder, image)
        if each.shape[1::-1] == (width, height)
    )
    first = next(shown, None)
    if first is None:
        raise Unknown("No such picture is held back any more.")
    return png_bytes(brightest_of(chain([first], shown)))


def _held(access: Access, project: str | int | None) -> tuple[int, list[HeldFolder]]:
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        return project_id, held_now(conn, access.workspace, project_id)


def _series(folders: Sequence[HeldFolder]) -> HeldSeries:
    images = [image for folder in folders for image in folder.images]
    first = images[0]
    return HeldSeries(
        series=first.series,
        label=first.label,
        title=folders[0].title,
        modality=first.facts.get("Modality", ""),
        images=len(images),
        why=tuple(dict.fromkeys(each.why for each in images)),
        pictures=tuple(
            HeldPicture(
                image=each.name, frame=at, width=size[0], height=size[1], boxes=each.boxes[at]
            )
            for each in images
            for at, size in enumerate(each.sizes)
        ),
    )


def _pictures(folder: HeldFolder, image: HeldImage) -> Iterator[NDArray[np.uint8]]:
    from sslapp.imaging.dicom.seen import seen_frames  # pydicom takes a second to import

    for each in seen_frames(folder.content(image), image.name):
        yield each.picture
