"""What a folder or archive of pictures holds by name and size, kept so that it is scanned once."""

import json
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from heapq import merge
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sslapp import durable
from sslapp.datasets.dicom_outline import DicomOutline
from sslapp.datasets.pictures.files import SYSTEM, Read, natural_key, natural_order
from sslapp.datasets.source import Refusal, Share
from sslapp.datasets.texts import Texts
from sslapp.vocabulary import Split

ENDS = 4096
"""Bytes of a file's end that are compared before the whole."""

_SORTED_AT_ONCE = 8192
"""Names: what they are sorted by takes 200 bytes each."""


@dataclass(frozen=True)
class Opened:
    """Opens whatever holds listed files for one pass; files are asked for by where they lie.

    Attributes:
        whole: gives whole files.
        ends: gives their last ENDS bytes; None where those cost as much.
    """

    whole: Callable[[], AbstractContextManager[Read]]
    ends: Callable[[], AbstractContextManager[Read]] | None = None


class ScanStopped(Exception):
    """A scan was asked to stop."""


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture file as a scan meets it.

    Attributes:
        where: how the folder or archive itself spells its path; what is asked for to read it.
        size: bytes, unpacked.
        checksum: CRC-32 where an archive states it, else -1.
        path: the path to show where that is not `where`.
    """

    where: str
    size: int
    checksum: int = -1
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a list that lies among pictures says of one; None where it says nothing.

    Attributes:
        where: the list and its line, for messages.
    """

    where: str
    class_name: str | None = None
    group: str | None = None
    split: Split | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Listing:
    """The picture files of a source, in natural order of their paths.

    Attributes:
        path: of the folder or file; a name for a set that is opened by one.
        name: how an import of it is called.
        names: n relative paths with / between folders, in NFC, folders without spaces around.
        sizes: (n,) int64 bytes.
        checksums: (n,) int64 CRC-32, -1 where it is not known.
        where: name -> its own spelling, where that is another.
        refused: what is not taken in, and why.
        empty: folders without a file in them or below.
        told: name -> what a list among the files says of it, which counts more than its folders.
        shares: of a source without folders (a manifest, arrays, a named set), else none; then
            there are no names.
        dicom: of DICOM files, what is known of them; then there are neither names nor shares.
    """

    path: str
    name: str
    names: Sequence[str]
    sizes: NDArray[np.int64]
    checksums: NDArray[np.int64]
    where: dict[str, str] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    told: dict[str, Listed] = field(default_factory=dict)
    shares: list[Share] = field(default_factory=list)
    dicom: DicomOutline | None = None

    def save(self, path: Path) -> None:
        """Write it as one JSON file that is there whole or not at all."""
        plain = {
            **{key: getattr(self, key) for key in ("path", "name", "where", "empty")},
            "names": list(self.names),
            "sizes": self.sizes.tolist(),
            "checksums": self.checksums.tolist(),
            "refused": [asdict(each) for each in self.refused],
            "told": {name: asdict(each) for name, each in self.told.items()},
            "shares": [asdict(each) for each in self.shares],
            "dicom": None if self.dicom is None else asdict(self.dicom),
        }
        durable.write_bytes(path, json.dumps(plain).encode())

    @classmethod
    def load(cls, path: Path) -> "Listing":
        """Read what `save` wrote."""
        plain: dict[str, Any] = json.loads(path.read_bytes())
        plain["names"] = Texts(plain["names"])
        for key in ("sizes", "checksums"):
            plain[key] = np.array(plain[key], np.int64)
        plain["refused"] = [Refusal(**each) for each in plain["refused"]]
        plain["told"] = {
            name: Listed(**{**each, "split": each["split"] and Split(each["split"])})
            for name, each in plain["told"].items()
        }
        plain["shares"] = [
            Share(**{**each, "split": Split(each["split"])}) for each in plain["shares"]
        ]
        if plain.get("dicom") is not None:
            plain["dicom"] = DicomOutline.from_json(plain["dicom"])
        return cls(**plain)


def listed(
    path: Path,
    name: str,
    found: Iterable[PictureFile],
    refused: Iterable[Refusal],
    folders: Iterable[str] = (),
) -> Listing:
    """Put what a scan met in order, under names that mean the same wherever they were packed.

    Of two files whose names are one once written alike the second is refused.

    Args:
        folders: every folder that was met, for those that are empty.
    """
    met = _Met()
    for each in found:
        met.add(each)
    order, twice = met.ordered()
    refusals = [*refused, *twice]  # now, for a scan goes on refusing until its last file
    names = Texts(met.names[place] for place in order)
    return Listing(
        path=str(path),
        name=name,
        names=names,
        sizes=np.array(met.sizes, np.int64)[order],
        checksums=np.array(met.checksums, np.int64)[order],
        where={met.names[place]: met.where[place] for place in order if place in met.where},
        refused=sorted(one_line_each(refusals), key=lambda refusal: refusal.name),
        empty=_empty(names, folders),
    )


class _Met:
    """The files that a scan has met so far, packed.

    Attributes:
        names: as they are shown.
        sizes, checksums: as in PictureFile.
        where: place -> the file's own spelling, where that is another.
    """

    def __init__(self) -> None:
        self.names = Texts()
        self.sizes = array("q")
        self.checksums = array("q")
        self.where: dict[int, str] = {}
        self._paths: dict[int, str] = {}

    def add(self, file: PictureFile) -> None:
        """Take a file in."""
        path, place = file.path or file.where, len(self.names)
        name = plain_path(path)
        if path != name:
            self._paths[place] = path
        if file.where != name:
            self.where[place] = file.where
        self.names.append(name)
        self.sizes.append(file.size)
        self.checksums.append(file.checksum)

    def ordered(self) -> tuple[Sequence[int], list[Refusal]]:
        """Places in natural order of the names, and refusals of those whose name was met before."""
        order = array("q")
        again = []
        last = None
        for place in self._sorted():
            name = self.names[place]
            if name == last:
                again.append((place, order[-1]))
            else:
                order.append(place)
            last = name
        refused = [
            Refusal(self._path(place), _twice(self._path(first), self._path(place)))
            for place, first in sorted(again)
        ]
        return order, refused

    def _sorted(self) -> Iterator[int]:
        """All places; equal names in the order in which they were met."""

        def key(place: int) -> tuple[str, str]:
            return natural_key(self.names[place])

        starts = range(0, len(self.names), _SORTED_AT_ONCE)
        whole = range(len(self.names))
        runs = [array("q", sorted(whole[at : at + _SORTED_AT_ONCE], key=key)) for at in starts]
        return merge(*runs, key=key)

    def _path(self, place: int) -> str:
        return self._paths.get(place, self.names[place])


def plain_path(path: str) -> str:
    """The path in NFC, without spaces around the names of its folders."""
    if path.isascii() and " " not in path:
        return path
    folder, slash, name = path.rpartition("/")
    return _plain_folder(folder) + slash + unicodedata.normalize("NFC", name)


@lru_cache(maxsize=4096)
def _plain_folder(folder: str) -> str:
    parts = unicodedata.normalize("NFC", folder).split("/")
    return "/".join(part.strip() or part for part in parts)


def one_line_each(refused: Iterable[Refusal]) -> list[Refusal]:
    """Take together what systems put beside pictures, by reason: nobody wants them one by one."""
    found: dict[str, Refusal] = {}
    others = []
    for each in refused:
        if each.reason not in SYSTEM:
            others.append(each)
        elif each.reason in found:
            before = found[each.reason]
            found[each.reason] = replace(before, count=before.count + each.count)
        else:
            found[each.reason] = each
    return others + [
        replace(each, name=f"{each.name} and {each.count - 1:,} more") if each.count > 1 else each
        for each in found.values()
    ]


def _twice(first: str, second: str) -> str:
    if first == second:
        return "its name occurs twice"
    told = f"{ascii(first)[1:-1]} and {ascii(second)[1:-1]}"
    return f"two files have one name once spaces and accents are written alike: {told}; rename one"


def _empty(names: Iterable[str], folders: Iterable[str]) -> list[str]:
    """Folders that hold nothing; of empty ones inside each other the outermost."""
    used = set()
    for folder in {name.rpartition("/")[0] for name in names}:
        above = folder
        while above and above not in used:
            used.add(above)
            above = above.rpartition("/")[0]
    empty = {plain_path(f"{each}/").rstrip("/") for each in folders} - used
    return natural_order(each for each in empty if each and each.rpartition("/")[0] in used | {""})
