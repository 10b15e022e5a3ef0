"""Files of one source that hold the same bytes.

Bytes are compared only where sizes are equal, and checksums where an archive states them; of files
in a folder the ends are compared before the whole.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from sslapp.datasets.pictures.files import Placed
from sslapp.datasets.pictures.listing import Listing, Opened, ScanStopped
from sslapp.datasets.source import Refusal
from sslapp.vocabulary import Split

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
        opened: reads files by where they lie.
        names: of those to compare; all by default.
        progress: called as progress(done, total) with the files that must be read.
        should_stop: polled after each.

    Raises:
        ScanStopped: when `should_stop()` became true.
    """
    wanted = None if names is None else set(names)
    suspects = _suspects(listing, wanted)
    total = sum(map(len, suspects))
    found: dict[tuple[int, bytes], list[str]] = defaultdict(list)
    done = 0
    with opened() as read:
        for number, group in enumerate(suspects):
            for name in group:
                if should_stop():
                    raise ScanStopped
                try:
                    content = read(listing.where.get(name, name))
                except (OSError, ValueError):
                    continue  # the import says so
                found[number, hashlib.sha256(content).digest()].append(name)
                done += 1
                if done % 100 == 0:
                    progress(done, total)
    return [tuple(group) for group in found.values() if len(group) > 1]


def _suspects(listing: Listing, wanted: set[str] | None) -> list[list[str]]:
    keys = np.stack([listing.sizes, listing.checksums], axis=1)
    _, inverse, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.ravel()
    groups: dict[int, list[str]] = defaultdict(list)
    for place in np.flatnonzero(counts[inverse] > 1).tolist():
        name = listing.names[place]
        if wanted is None or name in wanted:
            groups[int(inverse[place])].append(name)
    return [group for group in groups.values() if len(group) > 1]


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
