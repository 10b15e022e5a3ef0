"""What the headers of some images of a source say: sizes, kinds, depths, several in a file."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from sslapp.datasets.pictures.described import opened
from sslapp.datasets.pictures.listing import Listing
from sslapp.datasets.registry import open_source
from sslapp.datasets.source import Item, Refusal
from sslapp.imaging.headers import header

SAMPLED = 2000
_SAMPLED_BYTES = 512 * 2**20
_FIRST = 64
_EXAMPLES = 10


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the headers of some images say.

    Attributes:
        looked: how many were looked at.
        images: of how many.
        sizes: "640 x 480" -> images, the most frequent first.
        kinds: "grey, 8 bits" -> images.
        formats: "JPEG" -> images.
        several: (name, images in it) of files that hold more than one.
        unreadable: (name, why).
        smallest, largest: (width, height) by pixels.
    """

    looked: int
    images: int
    sizes: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    formats: dict[str, int] = field(default_factory=dict)
    several: list[tuple[str, int]] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    smallest: tuple[int, int] | None = None
    largest: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def sample(
    listing: Listing,
    names: Sequence[str] | None = None,
    *,
    count: int = SAMPLED,
    seed: int = 0,
    should_stop: Callable[[], bool] = lambda: False,
) -> Sample:
    """Read the headers of some files, spread over the source.

    Of a source that is no folder or archive the first images are taken, if it is a file.

    Args:
        names: of the files to choose from; all by default.
        count: how many; fewer where files are large.
        seed: of the choice among neighbours.
        should_stop: polled after each file; what was read until then is the sample.
    """
    tally = _Tally()
    if listing.shares:
        if Path(listing.path).is_file():
            for entry in islice(open_source(listing.path).items(), min(count, _FIRST)):
                if should_stop():
                    break
                tally.add_entry(entry)
        return tally.sample(sum(share.count for share in listing.shares))
    names = listing.names if names is None else names
    mean = float(listing.sizes.mean()) if len(listing.sizes) else 1.0
    few = max(1, min(count, int(_SAMPLED_BYTES // max(1.0, mean))))
    with opened(listing).whole() as read:
        for name in _spread(names, few, seed):
            if should_stop():
                break
            try:
                tally.add_file(name, read(listing.where.get(name, name)))
            except (OSError, ValueError) as error:
                tally.refuse(name, error)
    return tally.sample(len(names))


class _Tally:
    """Counts what headers say."""

    def __init__(self) -> None:
        self._looked = 0
        self._sizes: Counter[tuple[int, int]] = Counter()
        self._kinds: Counter[str] = Counter()
        self._formats: Counter[str] = Counter()
        self._several: list[tuple[str, int]] = []
        self._unreadable: list[tuple[str, str]] = []

    def add_file(self, name: str, content: bytes) -> None:
        """Count a file.

        Raises:
            RefusedFile: (a ValueError) when it is no picture; nothing is counted.
        """
        told = header(content, name)
        self._count((told.width, told.height), told.kind, told.bits)
        self._formats[told.format] += 1
        if told.frames > 1:
            self._several.append((name, told.frames))

    def add_entry(self, entry: Item | Refusal) -> None:
        """Count an image of a source that is no folder or archive."""
        if isinstance(entry, Refusal):
            return
        if entry.array is not None:
            height, width = entry.array.shape[:2]
            kind = "grey" if entry.array.ndim == 2 or entry.array.shape[2] == 1 else "colour"
            self._count((width, height), kind, 8)
            return
        try:
            self.add_file(entry.name, entry.content or b"")
        except ValueError as error:
            self.refuse(entry.name, error)

    def refuse(self, name: str, error: Exception) -> None:
        """Count a file that cannot be read."""
        self._looked += 1
        self._unreadable.append((name, str(error).removeprefix(f"{name}: ")))

    def _count(self, size: tuple[int, int], kind: str, bits: int) -> None:
        self._looked += 1
        self._sizes[size] += 1
        self._kinds[f"{kind}, {bits} bits"] += 1

    def sample(self, images: int) -> Sample:
        """What was counted, of how many images."""
        by_pixels = sorted(self._sizes, key=lambda size: size[0] * size[1])
        frequent = self._sizes.most_common(_EXAMPLES)
        return Sample(
            looked=self._looked,
            images=images,
            sizes={f"{width} x {height}": number for (width, height), number in frequent},
            kinds=dict(self._kinds.most_common()),
            formats=dict(self._formats.most_common()),
            several=self._several,
            unreadable=self._unreadable,
            smallest=by_pixels[0] if by_pixels else None,
            largest=by_pixels[-1] if by_pixels else None,
        )


def _spread(names: Sequence[str], count: int, seed: int) -> list[str]:
    """One name of each of `count` equal stretches."""
    if len(names) <= count:
        return list(names)
    random_of = random.Random(seed)
    edges = np.linspace(0, len(names), count + 1).astype(np.int64).tolist()
    return [names[random_of.randrange(first, last)] for first, last in pairwise(edges)]
