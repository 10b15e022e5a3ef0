"""Make the training store again, as a job: at another size or aspect, or with other intensities.

It is made of originals, without importing; images that have none are taken from the pixels that
they were imported with, which are kept. Everything that is seen and trained on changes in one
transaction; rounds that have begun go on with what they began with.
"""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.datasets.ingest import LARGEST_NATIVE
from sslapp.imaging.decode import decode, deep_values
from sslapp.imaging.fit import fit
from sslapp.imaging.intensities import IntensityMapping, limits_of, sampled
from sslapp.imaging.originals import original_path
from sslapp.imaging.pixels import ImportedPixels, PixelStore, PixelWriter
from sslapp.jobs import queue
from sslapp.jobs.context import JobContext
from sslapp.rounds.project_pixels import imported_pixels, training_store
from sslapp.store import images, projects, rounds
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.images import ImageSetRow
from sslapp.store.integrity import files
from sslapp.store.projects import ProjectSettings
from sslapp.usecases.access import Access, find_project, require
from sslapp.vocabulary import Aspect, Intensities, JobKind, Role

SAMPLE = 64
"""Images with more than 8 bits whose values give black and white of a set."""

_SEGMENT = re.compile(r"jobs/(?:import|pixels|sibling)-[^/]+/[^/]+/pixels(?:-\d+)?\.npy")
"""Paths of what imports and this job write."""

_THREADS = 8
_AT_ONCE = 128


@dataclass(frozen=True)
class WantedPixels:
    """How a training store is to be; None leaves it as it is.

    Attributes:
        size: S, 8 to 1024 pixels.
        aspect: how an image that is no square becomes one.
        intensities: of images with more than 8 bits; those of the set are sampled anew.
        colour: three channels, though the first import was grey.
    """

    size: int | None = None
    aspect: Aspect | None = None
    intensities: Intensities | None = None
    colour: bool = False


def make_pixels_again(access: Access, project: str | int | None, wanted: WantedPixels) -> int:
    """Queue the work and return the job's id.

    Raises:
        NotAllowed: when the reader is no admin of the project.
        Refused: when there are no images, or the size is out of range, or colour of a project
            that is grey by its settings.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        settings = projects.find_project(conn, project_id).settings
        if not images.image_count(conn, project_id):
            raise Refused("This project has no images yet. Import some first.")
        if wanted.size is not None and not 8 <= wanted.size <= 1024:
            raise Refused(f"size: {wanted.size} pixels are not 8 to 1024.")
        if wanted.colour and settings.grey:
            raise Refused("The project keeps grey images, as was decided when it was made.")
        params = {
            "size": wanted.size,
            "aspect": wanted.aspect,
            "intensities": wanted.intensities,
            "colour": wanted.colour,
        }
        return queue.enqueue(conn, project_id, JobKind.PIXELS, params, access.reader_id)


@dataclass(frozen=True)
class StoreShape:
    """Size S and channels C of a training store.

    `reduced` images are kept no larger than they were first stored, for an earlier version kept no
    originals of arrays.
    """

    size: int
    channels: int
    reduced: int = 0


def store_shape(access: Access, project_id: int) -> StoreShape | None:
    """How the project's training store is; None before there are images."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        if not images.image_count(conn, project_id):
            return None
        _, size, _, channels = training_store(conn, access.workspace, project_id).shape
        reduced = 0
        for each in images.image_sets(conn, project_id):
            side = PixelStore([access.workspace.path(each.imported)]).shape[1]
            reduced += images.count_reduced(conn, project_id, each, side)
    return StoreShape(size, channels, reduced)


def run_pixels(context: JobContext) -> None:
    """Handle a job of kind `pixels`. A kill leaves the project as it was; a resume starts over."""
    made: dict[int, str] = {}
    plan = _Plan.read(context)
    while True:
        for each in plan.sets:
            if each.id not in made:
                made[each.id] = plan.write(each)
        context.check()
        if _switch(context, plan, made):
            return
        plan = plan.with_sets(context)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is made of what.

    Attributes:
        context: the job.
        sets: the project's imports, all before a job that came between.
        originals: N names, None for an image that `imported` has.
        imported: the rows of those.
        size, channels: of the store to be.
        aspect, intensities: likewise.
    """

    context: JobContext
    sets: Sequence[ImageSetRow]
    originals: Sequence[str | None]
    imported: ImportedPixels
    size: int
    channels: int
    aspect: Aspect
    intensities: IntensityMapping

    @classmethod
    def read(cls, context: JobContext) -> Self:
        """As the job's parameters and the project say."""
        params, project_id = context.claim.params, context.claim.project_id
        with reading(context.engine) as conn:
            settings = projects.find_project(conn, project_id).settings
            originals = images.original_of_each(conn, project_id)
            size, channels = _shape_now(conn, context, settings, originals)
            found = cls(
                context=context,
                sets=images.image_sets(conn, project_id),
                originals=originals,
                imported=imported_pixels(conn, context.workspace, project_id),
                size=params["size"] or size,
                channels=3 if params["colour"] else channels,
                aspect=Aspect(params["aspect"] or settings.aspect),
                intensities=IntensityMapping(),
            )
        return found._mapping(params["intensities"], settings)

    def with_sets(self, context: JobContext) -> Self:
        """The same with the imports that there are now."""
        project_id = context.claim.project_id
        with reading(context.engine) as conn:
            return replace(
                self,
                sets=images.image_sets(conn, project_id),
                originals=images.original_of_each(conn, project_id),
                imported=imported_pixels(conn, context.workspace, project_id),
            )

    def write(self, each: ImageSetRow) -> str:
        """Write an import's pixels and return their path, relative to the workspace."""
        path = self.context.folder / f"pixels-{each.first}.npy"
        total = len(self.originals)
        with (
            PixelWriter(path, each.count, self.size, self.channels) as writer,
            ThreadPoolExecutor(_THREADS) as pool,
        ):
            for first in range(each.first, each.first + each.count, _AT_ONCE):
                last = min(first + _AT_ONCE, each.first + each.count)
                writer.append(np.stack([*pool.map(self._image, range(first, last))]))
                self.context.progress(last, total, "making the training store again")
                self.context.check()
        return self.context.workspace.relative(path)

    def _image(self, position: int) -> NDArray[np.uint8]:
        content = self._content(position)
        if content is None:
            image = self.imported.image(position)
        else:
            image = decode(content, f"image {position}", self.intensities)
        return fit(image, self.size, self.channels, self.aspect)

    def _content(self, position: int) -> bytes | None:
        name = self.originals[position]
        folder = self.context.workspace.project(self.context.claim.project_id) / "originals"
        return None if name is None else original_path(folder, name).read_bytes()

    def _mapping(self, asked: str | None, settings: ProjectSettings) -> Self:
        """With the intensities that are asked for, whose limits are those of a sample."""
        choice = settings.intensities if asked is None else Intensities(asked)
        limits = settings.intensity_limits
        if choice is Intensities.SET and (asked is not None or limits is None):
            limits = self._limits() or limits
        return replace(self, intensities=IntensityMapping(choice, limits))

    def _limits(self) -> tuple[float, float] | None:
        places = np.unique(np.linspace(0, len(self.originals) - 1, SAMPLE).astype(np.int64))
        found = []
        for position in places.tolist():
            content = self._content(position)
            values = None if content is None else deep_values(content, f"image {position}")
            if values is not None:
                found.append(sampled(values))
        return limits_of(found)


def _shape_now(
    conn: Connection,
    context: JobContext,
    settings: ProjectSettings,
    originals: Sequence[str | None],
) -> tuple[int, int]:
    """Size and channels of the store; where it is lost and all have originals, as an import's."""
    project_id = context.claim.project_id
    try:
        _, size, _, channels = training_store(conn, context.workspace, project_id).shape
    except (OSError, ValueError):
        if None in originals:
            raise
        folder = context.workspace.project(project_id) / "originals"
        some = [name for name in originals[:: max(1, len(originals) // SAMPLE)] if name]
        seen = [decode(original_path(folder, each).read_bytes(), each) for each in some]
        is_grey = settings.grey or all(each.ndim == 2 for each in seen)
        return settings.image_size or LARGEST_NATIVE, 1 if is_grey else 3
    return size, channels


def _switch(context: JobContext, plan: _Plan, made: dict[int, str]) -> bool:
    """The last transaction; False, and nothing is changed, where an import came between."""
    project_id = context.claim.project_id
    result: dict[str, Any] = {
        "images": len(plan.originals),
        "size": plan.size,
        "channels": plan.channels,
        "aspect": plan.aspect,
        "intensities": str(plan.intensities),
    }
    try:
        with context.finishing(result) as conn:
            before = images.image_sets(conn, project_id)
            if any(each.id not in made for each in before):
                raise _ImportedMeanwhile
            needed = rounds.keep_pixels(conn, project_id, [each.pixels for each in before])
            for each in before:
                own = plan.originals[each.first : each.first + each.count]
                whole = each.imported if None in own else None
                images.replace_pixels(conn, each.id, made[each.id], whole)
                needed |= {whole} if whole else set()
            projects.change_settings(
                *(conn, project_id, context.claim.reader_id),
                image_size=plan.size,
                aspect=plan.aspect,
                intensities=plan.intensities.choice,
                intensity_limits=plan.intensities.limits,
            )
            known = {each.path for each in files.recorded(conn, project_id)}
            named = {path for each in before for path in (each.pixels, each.imported)}
            former = ({*filter(_SEGMENT.fullmatch, known)} | named) - needed - {*made.values()}
            files.forget(conn, sorted(former))
    except _ImportedMeanwhile:
        return False
    for path in former:
        context.workspace.path(path).unlink(missing_ok=True)
    return True


class _ImportedMeanwhile(Exception):
    """Leaves the last transaction when a set of images has no new pixels yet."""
