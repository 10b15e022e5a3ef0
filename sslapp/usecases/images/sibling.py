"""A sibling: another project over the same images, for another finding, without importing again.

It has image rows, sets and metadata of its own, with the same positions, names, hashes, groups and
splits, and classes, holdout and decisions of its own; hidden true labels are of the other finding
and stay behind. Pixels, originals and embeddings are shared by hard links: each project has names
of its own for them, so that whatever becomes of one project's files never takes or changes the
other's, and the disk holds them once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import Connection, RowMapping

from sslapp import durable
from sslapp.imaging.originals import share_originals
from sslapp.jobs import queue
from sslapp.jobs.context import JobContext
from sslapp.store import embeddings, images, projects
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.images import ImageSetRow, NewImage
from sslapp.store.integrity import files
from sslapp.store.integrity.files import Recorded
from sslapp.store.log import events
from sslapp.store.metadata.values import copy_metadata
from sslapp.usecases.access import Access, find_project, require_server_admin
from sslapp.usecases.images.encoder_jobs import SEEDS, encoder_seed
from sslapp.usecases.projects.settings import new_project
from sslapp.vocabulary import EventKind, JobKind, Split


@dataclass(frozen=True)
class QueuedSibling:
    """A sibling that was made; its job brings the images in."""

    project_id: int
    job_id: int


def make_sibling(
    access: Access, name: str, classes: Sequence[str] = (), *, of: str | int | None = None
) -> QueuedSibling:
    """Make a project over the images of another, and queue the job that shares them.

    Args:
        name: of the new project.
        classes: its own, in place of the other's.
        of: the other project; None for the only one.

    Raises:
        NotAllowed: when the reader is no server admin, or no member of the other project.
        Refused: when the name is taken or empty, a class occurs twice, or the other project has no
            images.
    """
    require_server_admin(access, "create projects")
    with writing(access.engine) as conn:
        source = find_project(conn, access, of)
        row = projects.find_project(conn, source)
        if not images.image_count(conn, source):
            raise Refused(f"{row.name} has no images yet. Import some there first.")
        settings = row.settings.model_copy(update={"prompts": {}})  # they are of its classes
        made = new_project(conn, access, name, classes, settings)
        job_id = queue.enqueue(conn, made, JobKind.SIBLING, {"of": source}, access.reader_id)
    return QueuedSibling(made, job_id)


def run_sibling(context: JobContext) -> None:
    """Handle a job of kind `sibling`. A kill leaves the project empty; a resume starts over."""
    while True:
        context.check()
        found = _Shared.read(context)
        try:
            linked = found.link(context)
        except FileNotFoundError:
            with reading(context.engine) as conn:
                if found.is_still_so(conn):
                    raise
            continue  # the other's training store was made again meanwhile
        if found.finish(context, linked):
            return


@dataclass(frozen=True)
class _Shared:
    """What is taken from the other project.

    Attributes:
        source: the other project.
        sets: its imports.
        rows: of its embeddings, the newest of each encoder, oldest first,
        views: and the newest encoded views of each, where there are any.
        names: sha256 of its originals.
        seeds: of the embeddings.
        on_record: what its files hold.
    """

    source: int
    sets: list[ImageSetRow]
    rows: list[RowMapping]
    views: list[RowMapping | None]
    names: list[str]
    seeds: list[int]
    on_record: list[Recorded]

    @classmethod
    def read(cls, context: JobContext) -> "_Shared":
        source = context.claim.params["of"]
        with reading(context.engine) as conn:
            newest = embeddings.newest_of_encoders(conn, source)
            found = [embeddings.latest_embedding(conn, source, each.encoder) for each in newest]
            rows = sorted((each for each in found if each is not None), key=lambda row: row["id"])
            sets = images.image_sets(conn, source)
            if not sets:
                raise Refused("The images that were to be shared are there no more.")
            return cls(
                source,
                sets,
                rows,
                [embeddings.latest_views(conn, row["id"]) for row in rows],
                images.originals(conn, source),
                [encoder_seed(conn, row) for row in rows],
                files.recorded(conn, source),
            )

    def is_still_so(self, conn: Connection) -> bool:
        """Whether the other project has the same images, in the same files."""
        return images.image_sets(conn, self.source) == self.sets

    def link(self, context: JobContext) -> dict[str, str]:
        """Give every file a second name; path there -> path here, in the workspace.

        Raises:
            FileNotFoundError: when one of them is gone.
        """
        workspace = context.workspace
        linked: dict[str, str] = {}
        for path, name in self._files():
            target = context.folder / name
            if path not in linked:
                target.unlink(missing_ok=True)  # of a pass before this one
                durable.link(workspace.path(path), target)
                linked[path] = workspace.relative(target)
        for folder in {workspace.path(each).parent for each in linked.values()}:
            durable.sync_folder(folder)

        def progress(done: int, total: int) -> None:
            context.progress(done, total, "sharing originals")
            context.check()

        share_originals(
            workspace.project(self.source) / "originals",
            workspace.project(context.claim.project_id) / "originals",
            self.names,
            progress=progress,
        )
        return linked

    def finish(self, context: JobContext, linked: dict[str, str]) -> bool:
        """The last transaction; False, and nothing is added, where the other has others by now."""
        target = context.claim.project_id
        seeds = {
            linked[row["features"]]: seed for row, seed in zip(self.rows, self.seeds, strict=True)
        }
        result: dict[str, Any] = {
            "images": sum(each.count for each in self.sets),
            "encoders": [row["encoder"] for row in self.rows],
            SEEDS: seeds,
        }
        try:
            with context.finishing(result, self._records(context, linked)) as conn:
                if not self.is_still_so(conn):
                    raise _OtherImages
                for each in self.sets:
                    self._add_set(conn, context, each, linked)
                self._add_embeddings(conn, target, linked)
                copy_metadata(conn, self.source, target, context.claim.reader_id)
                self._log(conn, context, result)
        except _OtherImages:
            return False
        return True

    def _files(self) -> Iterator[tuple[str, str]]:
        """(path of a file, what it is called in the folder of this job's attempt)."""
        for each in self.sets:
            yield each.pixels, f"pixels-{each.first}.npy"
            if each.whole is not None:
                yield each.whole, f"whole-{each.first}.npy"
        for number, (row, views) in enumerate(zip(self.rows, self.views, strict=True)):
            folder = PurePosixPath(row["features"]).parent
            for path in self._below(folder):
                yield path, f"embedding-{number}/{PurePosixPath(path).relative_to(folder)}"
            yield row["features"], f"embedding-{number}/features.npy"
            yield row["projection"], f"embedding-{number}/map.npy"
            if views is not None:
                for path in self._below(PurePosixPath(views["folder"])):
                    yield path, f"embedding-{number}/views/{PurePosixPath(path).name}"

    def _below(self, folder: PurePosixPath) -> list[str]:
        paths = [PurePosixPath(each.path) for each in self.on_record]
        return [str(path) for path in paths if path.is_relative_to(folder)]

    def _records(self, context: JobContext, linked: dict[str, str]) -> list[Recorded]:
        """What the files hold, as the other project's record says it, which vouches for them."""
        known = {each.path: each for each in self.on_record}
        lacking = [each for each in linked if each not in known]  # written by an older version
        read = files.describe(
            context.workspace, [context.workspace.path(linked[each]) for each in lacking]
        )
        taken = [replace(known[path], path=here) for path, here in linked.items() if path in known]
        return taken + read

    def _add_set(
        self, conn: Connection, context: JobContext, each: ImageSetRow, linked: dict[str, str]
    ) -> None:
        rows = (
            NewImage(
                name=row["name"],
                sha256=row["sha256"],
                width=row["width"],
                height=row["height"],
                split=Split(row["split"]),
                original=row["original"],
                group_key=row["group_key"],
            )
            for row in images.stored_rows(conn, self.source, each.first, each.count)
        )
        target, pixels = context.claim.project_id, linked[each.pixels]
        first = images.add_image_set(
            conn, target, each.name, pixels, rows, each.refused, context.claim.reader_id
        )
        if each.whole is not None:
            (made,) = (row for row in images.image_sets(conn, target) if row.first == first)
            images.replace_pixels(conn, made.id, pixels, linked[each.whole])

    def _add_embeddings(self, conn: Connection, target: int, linked: dict[str, str]) -> None:
        for row, views in zip(self.rows, self.views, strict=True):
            embeddings.add_embedding(
                conn,
                target,
                encoder=row["encoder"],
                shape=(row["count"], row["dim"]),
                features=linked[row["features"]],
                projection=linked[row["projection"]],
            )
            if views is None:
                continue
            made = embeddings.latest_embedding(conn, target, row["encoder"])
            assert made is not None
            names = ("weak", "strong", "augmentation", "flip")
            one = next(linked[each] for each in self._below(PurePosixPath(views["folder"])))
            embeddings.add_views(
                conn,
                {"embedding_id": made["id"], **{name: views[name] for name in names}},
                seed=views["seed"],
                folder=str(PurePosixPath(one).parent),
            )

    def _log(self, conn: Connection, context: JobContext, result: dict[str, Any]) -> None:
        """Say it in both logs."""
        target, reader_id = context.claim.project_id, context.claim.reader_id
        number, head = events.head(conn, self.source)
        own, other = (projects.find_project(conn, each).name for each in (target, self.source))
        told = {"images": result["images"], "encoders": result["encoders"]}
        of = {"project": other, "id": self.source, "event": number, "head": head}
        for project_id, payload in (
            (target, {"of": of, **told}),
            (self.source, {"sibling": {"project": own, "id": target}, **told}),
        ):
            events.append(
                conn,
                project_id,
                EventKind.SIBLING,
                key=f"sibling:{target}:{self.source}",
                reader_id=reader_id,
                payload=payload,
            )


class _OtherImages(Exception):
    """Leaves the last transaction when the other project's images are others by now."""
