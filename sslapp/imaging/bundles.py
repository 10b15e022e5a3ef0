"""Bundles: several de-identified DICOM files that are one image, in one file.

A bundle is a zip archive without compression whose first file says what it is, so that a glance at
its beginning tells how many pictures it holds and any program takes it apart.
"""

import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sslapp.imaging.refused import RefusedFile
from sslapp.vocabulary import StackRule

GLANCE = 256
"""Bytes that suffice to tell a bundle and what it says of itself."""

MAX_BUNDLE_BYTES = 512 * 2**20
MAX_PICTURES = 10_000
SUFFIX = ".zip"

_HEAD = "bundle.json"
_SIGNATURE = b"PK\x03\x04"
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """What a bundle says of itself.

    Attributes:
        count: of its pictures, two or more.
        rule: what programs see of a stack of slices; None of pictures that are none, which are
            seen one by one.
    """

    count: int
    rule: StackRule | None

    @property
    def first(self) -> int:
        """The picture that a reader sees first, from 0."""
        return 0 if self.rule is None else (self.count - 1) // 2


def bundled(files: Iterable[bytes], count: int, rule: StackRule | None, name: str) -> bytes:
    """Several files as one; the same files give the same bytes.

    Args:
        files: of one picture each, in their order.
        count: how many they are, two or more.
        rule: as in BundleFacts.
        name: what messages call it.

    Raises:
        RefusedFile: when it would be too large.
    """
    if count > MAX_PICTURES:
        raise RefusedFile(f"{name}: {count:,} pictures are more than the {MAX_PICTURES:,} allowed.")
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        said = {"of": "sslapp", "count": count, "rule": rule}
        archive.writestr(zipfile.ZipInfo(_HEAD, _LONG_AGO), json.dumps(said))
        for number, content in enumerate(files, 1):
            archive.writestr(zipfile.ZipInfo(_called(number), _LONG_AGO), content)
            if target.tell() > MAX_BUNDLE_BYTES:
                raise RefusedFile(
                    f"{name}: its {count:,} pictures are more than the {MAX_BUNDLE_BYTES >> 20} "
                    "MiB that one image may have. Keep three slices of each series, or one."
                )
    return target.getvalue()


def glance(start: bytes) -> BundleFacts | None:
    """What a file says of itself by its first bytes, where it is a bundle.

    Args:
        start: GLANCE bytes or more.
    """
    if not start.startswith(_SIGNATURE) or len(start) < _LOCAL_HEADER.size:
        return None
    *_, length, _, name_length, extra = _LOCAL_HEADER.unpack_from(start)
    begin = _LOCAL_HEADER.size
    if start[begin : begin + name_length] != _HEAD.encode():
        return None
    begin += name_length + extra
    try:
        said = json.loads(start[begin : begin + length])
        rule = None if said["rule"] is None else StackRule(said["rule"])
        facts = BundleFacts(int(said["count"]), rule)
    except (ValueError, KeyError, TypeError):
        return None
    return facts if 2 <= facts.count <= MAX_PICTURES else None


def glance_at(path: Path) -> BundleFacts | None:
    """`glance` of a file on the disk."""
    with path.open("rb") as file:
        return glance(file.read(GLANCE))


class Bundle:
    """A bundle that is read picture by picture.

    Args:
        source: the file's content, or where it lies.
        name: what messages call it.

    Attributes:
        facts: what it says of itself.

    Raises:
        RefusedFile: when it is damaged, or no bundle.
    """

    def __init__(self, source: bytes | Path, name: str) -> None:
        facts = glance(source) if isinstance(source, bytes) else glance_at(source)
        if facts is None:
            raise RefusedFile(f"{name}: the bundle is damaged or cut off.")
        self.facts = facts
        self.name = name
        self._source = source

    def files(self, places: Sequence[int]) -> Iterator[bytes]:
        """Yield the files at these places, from 0.

        Raises:
            RefusedFile: when the bundle is damaged.
            IndexError: when there is no such place.
        """
        for at in places:
            if not 0 <= at < self.facts.count:
                raise IndexError(f"{self.name}: there is no picture {at + 1}.")
        try:
            source = self._source
            opened = io.BytesIO(source) if isinstance(source, bytes) else source
            with zipfile.ZipFile(opened) as archive:
                for at in places:
                    info = archive.getinfo(_called(at + 1))
                    if info.compress_type != zipfile.ZIP_STORED:
                        raise RefusedFile(f"{self.name}: a bundle is not compressed.")
                    yield archive.read(info)
        except (zipfile.BadZipFile, KeyError, EOFError, RuntimeError) as error:
            raise RefusedFile(f"{self.name}: the bundle is damaged or cut off.") from error

    def changed(self, change: Callable[[bytes], bytes]) -> bytes:
        """Another bundle, of what `change` makes of each file."""
        files = (change(each) for each in self.files(range(self.facts.count)))
        return bundled(files, self.facts.count, self.facts.rule, self.name)


def quarters(count: int) -> tuple[int, int, int]:
    """Places of the slices at a quarter, in the middle and at three quarters of a stack."""
    last = count - 1
    return last // 4, last // 2, last - last // 4


def _called(number: int) -> str:
    return f"{number:05}.dcm"
