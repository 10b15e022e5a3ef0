"""One scan of an image source: what is kept of it, so that a plan is worked out without another."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sslapp import durable
from sslapp.datasets.header_sample import Sample, sample
from sslapp.datasets.look import list_source, same_bytes
from sslapp.datasets.pictures.copies import Copies
from sslapp.datasets.pictures.described import opened
from sslapp.datasets.pictures.listing import Listing
from sslapp.imaging.decode import RefusedFile, decode
from sslapp.imaging.fit import fit

LISTING, NOTES = "listing.json", "scan.json"

TIMED = 48
"""Files at most that are decoded to see how long one takes."""

LONGEST = 1.5
"""Seconds after which no further file is decoded for that."""

_SIDE = 64

Progress = Callable[[int, int, str], None]
"""progress(done, total, what) is told how far a scan is."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What is kept of a source.

    Attributes:
        listing: its files.
        copies: of those, files with the same bytes.
        sample: what some headers say.
        seconds: an image takes to be read, decoded and made small on one core of this machine; None
            where no file was timed.
    """

    listing: Listing
    copies: Copies
    sample: Sample
    seconds: float | None

    def save(self, folder: Path) -> None:
        """Write two files into a folder."""
        self.listing.save(folder / LISTING)
        notes = {"copies": self.copies, "sample": asdict(self.sample), "seconds": self.seconds}
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
    progress: Progress = lambda done, total, what: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Scan:
    """Look a source through once.

    Args:
        source, root, name, within: as for `datasets.registry.open_source`.
        should_stop: polled often.

    Raises:
        datasets.pictures.listing.ScanStopped: when `should_stop()` became true.
        ValueError: when the source cannot be opened, with the reason.
    """
    progress(0, 0, "listing files")
    listing = list_source(source, within, should_stop, root=root, name=name)
    copies = same_bytes(
        listing,
        progress=lambda done, total: progress(done, total, "comparing files of equal size"),
        should_stop=should_stop,
    )
    progress(0, 0, "reading headers")
    headers = sample(listing, should_stop=should_stop)
    progress(0, 0, "timing some images")
    return Scan(listing=listing, copies=copies, sample=headers, seconds=_timed(listing))


def cores() -> int:
    """Threads that an import decodes with on this machine."""
    return min(8, os.cpu_count() or 1)


def _timed(listing: Listing) -> float | None:
    """Seconds that one file takes, by those of a few spread over the source; None for no file."""
    if not listing.names:
        return None
    names = listing.names[:: max(1, len(listing.names) // TIMED)][:TIMED]
    began, done = time.perf_counter(), 0
    with opened(listing).whole() as read:
        for name in names:
            try:
                image = decode(read(listing.where.get(name, name)), name)
            except (OSError, ValueError, RefusedFile):
                continue
            fit(image, _SIDE, 1 if image.ndim == 2 else 3)
            done += 1
            if time.perf_counter() - began > LONGEST:
                break
    return (time.perf_counter() - began) / done if done else None


def _sample(kept: dict[str, Any]) -> Sample:
    """JSON has no tuples."""
    some = {name: [tuple(each) for each in kept[name]] for name in ("several", "unreadable")}
    ends = {name: kept[name] and tuple(kept[name]) for name in ("smallest", "largest")}
    return Sample(**{**kept, **some, **ends})
