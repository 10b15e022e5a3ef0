"""The plan of an import: what a scanned source brings to a project if it is read in some way."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from sslapp.datasets.dicom_outline import DicomOutline
from sslapp.datasets.look import SourceLook, list_source, look
from sslapp.datasets.pictures.beside import Beside, found_beside
from sslapp.datasets.pictures.layout import layout
from sslapp.datasets.pictures.levels import Level, Question
from sslapp.datasets.pictures.reading import AS_SUGGESTED, FrameChoice, Meaning, Reading, TextChoice
from sslapp.datasets.registry import passing_secret
from sslapp.imaging.originals import original_path
from sslapp.store import images, label_classes, projects
from sslapp.store.database import reading as reading_of
from sslapp.store.errors import Refused
from sslapp.store.projects import ProjectSettings
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.images.incoming.known_sets import KnownHere, known_here, with_root
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.usecases.images.incoming.patients.secret import read_secret
from sslapp.usecases.images.incoming.scan import Progress, Scan, cores, scan
from sslapp.usecases.images.incoming.shape import Shape, kept_of_dicom, shape_of, what_differs
from sslapp.vocabulary import ImageOf, Slices, Split, StackRule, Thing

__all__ = [
    "AS_SUGGESTED",
    "FrameChoice",
    "ImportPlan",
    "Level",
    "Meaning",
    "Question",
    "Reading",
    "Slices",
    "Split",
    "StackRule",
    "TextChoice",
    "Thing",
    "plan_of_scan",
    "plan_source",
]

NATIVE = 64
"""Side of the training store's images where the project's settings name none."""


@dataclass(frozen=True, kw_only=True)
class ImportPlan:
    """What an import would bring.

    Attributes:
        look: what the source holds, read as `look.reading` says.
        scan: that it was worked out from.
        beside: masks and changed copies that were met beside images.
        here: images that the project has already: by path and size, and of a set without files by
            the name of an earlier import; the import compares bytes and pixels.
        lacking: classes that the project, which has others, has not; an import refuses them.
        differs: what becomes of images unlike those that the project has; "" for nothing.
        seconds: that the import takes on this machine, or None.
        bytes: that it takes on the disk.
        known: the set with a name that this is; else None.
        kept: what of DICOM files the project's images are; None before any came.
    """

    look: SourceLook
    scan: Scan
    beside: Beside
    here: int
    lacking: Sequence[str]
    differs: str
    seconds: float | None
    bytes: int
    known: KnownHere | None = None
    kept: ImageOf | None = None

    @property
    def new(self) -> int:
        """Images that the import would add."""
        return self.look.images - self.here

    @property
    def dicom(self) -> DicomOutline | None:
        """What is known of DICOM files; None for other sources."""
        return self.scan.listing.dicom

    @property
    def classes(self) -> int:
        """How many, also where their names are not known yet."""
        named = self.scan.named
        return len(self.look.classes) or (0 if named is None else named.classes)

    @property
    def without_class(self) -> int:
        """Images that have none."""
        named = self.scan.named
        return self.look.without_class if named is None else named.unlabelled

    @property
    def is_here(self) -> bool:
        """Whether there is something to import: a set with a name may have to be fetched first."""
        return self.scan.named is None or self.scan.named.here

    @property
    def can_come(self) -> bool:
        """Whether it is here, or can be fetched."""
        return self.is_here or (self.known is not None and self.known.offered)

    @property
    def questions(self) -> Sequence[Question]:
        """What must be answered before an import may run."""
        return self.look.questions

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            **self.look.to_json(),
            "already_here": self.here,
            "sample": self.scan.sample.to_json(),
            "classes_lacking": list(self.lacking),
            "differs": self.differs,
            "seconds": self.seconds,
            "disk_bytes": self.bytes,
            "named": None
            if self.known is None
            else {**self.known.to_json(), "here": self.is_here, "classes": self.classes},
        }


def plan_of_scan(
    access: Access, project_id: int, scan: Scan, reading: Reading = AS_SUGGESTED
) -> ImportPlan:
    """Work out what a scanned source would bring to a project; no file of it is read again.

    Raises:
        ValueError: when the reading cannot be, as a group pattern that fits no path.
    """
    with reading_of(access.engine) as conn:
        kept = kept_of_dicom(conn, project_id)
        reading = reading if kept is None else reading.beside(kept)
        found = look(scan.listing, reading, scan.copies)
        shape = shape_of(conn, access.workspace, project_id)
        here = min(_here(conn, access, project_id, scan, found.reading), found.images)
        known = {each.name for each in label_classes.classes(conn, project_id)}
    side, channels = _stored(scan, shape)
    of_files = found.bytes or _bytes_of_originals(scan, side)
    new = found.images - here
    return ImportPlan(
        look=found,
        scan=scan,
        beside=found_beside(scan.listing.names),
        here=here,
        lacking=[name for name in found.classes if name not in known] if known else [],
        differs="" if shape.is_first else _differs(scan, found.images, side, channels),
        seconds=_seconds(scan, found.reading, new),
        bytes=of_files * new // max(found.images, 1) + new * side * side * channels,
        known=None if scan.named is None else known_here(access, scan.named.name),
        kept=kept,
    )


def plan_source(
    access: Access, project: str | int | None, origin: Origin, progress: Progress
) -> ImportPlan:
    """Scan a source here and now, and say what its import would bring; nothing is changed.

    Raises:
        ValueError: when it cannot be opened or read so, with the reason.
    """
    with reading_of(access.engine) as conn:
        project_id = find_project(conn, access, project)
        settings = projects.find_project(conn, project_id).settings
    origin = with_root(access, origin)
    found = scan(
        origin.source,
        root=origin.root,
        name=origin.name,
        within=origin.within,
        named=True,
        secret=lambda: _own_secret(access, settings),
        kept=settings.image_of,
        progress=progress,
    )
    return plan_of_scan(access, project_id, found, origin.reading or AS_SUGGESTED)


def _own_secret(access: Access, settings: ProjectSettings) -> bytes:
    """The project's secret, if it is here; else one that nothing is kept of."""
    if settings.secret is not None:
        with suppress(Refused):
            return read_secret(access.workspace, settings)
    return passing_secret()


def open_questions(origin: Origin) -> list[Question]:
    """What must be answered before a folder or archive may be imported; [] for anything else.

    Raises:
        ValueError: when it cannot be opened or read as the origin says.
    """
    path = Path(origin.source)
    if not path.is_dir() and path.suffix.lower() != ".zip":
        return []
    listing = list_source(origin.source, origin.within, name=origin.name)
    if listing.shares or listing.dicom is not None:
        return look(listing, origin.reading or AS_SUGGESTED).questions
    return layout(listing, origin.reading or AS_SUGGESTED).questions


def _seconds(scan: Scan, reading: Reading, new: int) -> float | None:
    """What an import takes; DICOM files are read and de-identified one after another."""
    if scan.seconds is None:
        return None
    outline = scan.listing.dicom
    if outline is None:
        return scan.seconds * new / cores()
    return scan.seconds * outline.pictures(reading.image_of, new) if new else 0.0


def _here(conn: Connection, access: Access, project_id: int, scan: Scan, reading: Reading) -> int:
    """Files that are read so and whose name and size are those of an image of the project; images
    of earlier imports of the same set where it is none of files."""
    if scan.listing.shares:
        sets = images.image_sets(conn, project_id)
        return sum(each.count for each in sets if each.name == scan.listing.name)
    if scan.listing.dicom is not None:
        called = set(scan.listing.dicom.called)
        return sum(name in called for name, _, _ in images.contents(conn, project_id))
    if not scan.listing.names or not images.image_count(conn, project_id):
        return 0
    folder = access.workspace.project(project_id) / "originals"
    held = dict(images.named_originals(conn, project_id))
    found = 0
    files = layout(scan.listing, reading).files
    for file, size_there in zip(files, scan.listing.sizes[files.places], strict=True):
        original = held.get(file.called or file.name)
        if original is not None:
            try:
                found += original_path(folder, original).stat().st_size == size_there
            except OSError:
                continue
    return found


def _stored(scan: Scan, shape: Shape) -> tuple[int, int]:
    """Side and channels of the training store after the import, as far as the headers say."""
    headers = scan.sample
    side = shape.size or NATIVE
    if shape.size is None and len(headers.sizes) == 1 and headers.largest is not None:
        width, height = headers.largest
        side = width if width == height <= NATIVE else NATIVE
    grey = all(kind.startswith(("grey", "black")) for kind in headers.kinds)
    return side, shape.channels or (1 if grey else 3)


def _bytes_of_originals(scan: Scan, side: int) -> int:
    """What images without a listed file take besides the training store: the files of a named set,
    and at most its pixels where the store does not hold an image of an array whole."""
    headers = scan.sample
    if scan.named is not None and scan.named.bytes:
        return scan.named.bytes
    if headers.largest is None or max(headers.largest) <= side:
        return 0
    width, height = headers.largest
    grey = all(kind.startswith(("grey", "black")) for kind in headers.kinds)
    return headers.images * width * height * (1 if grey else 3)


def _differs(scan: Scan, number: int, side: int, channels: int) -> str:
    """What becomes of the images, told of all by those whose headers were read."""
    headers = scan.sample
    told = sum(headers.kinds.values())
    if not told:
        return ""
    larger = sum(
        each for name, each in headers.sizes.items() if max(map(int, name.split(" x "))) > side
    )
    in_colour = sum(
        each for kind, each in headers.kinds.items() if not kind.startswith(("grey", "black"))
    )
    share = number / told
    coloured = round(in_colour * share) if channels == 1 else 0
    return what_differs(number, round(larger * share), coloured, side=side, channels=channels)
