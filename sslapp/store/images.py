"""Image sets and their rows; position p is row p of every array of the project."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from sslapp.store.database import lock_project
from sslapp.store.errors import OtherImage, Refused
from sslapp.store.integrity import seals
from sslapp.store.integrity.canonical import canonical
from sslapp.store.log.chain import now
from sslapp.store.log.events import append, head
from sslapp.store.schema import image, image_set, label_class, true_label
from sslapp.vocabulary import EventKind, Split

_AT_ONCE = 500
_WRITTEN_AT_ONCE = 5000
"""Rows of images: what is kept of them on the way to the database takes a kilobyte each."""

_NOT_SHOWN = ("project_id", "seal")


@dataclass(frozen=True)
class NewImage:
    """An image before it has a position.

    Attributes:
        name: as the reader knows it.
        sha256: of the decoded pixels, hex.
        width, height: of the original.
        split: pool or test.
        original: sha256 of the file in originals/; None for a row of an array.
        group_key: a patient, a scene; None for an image of its own.
        true_class: class id, where the set comes with its truth.
    """

    name: str
    sha256: str
    width: int
    height: int
    split: Split = Split.POOL
    original: str | None = None
    group_key: str | None = None
    true_class: int | None = None


@dataclass(frozen=True)
class ImageRow:
    """An image of a project; fields as in NewImage."""

    position: int
    name: str
    sha256: str
    original: str | None
    width: int
    height: int
    split: Split
    group_key: str | None


@dataclass(frozen=True)
class ImageSetRow:
    """One import: its images take `count` positions from `first`.

    `pixels` names the (count, S, S, C) uint8 array relative to the workspace; `refused` lists what
    could not be read as {"name": ..., "reason": ...}; `whole` names the array that it was imported
    with, if `pixels` was made again and no original says as much; `truth` is the hash of its true
    labels, None in older workspaces.
    """

    id: int
    name: str
    first: int
    count: int
    pixels: str
    refused: list[dict[str, str]]
    created_at: datetime
    truth: str | None
    whole: str | None = None

    @property
    def imported(self) -> str:
        """The array that images without an original are read from."""
        return self.whole or self.pixels


def add_image_set(  # noqa: PLR0917
    conn: Connection,
    project_id: int,
    name: str,
    pixels_path: str,
    rows: Iterable[NewImage],
    refused: Sequence[Mapping[str, str]] = (),
    reader_id: int | None = None,
    also: Mapping[str, Any] | None = None,
) -> int:
    """Append images to a project, log the import, and return the first one's position.

    Args:
        conn: a write transaction.
        project_id: the project.
        name: of the set.
        pixels_path: its pixel array, relative to the workspace.
        rows: the images, in the order of that array.
        refused: what could not be read, as {"name": ..., "reason": ...}.
        reader_id: who imported it.
        also: what else the log is to say of it.

    Raises:
        Refused: when there are no images, or a true class is not one of the project's.
    """
    lock_project(conn, project_id)
    first = image_count(conn, project_id)
    count, sha256 = _add_rows(conn, project_id, first, iter(rows))
    if not count:
        raise Refused(f"{name}: none of its files could be read as an image.")
    described = {
        "project_id": project_id,
        "name": name,
        "first": first,
        "count": count,
        "pixels": pixels_path,
        "refused": [dict(entry) for entry in refused],
        "created_at": now(),
        "truth": truth_hash(conn, project_id, first, count),
    }
    seals.insert(conn, image_set, described)
    append(
        conn,
        project_id,
        EventKind.IMPORT,
        key=f"import:{first}:{head(conn, project_id)[0]}",  # a withdrawn one began there, too
        reader_id=reader_id,
        payload={
            "name": name,
            "first": first,
            "count": count,
            "refused": len(refused),
            "sha256": sha256,
            **(also or {}),
        },
    )
    return first


def _add_rows(
    conn: Connection, project_id: int, first: int, rows: Iterator[NewImage]
) -> tuple[int, str]:
    """Write images and their true labels; return how many, and their hash as by `rows_hash`."""
    digest, count = hashlib.sha256(), 0
    while new := list(islice(rows, _WRITTEN_AT_ONCE)):
        values = [_image_values(project_id, first + count + i, row) for i, row in enumerate(new)]
        conn.execute(image.insert(), values)
        _add_true_labels(conn, project_id, first + count, new)
        _take_in(digest, values)
        count += len(new)
    return count, digest.hexdigest()


def replace_pixels(conn: Connection, set_id: int, pixels_path: str, whole: str | None) -> None:
    """Let an import name other pixels of its images.

    Args:
        conn: a write transaction.
        set_id: the import.
        pixels_path: the array made again, relative to the workspace.
        whole: as in ImageSetRow.
    """
    values = {"pixels": pixels_path, "whole": whole}
    seals.update(conn, image_set, [image_set.c.id == set_id], values)


def rows_hash(rows: Iterable[Mapping[str, Any]]) -> str:
    """sha256 over image rows (columns of the image table) in order; what an import commits to."""
    digest = hashlib.sha256()
    _take_in(digest, rows)
    return digest.hexdigest()


def _take_in(digest: "hashlib._Hash", rows: Iterable[Mapping[str, Any]]) -> None:
    names = [column.name for column in image.c]
    for row in rows:
        digest.update(canonical([row[name] for name in names]).encode() + b"\n")


def truth_hash(conn: Connection, project_id: int, first: int, count: int) -> str:
    """sha256 over the true labels of an import's images, in order."""
    query = select(true_label.c.position, true_label.c.class_id).where(
        true_label.c.project_id == project_id,
        true_label.c.position.between(first, first + count - 1),
    )
    digest = hashlib.sha256()
    for position, class_id in conn.execute(query.order_by(true_label.c.position)):
        digest.update(f"{position}:{class_id}\n".encode())
    return digest.hexdigest()


def image_count(conn: Connection, project_id: int) -> int:
    """N: the project's images have positions 0..N-1."""
    last = conn.execute(
        select(func.max(image.c.position)).where(image.c.project_id == project_id)
    ).scalar()
    return 0 if last is None else last + 1


def image_rows(
    conn: Connection, project_id: int, positions: Iterable[int] | NDArray[np.int64]
) -> list[ImageRow]:
    """The images at these positions, in that order.

    Raises:
        Refused: naming the first position that the project does not have.
    """
    wanted = [int(position) for position in positions]
    found: dict[int, ImageRow] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        chunk = wanted[start : start + _AT_ONCE]
        rows = conn.execute(
            select(image).where(image.c.project_id == project_id, image.c.position.in_(chunk))
        )
        for row in rows:
            columns = {**row._mapping, "split": Split(row.split)}
            del columns["project_id"]
            found[row.position] = ImageRow(**columns)
    for position in wanted:
        if position not in found:
            raise Refused(f"There is no image {position} in this project.")
    return [found[position] for position in wanted]


def positions_named(conn: Connection, project_id: int, text: str) -> NDArray[np.int64]:
    """(n,) ascending positions of the images whose name holds a text, whatever its case."""
    rows = conn.execute(
        select(image.c.position)
        .where(image.c.project_id == project_id, image.c.name.icontains(text, autoescape=True))
        .order_by(image.c.position)
    )
    return np.array([row.position for row in rows], dtype=np.int64)


def pixel_hashes(conn: Connection, project_id: int, positions: Sequence[int]) -> dict[int, str]:
    """Position -> sha256 of the image's decoded pixels, for those of the images there are."""
    found: dict[int, str] = {}
    for start in range(0, len(positions), _AT_ONCE):
        chunk = list(positions[start : start + _AT_ONCE])
        rows = conn.execute(
            select(image.c.position, image.c.sha256).where(
                image.c.project_id == project_id, image.c.position.in_(chunk)
            )
        )
        found |= {row.position: row.sha256 for row in rows}
    return found


def must_be_seen(position: int, held: str, seen: str) -> None:
    """Check that the picture which a page shows as an image is that image.

    Args:
        position: the image.
        held: sha256 of its decoded pixels.
        seen: what the page says it shows.

    Raises:
        OtherImage: when they differ.
    """
    if seen != held:
        raise OtherImage(
            f"The page shows another picture as image {position} than this workspace holds, so "
            "nothing was done with it. Reload the page and look at it again."
        )


def image_sets(conn: Connection, project_id: int) -> list[ImageSetRow]:
    """The project's imports, by first position."""
    query = select(image_set).where(image_set.c.project_id == project_id)
    return [
        ImageSetRow(**{name: value for name, value in row.items() if name not in _NOT_SHOWN})
        for row in conn.execute(query.order_by(image_set.c.first)).mappings()
    ]


def count_reduced(conn: Connection, project_id: int, each: ImageSetRow, side: int) -> int:
    """How many images of an import have no original and were larger than `side` pixels."""
    query = select(func.count()).where(
        image.c.project_id == project_id,
        image.c.position.between(each.first, each.first + each.count - 1),
        image.c.original.is_(None),
        (image.c.width > side) | (image.c.height > side),
    )
    return conn.execute(query).scalar_one()


def true_labels(conn: Connection, project_id: int) -> NDArray[np.int64]:
    """(N,) int64 class ids the images came with, -1 for none.

    For simulated readers and for scoring a finished simulation; nothing else may look at these.
    """
    labels = np.full(image_count(conn, project_id), -1, dtype=np.int64)
    rows = conn.execute(
        select(true_label.c.position, true_label.c.class_id).where(
            true_label.c.project_id == project_id
        )
    )
    for position, class_id in rows:
        labels[position] = class_id
    return labels


def originals(conn: Connection, project_id: int) -> list[str]:
    """sha256 of every original that the project's images came from, in order, each once."""
    query = select(image.c.original).where(
        image.c.project_id == project_id, image.c.original.is_not(None)
    )
    return [*conn.execute(query.distinct().order_by(image.c.original)).scalars()]


def duplicates(conn: Connection, project_id: int) -> list[NDArray[np.int64]]:
    """Groups of (n,) int64 positions whose pixels are equal, n >= 2, by their first position."""
    twice = (
        select(image.c.sha256)
        .where(image.c.project_id == project_id)
        .group_by(image.c.sha256)
        .having(func.count() > 1)
    )
    rows = conn.execute(
        select(image.c.sha256, image.c.position)
        .where(image.c.project_id == project_id, image.c.sha256.in_(twice))
        .order_by(image.c.position)
    )
    found: dict[str, list[int]] = {}
    for sha256, position in rows:
        found.setdefault(sha256, []).append(position)
    return [np.array(group, dtype=np.int64) for group in found.values()]


def original_of_each(conn: Connection, project_id: int) -> list[str | None]:
    """The name of every image's original, by position; None for a row of an array that the pixels
    hold whole."""
    query = select(image.c.original).where(image.c.project_id == project_id)
    return list(conn.execute(query.order_by(image.c.position)).scalars())


def named_originals(conn: Connection, project_id: int) -> Iterator[tuple[str, str]]:
    """Yield (name, sha256 of its original) of every image that has one, by position."""
    query = select(image.c.name, image.c.original).where(
        image.c.project_id == project_id, image.c.original.is_not(None)
    )
    for row in conn.execute(query.order_by(image.c.position)):
        yield row.name, row.original


def contents(conn: Connection, project_id: int) -> Iterator[tuple[str, str | None, str]]:
    """Yield (name, sha256 of its original or None, sha256 of its pixels) of every image, in order
    of their positions."""
    query = select(image.c.name, image.c.original, image.c.sha256).where(
        image.c.project_id == project_id
    )
    for row in conn.execute(query.order_by(image.c.position)):
        yield row.name, row.original, row.sha256


def named(conn: Connection, project_id: int, names: Sequence[str]) -> set[str]:
    """Those of some names that images of the project have."""
    found: set[str] = set()
    for start in range(0, len(names), _WRITTEN_AT_ONCE):
        some = names[start : start + _WRITTEN_AT_ONCE]
        query = select(image.c.name).where(image.c.project_id == project_id, image.c.name.in_(some))
        found.update(conn.execute(query).scalars())
    return found


def splits(conn: Connection, project_id: int) -> NDArray[np.bool_]:
    """(N,) bool, True for test images."""
    is_test = np.zeros(image_count(conn, project_id), dtype=np.bool_)
    rows = conn.execute(
        select(image.c.position).where(
            image.c.project_id == project_id, image.c.split == Split.TEST.value
        )
    )
    is_test[np.array([row.position for row in rows], dtype=np.int64)] = True
    return is_test


def groups(conn: Connection, project_id: int) -> NDArray[np.int64] | None:
    """(N,) int64 group codes, None when no image has a group; an image without one is its own."""
    rows = conn.execute(
        select(image.c.position, image.c.group_key)
        .where(image.c.project_id == project_id, image.c.group_key.is_not(None))
        .order_by(image.c.position)
    ).all()
    if not rows:
        return None
    # Codes of named groups come first; the rest get codes of their own above them.
    numbers = {key: code for code, key in enumerate(dict.fromkeys(key for _, key in rows))}
    codes = len(numbers) + np.arange(image_count(conn, project_id), dtype=np.int64)
    for position, key in rows:
        codes[position] = numbers[key]
    return codes


def _image_values(project_id: int, position: int, new: NewImage) -> dict[str, Any]:
    return {
        "project_id": project_id,
        "position": position,
        "name": new.name,
        "sha256": new.sha256,
        "original": new.original,
        "width": int(new.width),
        "height": int(new.height),
        "split": new.split.value,
        "group_key": new.group_key,
    }


def _add_true_labels(
    conn: Connection, project_id: int, first: int, new: Sequence[NewImage]
) -> None:
    values = [
        {"project_id": project_id, "position": first + i, "class_id": int(row.true_class)}
        for i, row in enumerate(new)
        if row.true_class is not None
    ]
    known = conn.execute(select(label_class.c.id).where(label_class.c.project_id == project_id))
    foreign = {value["class_id"] for value in values} - set(known.scalars())
    if foreign:
        raise Refused(f"true_class: {min(foreign)} is not a class of this project.")
    if values:
        conn.execute(true_label.insert(), values)


def stored_rows(
    conn: Connection, project_id: int, first: int, count: int
) -> Iterator[Mapping[str, Any]]:
    """The rows of the image table that an import wrote, in order."""
    query = select(image).where(
        image.c.project_id == project_id,
        image.c.position.between(first, first + count - 1),
    )
    for row in conn.execute(query.order_by(image.c.position)):
        yield row._asdict()


def names_and_hashes(conn: Connection, project_id: int) -> tuple[list[str], list[str]]:
    """Names, as imported, and content hashes of all images, by position."""
    query = select(image.c.name, image.c.sha256).where(image.c.project_id == project_id)
    rows = conn.execute(query.order_by(image.c.position)).all()
    return [row.name for row in rows], [row.sha256 for row in rows]


def count_of_test_split(conn: Connection, project_id: int, count: int) -> int:
    """How many of the first `count` images belong to the test split."""
    query = select(func.count()).where(
        image.c.project_id == project_id,
        image.c.position < count,
        image.c.split == Split.TEST.value,
    )
    return conn.execute(query).scalar_one()
