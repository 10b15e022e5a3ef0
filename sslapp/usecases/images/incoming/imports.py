"""Import a set of images, as a job: decode, hash, store, and appear in one transaction."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from sslapp.datasets.held import Held
from sslapp.datasets.ingest import Ingested, IngestStopped, Row, ingest
from sslapp.datasets.intensity_sample import sampled_limits
from sslapp.datasets.own_exports import OwnSource
from sslapp.datasets.pictures.reading import Reading
from sslapp.datasets.source import ImageSource
from sslapp.datasets.tables.cells import escape_cell
from sslapp.jobs import queue
from sslapp.jobs.context import Cancelled, JobContext
from sslapp.review.findings.difference_hashes import MOST_PAIRS
from sslapp.store import images, projects
from sslapp.store.database import reading, writing
from sslapp.store.images import NewImage
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.images.incoming.known_sets import fetch_known, with_root
from sslapp.usecases.images.incoming.likeness import EXAMPLES, alike, kept_apart, too_many
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.usecases.images.incoming.shape import Shape, shape_of, what_differs
from sslapp.usecases.images.incoming.uploads import forget
from sslapp.usecases.images.own_labels.recording import bring_in
from sslapp.usecases.images.own_labels.sorting import LabelChoice, placed
from sslapp.vocabulary import Intensities, JobKind, JobState, Role
from sslapp.words import count


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
    """Queue an import into a project and return the job's id."""
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
    if origin.download:
        fetch_known(context)
    source = origin.open()
    ends = False
    while not ends:  # until no other import or training store was made meanwhile
        with reading(context.engine) as conn:
            shape = shape_of(conn, context.workspace, project_id)
            held = _held(conn, project_id)
        limits = _limits(source, shape)
        ingested = _ingest(context, source, shape, limits, held)
        context.check()
        if not ingested.rows:
            _add_nothing(context, ingested)
            break
        ends = _add(context, source, shape, limits, ingested, held.count)
    if params.get("upload"):
        forget(context.workspace, params["upload"])


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


def _add_nothing(context: JobContext, ingested: Ingested) -> None:
    """End an import of what the project had already."""
    ingested.pixels.unlink()
    with context.finishing(_result(context, ingested)):
        pass


def _result(context: JobContext, ingested: Ingested) -> dict[str, Any]:
    notes_ = [*_met(ingested)]
    if (died := context.claim.attempt - 1) > 0:
        notes_.append(
            f"This import was interrupted {'once' if died == 1 else f'{died:,} times'} and begun "
            "again. It is whole, and nothing of it is here twice."
        )
    return {
        "images": len(ingested.rows),
        "here": ingested.here,
        "refused": [{"name": each.name, "reason": each.reason} for each in ingested.refused],
        "size": ingested.size,
        "channels": ingested.channels,
        "notes": notes_,
    }


def _met(ingested: Ingested) -> Iterator[str]:
    """What a person should know of images that were taken in, or not."""
    if ingested.here:
        yield (
            f"{count(ingested.here, 'image')} of the source {_are(ingested.here)} here already "
            "under the same name, and not taken in again."
        )
    if ingested.several:
        held = [f"{name} ({number:,})" for name, number in ingested.several.items()]
        more = f" and {len(held) - SHOWN:,} more" if len(held) > SHOWN else ""
        yield f"Of files with several images the first was taken: {', '.join(held[:SHOWN])}{more}."
    if ingested.equal.count:
        pairs = "; ".join(f"{name} as {other}" for name, other in ingested.equal.examples)
        more = ", ..." if ingested.equal.count > len(ingested.equal.examples) else ""
        yield (
            f"{count(ingested.equal.count, 'image')} taken in whose pixels are those of another: "
            f"{pairs}{more}."
        )


def _near(context: JobContext, ingested: Ingested) -> Iterator[str]:
    """What was met of new images that show the same as holdout or test images."""
    with reading(context.engine) as conn:
        apart = kept_apart(conn, context.workspace, context.claim.project_id)
    if apart is None:
        return
    if too_many(apart, len(ingested.rows)):
        yield (
            "Whether new images show the same as holdout or test images was not looked for: "
            f"{len(ingested.rows):,} new ones and {len(apart.names):,} of those are more than "
            f"{MOST_PAIRS:,} pairs. Review looks for near-duplicates."
        )
        return
    context.progress(len(ingested.rows), len(ingested.rows), "comparing with holdout and test")
    names = [row.name for row in ingested.rows]
    found = alike(apart, ingested.pixels, names, context.check)
    if found.pairs:
        pairs = "; ".join(f"{name} as {other}" for name, other in found.pairs[:EXAMPLES])
        more = "; ..." if len(found.pairs) > EXAMPLES else ""
        yield (
            "New images that show nearly the same as a holdout or test image "
            f"({len(found.pairs):,}): "
            f"{pairs}{more}. Whatever is trained on them has seen what it is measured by: leave "
            "them unlabelled, or look at them under Review."
        )
    if found.left:
        yield (
            f"{count(found.left, 'more new image')} may show nearly the same as one of holdout or "
            "test: too many were alike to look at all of them closely."
        )


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _add(  # noqa: PLR0917
    context: JobContext,
    source: ImageSource,
    shape: Shape,
    limits: tuple[float, float] | None,
    ingested: Ingested,
    before: int,
) -> bool:
    """The import's last transaction; False, and nothing is added, where the store is another."""
    project_id = context.claim.project_id
    result = _result(context, ingested)
    if not shape.is_first:
        result["notes"] += [*notes(ingested), *_near(context, ingested)]
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
            )
            if isinstance(source, OwnSource):
                _bring_in_labels(conn, context, source, ingested.rows, result)
    except _StoreChanged:
        return False
    return True


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


def notes(ingested: Ingested) -> list[str]:
    """What a reader should know of images that joined a training store which was there before."""
    larger = sum(max(row.width, row.height) > ingested.size for row in ingested.rows)
    coloured = sum(row.colour for row in ingested.rows) if ingested.channels == 1 else 0
    told = what_differs(
        len(ingested.rows), larger, coloured, side=ingested.size, channels=ingested.channels
    )
    return [told] if told else []


def notes_of(jobs: Sequence[Mapping[str, Any]]) -> dict[int, list[str]]:
    """First position -> notes of the imports since the training store was last made again.

    Args:
        jobs: the project's, newest first.
    """
    found: dict[int, list[str]] = {}
    for each in jobs:
        if each["state"] != JobState.DONE:
            continue
        if each["kind"] == JobKind.PIXELS:
            break
        result = each["result"]
        if each["kind"] == JobKind.IMPORT and result.get("notes") and "first" in result:
            found.setdefault(result["first"], result["notes"])
    return found


def nothing_new(jobs: Sequence[Mapping[str, Any]]) -> str:
    """What to say of the newest import where it added nothing; "" where it added something.

    Args:
        jobs: the project's, newest first.
    """
    done = (each for each in jobs if each["kind"] == JobKind.IMPORT)
    newest = next((each for each in done if each["state"] == JobState.DONE), None)
    if newest is None or newest["result"]["images"]:
        return ""
    return " ".join(["The newest import added nothing.", *newest["result"]["notes"]])


SHOWN = 100
"""Files with several images that a note names."""

Refusals = Sequence[Mapping[str, str]]
"""Entries {"name": ..., "reason": ...}, as an image set keeps them."""


def by_reason(refused: Refusals) -> list[tuple[str, list[str]]]:
    """(reason, names) pairs, the most frequent reason first."""
    found: dict[str, list[str]] = {}
    for each in refused:
        found.setdefault(each["reason"], []).append(each["name"])
    return sorted(found.items(), key=lambda pair: -len(pair[1]))


def refusals_csv(refused: Refusals) -> bytes:
    """A table of name and reason that no spreadsheet runs as formulas."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["name", "reason"])
    for each in refused:
        writer.writerow([escape_cell(each["name"]), escape_cell(each["reason"])])
    return text.getvalue().encode()


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
    known = {each.name: each.id for each in projects.classes(conn, project_id)}
    if class_names is not None and not known:
        known = {
            name: projects.add_class(conn, project_id, name, reader_id) for name in class_names
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
