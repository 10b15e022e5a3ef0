"""Files of one source that hold the same bytes.

Bytes are compared only where sizes are equal, and checksums where an archive states them; of files
in a folder the ends are compared before the whole.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sslapp.datasets.pictures.files import Placed, Read
from sslapp.datasets.pictures.listing import Listing, Opened, ScanStopped
from sslapp.datasets.pictures.placed_files import PlacedFiles
from sslapp.datasets.source import Refusal
from sslapp.vocabulary import Split

_TOLD = 100
"""Files from one word on the progress to the next."""

Copies = list[tuple[str, ...]]
"""Names of files with the same bytes, in the order of the listing."""


@dataclass(frozen=True, eq=False)
class _Suspects:
    """Files that may be the same, those of a group side by side.

    Attributes:
        places: (n,) int64 in the listing.
        groups: (n,) int64, ascending.
    """

    places: NDArray[np.int64]
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.places)

    def only(self, kept: NDArray[np.bool_]) -> "_Suspects":
        """Some of them."""
        return _Suspects(self.places[kept], self.groups[kept])


def same_bytes(
    listing: Listing,
    opened: Opened,
    places: NDArray[np.int64] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Copies:
    """Find files with the same bytes.

    Args:
        opened: reads files.
        places: (n,) of those to compare, in the listing, ascending; all by default.
        progress: called as progress(done, total) with the files that must be read.
        should_stop: polled after each.

    Raises:
        ScanStopped: when `should_stop()` became true.
    """
    places = np.arange(len(listing.names)) if places is None else places
    suspects = _alike(places, [listing.checksums[places], listing.sizes[places]])
    summed = listing.checksums[suspects.places] >= 0
    known, by_size = suspects.only(summed), suspects.only(~summed)
    look = partial(_read_alike, listing, should_stop=should_stop)
    total = len(suspects)
    if opened.ends is not None:
        by_size = look(by_size, opened.ends, lambda done: progress(done, total))
        total = len(known) + len(by_size)
    together = _Suspects(
        np.concatenate([known.places, by_size.places]),
        np.concatenate([known.groups, by_size.groups + len(places)]),
    )
    return _named(listing, look(together, opened.whole, lambda done: progress(done, total)))


def _read_alike(
    listing: Listing,
    suspects: _Suspects,
    opened: Callable[[], AbstractContextManager[Read]],
    progress: Callable[[int], None],
    *,
    should_stop: Callable[[], bool],
) -> _Suspects:
    """Those of a group of which the same was read, as groups of their own."""
    read_ones = np.zeros(len(suspects), np.bool_)
    digests = bytearray()  # half a sha256 each, for there may be very many
    with opened() as read:
        for at, place in enumerate(suspects.places):
            if should_stop():
                raise ScanStopped
            if at % _TOLD == _TOLD - 1:
                progress(at + 1)
            name = listing.names[place]
            try:
                content = read(listing.where.get(name, name))
            except (OSError, ValueError):
                continue  # the import says so
            read_ones[at] = True
            digests += hashlib.sha256(content).digest()[:16]
    suspects = suspects.only(read_ones)
    halves = np.frombuffer(digests, np.int64).reshape(-1, 2)
    return _alike(suspects.places, [halves[:, 1], halves[:, 0], suspects.groups])


def _alike(places: NDArray[np.int64], keys: Sequence[NDArray[np.int64]]) -> _Suspects:
    """Files all of whose keys are those of another's; groups begin where their first file stands.

    Args:
        places: (n,).
        keys: (n,) each.
    """
    order = np.lexsort(keys)  # equal ones stay in their order
    starts = np.ones(len(order), np.bool_)
    if len(order):
        starts[1:] = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
    firsts = np.flatnonzero(starts)
    counts = np.diff(firsts, append=len(order))
    several = np.repeat(counts > 1, counts)
    group = np.repeat(order[firsts], counts)[several]  # by its first file
    order = order[several]
    by_first = np.lexsort([order, group])
    return _Suspects(places[order[by_first]], group[by_first])


def _named(listing: Listing, suspects: _Suspects) -> Copies:
    """The names of each group."""
    edges = np.flatnonzero(np.diff(suspects.groups)) + 1
    groups = np.split(suspects.places, edges) if len(suspects) else []
    return [tuple(listing.names[place] for place in group) for group in groups]


def without_copies(
    listing: Listing, files: PlacedFiles, opened: Opened, copies: Copies | None
) -> tuple[PlacedFiles, list[Refusal]]:
    """Each image once: a test image stays one, else the name in the fewest folders.

    Args:
        copies: as `same_bytes` found them; None to look for them.
    """
    if copies is None:
        copies = same_bytes(listing, opened, files.places)
    if not copies:
        return files, []
    among = {name for group in copies for name in group}
    known = {file.name: file for file in files if file.name in among}
    why: dict[str, str] = {}
    for group in copies:
        there = [known[name] for name in group if name in known]
        tests = [file for file in there if file.split is Split.TEST]
        for file in there:
            kept = min(tests or there, key=lambda each: each.name.count("/"))
            if file is not kept:
                why[file.name] = _why(file, kept)
    refused = [Refusal(name, reason) for name, reason in why.items()]
    return files.only(np.array([file.name not in why for file in files], np.bool_)), refused


def _why(file: Placed, kept: Placed) -> str:
    if kept.split is Split.TEST and file.split is not Split.TEST:
        return f"a copy of the test image {kept.name}, which stays test only"
    if kept.class_name != file.class_name:
        return f"a copy of {kept.name}, which is in another class"
    return f"a copy of {kept.name}"
