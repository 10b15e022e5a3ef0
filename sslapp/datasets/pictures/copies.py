"""Files of one source that hold the same bytes.

Bytes are compared only where sizes are equal, and checksums where an archive states them; of files
in a folder the ends are compared before the whole.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sslapp.datasets.pictures.files import Placed, Read
from sslapp.datasets.pictures.listing import Listing, Opened, ScanStopped
from sslapp.datasets.source import Refusal
from sslapp.vocabulary import Split

_TOLD = 100
"""Files from one word on the progress to the next."""

Copies = list[tuple[str, ...]]
"""Names of files with the same bytes, in the order of the listing."""


def same_bytes(
    listing: Listing,
    opened: Opened,
    names: Sequence[str] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Copies:
    """Find files with the same bytes.

    Args:
        opened: reads files.
        names: of those to compare; all by default.
        progress: called as progress(done, total) with the files that must be read.
        should_stop: polled after each.

    Raises:
        ScanStopped: when `should_stop()` became true.
    """
    wanted = None if names is None else set(names)
    suspects = _suspects(listing, wanted)
    known = [group for group, summed in suspects if summed]
    by_size = [group for group, summed in suspects if not summed]
    look = partial(_alike, listing, should_stop=should_stop)
    total = sum(map(len, known)) + sum(map(len, by_size))
    if opened.ends is not None:
        by_size = look(by_size, opened.ends, lambda done: progress(done, total))
        total = sum(map(len, known)) + sum(map(len, by_size))
    return [
        tuple(group)
        for group in look(known + by_size, opened.whole, lambda done: progress(done, total))
    ]


def _alike(
    listing: Listing,
    groups: Sequence[Sequence[str]],
    opened: Callable[[], AbstractContextManager[Read]],
    progress: Callable[[int], None],
    *,
    should_stop: Callable[[], bool],
) -> list[list[str]]:
    """Split groups into those of which the same was read."""
    names: list[str] = []
    keys = bytearray()  # 24 bytes each: group and half a sha256, for there may be very many
    done = 0
    with opened() as read:
        for number, group in enumerate(groups):
            for name in group:
                if should_stop():
                    raise ScanStopped
                done += 1
                if done % _TOLD == 0:
                    progress(done)
                try:
                    content = read(listing.where.get(name, name))
                except (OSError, ValueError):
                    continue  # the import says so
                keys += number.to_bytes(8, "little") + hashlib.sha256(content).digest()[:16]
                names.append(name)
    return _together(names, np.frombuffer(keys, np.uint64).reshape(-1, 3))


def _together(names: Sequence[str], keys: NDArray[np.generic]) -> list[list[str]]:
    """Names whose rows of keys are equal, where there are several."""
    if not len(names):
        return []
    _, inverse, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.ravel()
    found: dict[int, list[str]] = defaultdict(list)
    for place in np.flatnonzero(counts[inverse] > 1).tolist():
        found[int(inverse[place])].append(names[place])
    return list(found.values())


def _suspects(listing: Listing, wanted: set[str] | None) -> list[tuple[list[str], bool]]:
    """Groups of files that may be the same, and whether their checksums were compared for it."""
    keys = np.stack([listing.sizes, listing.checksums], axis=1)
    _, inverse, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.ravel()
    groups: dict[int, list[int]] = defaultdict(list)
    for place in np.flatnonzero(counts[inverse] > 1).tolist():
        if wanted is None or listing.names[place] in wanted:
            groups[int(inverse[place])].append(place)
    return [
        ([listing.names[place] for place in group], bool(listing.checksums[group[0]] >= 0))
        for group in groups.values()
        if len(group) > 1
    ]


def without_copies(
    listing: Listing, files: list[Placed], opened: Opened, copies: Copies | None
) -> tuple[list[Placed], list[Refusal]]:
    """Each image once: a test image stays one, else the name in the fewest folders.

    Args:
        copies: as `same_bytes` found them; None to look for them.
    """
    if copies is None:
        copies = same_bytes(listing, opened, [file.name for file in files])
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
    return [file for file in files if file.name not in why], refused


def _why(file: Placed, kept: Placed) -> str:
    if kept.split is Split.TEST and file.split is not Split.TEST:
        return f"a copy of the test image {kept.name}, which stays test only"
    if kept.class_name != file.class_name:
        return f"a copy of {kept.name}, which is in another class"
    return f"a copy of {kept.name}"
