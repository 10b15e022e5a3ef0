"""Import a set of images, as a job: decode, hash, store, and appear in one transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from sslapp.datasets.held import Held
from sslapp.datasets.imported_rows import Row
from sslapp.datasets.ingest import Ingested, IngestStopped, ingest
from sslapp.datasets.intensity_sample import sampled_limits
from sslapp.datasets.known.catalogue import KNOWN
from sslapp.datasets.own_exports import OwnSource
from sslapp.datasets.pictures.listing import ScanStopped
from sslapp.datasets.pictures.reading import Reading
from sslapp.datasets.pictures.watch import Watch
from sslapp.datasets.registry import unknown
from sslapp.datasets.source import ImageSource, PseudonymousSource
from sslapp.imaging.bundles import SUFFIX
from sslapp.jobs import queue
from sslapp.jobs.context import Cancelled, JobContext
from sslapp.store import images, label_classes, projects
from sslapp.store.database import overwrite_replaced, reading, writing
from sslapp.store.images import NewImage
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.images.incoming import notes
from sslapp.usecases.images.incoming.known_sets import fetch_known, with_root
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.usecases.images.incoming.patients.facts import (
    add_facts,
    check_asked,
    forget_names,
    of_same_thing,
    recognise_bundles,
)
from sslapp.usecases.images.incoming.patients.secret import secret_of_job
from sslapp.usecases.images.incoming.quarantine import releasing
from sslapp.usecases.images.incoming.quarantine.screening import Screening
from sslapp.usecases.images.incoming.shape import Shape, kept_of_dicom, shape_of
from sslapp.usecases.images.incoming.uploads import forget
from sslapp.usecases.images.own_labels.recording import bring_in
from sslapp.usecases.images.own_labels.sorting import LabelChoice, placed
from sslapp.vocabulary import Intensities, JobKind, Role


def import_images(
    access: Access,
    project: str | int | None,
    source: str,
    *,
    root: Path | None = None,
    download: bool = False,
    reading: Reading | None = None,
    add_classes: bool = False,
) -> int:
    """Queue the import of an image set and return the job's id.

    Args:
        source: the name of a set, a folder, or a .zip, .npz or .csv file of this machine.
        root: where a named set lies; default: where it is found (`known_sets`), or the folder
            `data` of the workspace.
        download: fetch a named set that is not there.
        reading: what folders and names mean; None as they look.
        add_classes: as in Origin.
    """
    named = Origin(
        source=source,
        root=root,
        download=download,
        reading=reading,
        add_classes=add_classes,
    )
    return add_images(access, project, named)


def add_images(access: Access, project: str | int | None, origin: Origin) -> int:
    """Queue an import into a project and return the job's id.

    Raises:
        ValueError: where nothing lies at the path: a job would keep it, and folders of patients'
            files are often called by patients.
    """
    if origin.source not in KNOWN and not Path(origin.source).exists():
        raise unknown(origin.source)
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        return queue_import(conn, access, project_id, origin)


def queue_import(conn: Connection, access: Access, project_id: int, origin: Origin) -> int:
    """Queue an import in an open transaction, for whoever checked that it is allowed."""
    params = with_root(access, origin).to_json(access.workspace)
    return queue.enqueue(conn, project_id, JobKind.IMPORT, params, access.reader_id)


def run_import(context: JobContext) -> None:
    """Handle a job of kind `import`. A kill leaves the project as it was; a resume starts over."""
    params, project_id = context.claim.params, context.claim.project_id
    origin = Origin.from_json(params)
    if releasing.RELEASED in params:
        screening = None
        source = releasing.open_release(context)
    else:
        screening = Screening(context, origin, _opened(context, origin))
        source = screening.source
    ends = False
    while not ends:  # until no other import or training store was made meanwhile
        with reading(context.engine) as conn:
            shape = shape_of(conn, context.workspace, project_id)
            held = _held(conn, project_id)
        limits = _limits(source, shape)
        if screening is not None:
            screening.restart()
        ingested = _ingest(context, source, shape, limits, held)
        context.check()
        if screening is not None:
            screening.publish()
        if not ingested.rows:
            _add_nothing(context, source, ingested, screening)
            break
        ends = _add(context, source, shape, limits, ingested, held.count, screening)
    if isinstance(source, PseudonymousSource):
        overwrite_replaced(context.engine)
    if params.get("upload"):
        forget(context.workspace, params["upload"])


def _opened(context: JobContext, asked: Origin) -> ImageSource:
    """The source of an import that was asked for, fetched where it is to be."""
    if asked.download:
        fetch_known(context)
    with reading(context.engine) as conn:
        origin = of_same_thing(asked, kept_of_dicom(conn, context.claim.project_id))
    watch = Watch(
        lambda done, total: context.progress(done, total, "reading headers"), context.should_stop
    )
    try:
        source = origin.open(lambda: secret_of_job(context), watch)
    except ScanStopped:
        raise Cancelled from None
    check_asked(asked, source)
    return source


def _held(conn: Connection, project_id: int) -> Held:
    """What the project holds, by name and by content; of equal ones the first is named."""
    names: dict[str, tuple[str | None, str]] = {}
    files: dict[str, str] = {}
    pixels: dict[str, str] = {}
    number = 0
    for name, original, sha256 in images.contents(conn, project_id):
        names[name] = original, sha256
        pixels.setdefault(sha256, name)
        if original is not None:
            files.setdefault(original, name)
        number += 1
    return Held(names, files, pixels, number)


def _limits(source: ImageSource, shape: Shape) -> tuple[float, float] | None:
    """Black and white of the set, where the first import is to freeze them."""
    wanted = shape.is_first and shape.intensities.choice is Intensities.SET
    return sampled_limits(source) if wanted and shape.intensities.limits is None else None


def _ingest(
    context: JobContext,
    source: ImageSource,
    shape: Shape,
    limits: tuple[float, float] | None,
    held: Held,
) -> Ingested:
    intensities = shape.intensities
    try:
        return ingest(
            source,
            context.folder,
            size=shape.size,
            channels=shape.channels,
            aspect=shape.aspect,
            intensities=intensities if limits is None else replace(intensities, limits=limits),
            originals=context.workspace.project(context.claim.project_id) / "originals",
            held=held,
            progress=lambda step, total: context.progress(step, total, "importing"),
            should_stop=context.should_stop,
        )
    except IngestStopped:
        raise Cancelled from None


def _add_nothing(
    context: JobContext, source: ImageSource, ingested: Ingested, screening: Screening | None
) -> None:
    """End an import of what the project had already, or of what is all held back."""
    ingested.pixels.unlink()
    with context.finishing(_result(context, source, ingested, screening)) as conn:
        if isinstance(source, PseudonymousSource):
            if ingested.held_back:
                add_facts(conn, context, source, (), 0)
            forget_names(conn, context, source.name)
            releasing.remove_released(conn, context)


def _result(
    context: JobContext, source: ImageSource, ingested: Ingested, screening: Screening | None
) -> dict[str, Any]:
    return {
        "images": len(ingested.rows),
        "here": ingested.here,
        "held_back": ingested.held_back,
        "refused": [{"name": each.name, "reason": each.reason} for each in ingested.refused],
        "size": ingested.size,
        "channels": ingested.channels,
        "notes": [
            *notes.met(ingested),
            *(notes.dropped(source) if isinstance(source, PseudonymousSource) else ()),
            *(() if screening is None else screening.notes()),
            *releasing.notes(context),
            *notes.interrupted(context.claim.attempt),
        ],
    }


def _add(  # noqa: PLR0917
    context: JobContext,
    source: ImageSource,
    shape: Shape,
    limits: tuple[float, float] | None,
    ingested: Ingested,
    before: int,
    screening: Screening | None,
) -> bool:
    """The import's last transaction; False, and nothing is added, where the store is another."""
    project_id = context.claim.project_id
    result = _result(context, source, ingested, screening)
    if not shape.is_first:
        result["notes"] += notes.joined(ingested)
    result["notes"] += notes.near(context, ingested)
    try:
        with context.finishing(result) as conn:
            if shape_of(conn, context.workspace, project_id) != shape:
                raise _StoreChanged
            if images.image_count(conn, project_id) != before:
                raise _StoreChanged  # another import came first: what it brought is not new
            if limits is not None:
                projects.change_settings(
                    *(conn, project_id, context.claim.reader_id), intensity_limits=limits
                )
            result["first"] = images.add_image_set(
                conn,
                project_id,
                source.name,
                context.workspace.relative(ingested.pixels),
                _rows(conn, project_id, source.class_names, ingested.rows, context.claim.reader_id),
                result["refused"],
                reader_id=context.claim.reader_id,
                also=releasing.told(context),
            )
            if isinstance(source, PseudonymousSource):
                add_facts(conn, context, source, ingested.rows, result["first"])
                forget_names(conn, context, source.name)
                releasing.remove_released(conn, context)
            if isinstance(source, OwnSource):
                recognise_bundles(conn, context, _bundles(source, ingested.rows))
                _bring_in_labels(conn, context, source, ingested.rows, result)
    except _StoreChanged:
        return False
    return True


def _bundles(source: OwnSource, rows: Sequence[Row]) -> list[Row]:
    """Those of an export's images that are archives there."""
    packed = {each.name for each in source.table.rows if (each.file or "").endswith(SUFFIX)}
    return [row for row in rows if row.name in packed] if packed else []


def _bring_in_labels(
    conn: Connection,
    context: JobContext,
    source: OwnSource,
    rows: Sequence[Row],
    result: dict[str, Any],
) -> None:
    """Record the labels that came with the images, and say so in the job's result."""
    names, hashes = [row.name for row in rows], [row.sha256 for row in rows]
    found = placed(source.table.rows, names, hashes, by_name=True)
    found[found >= 0] += result["first"]
    claim = context.claim
    choice = LabelChoice(add_classes=claim.params.get("add_classes", False))
    done = bring_in(
        *(conn, claim.project_id, claim.reader_id, source.table, found, choice),
        pictures=len(rows),
    )
    result["labels"] = asdict(done)
    result["notes"] = [*result["notes"], *done.words()]


class _StoreChanged(Exception):
    """Leaves the last transaction of an import whose pixels do not fit the project's any more."""


def _rows(
    conn: Connection,
    project_id: int,
    class_names: Sequence[str] | None,
    rows: Sequence[Row],
    reader_id: int | None,
) -> Iterator[NewImage]:
    """The rows with true classes as the project's; a project without classes takes the set's.

    Raises:
        ValueError: when the set has a class that the project has not.
    """
    known = {each.name: each.id for each in label_classes.classes(conn, project_id)}
    if class_names is not None and not known:
        known = {
            name: label_classes.add_class(conn, project_id, name, reader_id) for name in class_names
        }
    used = {row.true_class for row in rows} - {None}
    ids: dict[int | None, int | None] = {None: None}
    for number in sorted(each for each in used if each is not None):
        assert class_names is not None
        name = class_names[number]
        if name not in known:
            raise ValueError(
                f'The set has the class "{name}", which the project has not '
                f"({', '.join(known)}). Add it, or import into a new project."
            )
        ids[number] = known[name]
    return (
        NewImage(
            name=row.name,
            sha256=row.sha256,
            width=row.width,
            height=row.height,
            split=row.split,
            original=row.original,
            group_key=row.group,
            true_class=ids[row.true_class],
        )
        for row in rows
    )
