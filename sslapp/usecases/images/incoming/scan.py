"""One scan of an image source: what is kept of it, so that a plan is worked out without another."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sslapp import durable
from sslapp.datasets.dicom_outline import DicomOutline
from sslapp.datasets.header_sample import Sample, sample
from sslapp.datasets.known.card import KnownSet
from sslapp.datasets.known.catalogue import KNOWN, outline_known
from sslapp.datasets.look import list_source, same_bytes
from sslapp.datasets.pace import SIDE, TIMED, seconds_of_image
from sslapp.datasets.pictures.copies import Copies
from sslapp.datasets.pictures.described import opened
from sslapp.datasets.pictures.listing import Listing
from sslapp.datasets.pictures.watch import Watch
from sslapp.datasets.registry import Secret, passing_secret
from sslapp.datasets.source import Share
from sslapp.imaging.decode import decode, pixel_sha256
from sslapp.imaging.fit import fit
from sslapp.vocabulary import ImageOf, Split

LISTING, NOTES = "listing.json", "scan.json"

ROWS_TIMED = 0.05
"""Seconds for which images of an array are timed."""

Progress = Callable[[int, int, str], None]
"""progress(done, total, what) is told how far a scan is."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """What is known of a set with a name beside its images.

    Attributes:
        name: by which it is asked for.
        here: whether it was; else all that is said of it is its authors' account.
        classes: how many.
        unlabelled: images without one.
        bytes: of its files, where each image has one.
    """

    name: str
    here: bool
    classes: int
    unlabelled: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What is kept of a source.

    Attributes:
        listing: its files.
        copies: of those, files with the same bytes.
        sample: what some headers say.
        seconds: an image takes to be read, decoded and made small on one core of this machine; None
            where none was timed.
        named: of a set with a name; else None.
    """

    listing: Listing
    copies: Copies
    sample: Sample
    seconds: float | None
    named: Named | None = None

    def save(self, folder: Path) -> None:
        """Write two files into a folder."""
        self.listing.save(folder / LISTING)
        notes = {
            "copies": self.copies,
            "sample": asdict(self.sample),
            "seconds": self.seconds,
            "named": None if self.named is None else asdict(self.named),
        }
        durable.write_bytes(folder / NOTES, json.dumps(notes).encode())

    @classmethod
    def load(cls, folder: Path) -> "Scan":
        """Read what `save` wrote.

        Raises:
            OSError: when it is not there.
        """
        notes = json.loads((folder / NOTES).read_bytes())
        return cls(
            listing=Listing.load(folder / LISTING),
            copies=[tuple(each) for each in notes["copies"]],
            sample=_sample(notes["sample"]),
            seconds=notes["seconds"],
            named=None if notes.get("named") is None else Named(**notes["named"]),
        )


def is_kept(folder: Path) -> bool:
    """Whether a scan was saved in a folder and is still there."""
    return (folder / NOTES).exists() and (folder / LISTING).exists()


def scan(
    source: str,
    *,
    root: Path | None = None,
    name: str | None = None,
    within: Sequence[Path] | None = None,
    secret: Secret = passing_secret,
    named: bool = False,
    kept: ImageOf | None = None,
    progress: Progress = lambda done, total, what: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Scan:
    """Look a source through once.

    Args:
        source, root, name, within, secret: as for `datasets.registry.open_source`.
        named, kept: as for `datasets.look.list_source`.
        should_stop: polled often.

    Raises:
        datasets.pictures.listing.ScanStopped: when `should_stop()` became true.
        ValueError: when the source cannot be opened, with the reason.
    """
    if source in KNOWN:
        progress(0, 0, "reading headers and labels")
        return _scan_known(KNOWN[source], root, should_stop)
    progress(0, 0, "listing files")
    watch = Watch(lambda done, total: progress(done, total, "reading headers"), should_stop)
    listing = list_source(
        source,
        within,
        watch,
        root=root,
        name=name,
        secret=secret,
        named=named,
        kept=kept,
        timed=True,
    )
    if listing.dicom is not None:
        found = listing.dicom
        return Scan(listing=listing, copies=[], sample=_of_dicom(found), seconds=found.seconds)
    copies = same_bytes(
        listing,
        progress=lambda done, total: progress(done, total, "comparing files of equal size"),
        should_stop=should_stop,
    )
    progress(0, 0, "reading headers")
    headers = sample(listing, should_stop=should_stop)
    progress(0, 0, "timing some images")
    return Scan(listing=listing, copies=copies, sample=headers, seconds=_timed(listing))


def _scan_known(known: KnownSet, root: Path | None, should_stop: Callable[[], bool]) -> Scan:
    """The scan of a set with a name: of one that is here by its headers, else by its card."""
    held = known.announced
    found = None if root is None else outline_known(known.name, root)
    files = None
    if found is None:
        by_split = {Split.POOL: held.pool + held.unlabelled, Split.TEST: held.test}
        shares = [
            Share(split=split, class_name=None, count=count)
            for split, count in by_split.items()
            if count
        ]
        headers = _alike(held.images, held.pixels, held.kind)
    elif found.files:
        files = _listing_of_files(known.name, found.files)
        shares, headers = [*found.shares], sample(files, should_stop=should_stop)
    else:
        shares = [*found.shares]
        headers = _alike(sum(each.count for each in shares), found.pixels, found.kind)
    listing = Listing(
        path=known.name,
        name=known.name,
        names=[],
        sizes=np.zeros(0, np.int64),
        checksums=np.zeros(0, np.int64),
        shares=shares,
    )
    downloaded = 0 if held.pixels else int((known.megabytes or 0) * 1e6)
    return Scan(
        listing=listing,
        copies=[],
        sample=headers,
        seconds=_timed(files) if files else _timed_row(headers),
        named=Named(
            name=known.name,
            here=found is not None,
            classes=len({each.class_name for each in shares} - {None}) or held.classes,
            unlabelled=held.unlabelled
            if found is None
            else sum(each.count for each in shares if each.class_name is None),
            bytes=downloaded if files is None else int(files.sizes.sum()),
        ),
    )


def _of_dicom(outline: DicomOutline) -> Sample:
    """What the headers said, all of which were read."""
    return Sample(
        looked=outline.instances,
        images=outline.instances,
        sizes=dict(outline.sizes),
        kinds=dict(outline.kinds),
        formats={f"DICOM {name}": number for name, number in outline.modalities.items()},
        smallest=outline.smallest,
        largest=outline.largest,
    )


def _alike(count: int, pixels: tuple[int, int] | None, kind: str) -> Sample:
    """What is said of images of one size and kind; of another size nothing is."""
    if pixels is None:
        return Sample(looked=0, images=count)
    return Sample(
        looked=count,
        images=count,
        sizes={f"{pixels[0]} x {pixels[1]}": count},
        kinds={kind: count},
        smallest=pixels,
        largest=pixels,
    )


def _listing_of_files(name: str, files: Sequence[Path]) -> Listing:
    """The files of a set as if they lay in a folder, to read some of their headers."""
    top = Path(os.path.commonpath([path.parent for path in files]))
    return Listing(
        path=str(top),
        name=name,
        names=[path.relative_to(top).as_posix() for path in files],
        sizes=np.array([path.stat().st_size for path in files], np.int64),
        checksums=np.full(len(files), -1, np.int64),
    )


def cores() -> int:
    """Threads that an import decodes with on this machine."""
    return min(8, os.cpu_count() or 1)


def _timed(listing: Listing) -> float | None:
    """Seconds that one file takes, by those of a few spread over the source; None for no file."""
    if not listing.names:
        return None
    names = listing.names[:: max(1, len(listing.names) // TIMED)]
    with opened(listing).whole() as read:
        return seconds_of_image(_decoded(read, listing.where.get(each, each)) for each in names)


def _decoded(read: Callable[[str], bytes], name: str) -> NDArray[np.uint8] | None:
    try:
        return decode(read(name), name)
    except (OSError, ValueError):
        return None


def _timed_row(headers: Sample) -> float | None:
    """Seconds that an image of an array takes, by a black one of its size; None for no size."""
    if headers.largest is None:
        return None
    width, height = headers.largest
    grey = all(kind.startswith("grey") for kind in headers.kinds)
    image = np.zeros((height, width) if grey else (height, width, 3), np.uint8)
    began, done = time.perf_counter(), 0
    while not done or time.perf_counter() - began < ROWS_TIMED:
        fit(image, SIDE, 1 if grey else 3)
        pixel_sha256(image)
        done += 1
    return (time.perf_counter() - began) / done


def _sample(kept: dict[str, Any]) -> Sample:
    """JSON has no tuples."""
    some = {name: [tuple(each) for each in kept[name]] for name in ("several", "unreadable")}
    ends = {name: kept[name] and tuple(kept[name]) for name in ("smallest", "largest")}
    return Sample(**{**kept, **some, **ends})
