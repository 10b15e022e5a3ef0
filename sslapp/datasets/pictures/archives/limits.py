"""What is taken of a zip archive, by what the archive says of its members alone.

Archives come from strangers: names that mean a place, links, devices, and members that expand as
no picture does are refused, and so is more than the limits.
"""

import re
import stat
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote

from sslapp.datasets.pictures.files import IN_HIDDEN, MACOS, ending, wrong_name, wrong_path
from sslapp.imaging.refused import MAX_BYTES

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others expand without bound at once
_ARCHIVES = frozenset(
    {".zip", ".npz", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".zst", ".7z", ".rar", ".jar"}
)
_ENCRYPTED = 0x1
_ABSOLUTE = re.compile(r"/|[A-Za-z]:")


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold.

    Attributes:
        members: files and folders.
        directory: bytes of the list of members, which is read at once.
        expanded: bytes of all taken pictures together, unpacked.
        ratio: how many times larger than packed one picture may be; photographs pack by less than
            2, blank scans without compression of their own by some hundreds.
        free: bytes that may be unpacked from one member whatever its ratio.
        nested: bytes of one archive inside the archive.
    """

    members: int = 1_000_000
    directory: int = 256 * 2**20
    expanded: int = 256 * 2**30
    ratio: int = 500
    free: int = 2**20
    nested: int = 64 * 2**30


def why_not(
    info: zipfile.ZipInfo, name: str | None, limits: Limits, *, is_inner: bool
) -> str | None:
    """Why the member is not taken in, or None; only what the archive says of it is looked at.

    Args:
        name: as readable; the archive's own spelling is looked at where nobody can tell.
        is_inner: whether the archive lies in another.
    """
    spelled = info.orig_filename if name is None else name
    return wrong_place(spelled) or _wrong_kind(info, spelled, limits, is_inner=is_inner)


def wrong_place(name: str) -> str | None:
    """Why a member's name is refused; the archive's own spelling, before zipfile mends it."""
    parts = name.split("/")
    spellings = (name, unquote(name).replace("\\", "/"))
    return _first(
        ("\0" in name, "its name has a NUL in it"),
        ("\\" in name, "its name has a backslash in it; pack the archive with / between folders"),
        (any(_ABSOLUTE.match(each) for each in spellings), "an absolute path"),
        (any(".." in each.split("/") for each in spellings), "its path leads out of the archive"),
        ("" in parts or "." in parts, "its path has an empty part"),
        ("__MACOSX" in parts, MACOS),
        (any(part.startswith(".") for part in parts[:-1]), IN_HIDDEN),
    )


def _wrong_kind(info: zipfile.ZipInfo, name: str, limits: Limits, *, is_inner: bool) -> str | None:
    mode = info.external_attr >> 16
    suffix = ending(PurePosixPath(name).name)
    plain = _first(
        (stat.S_ISLNK(mode), "a link"),
        (stat.S_IFMT(mode) not in (0, stat.S_IFREG), "not a plain file"),
        (
            is_inner and suffix in _ARCHIVES,
            "an archive in an archive inside the archive; unpack it first",
        ),
        (
            suffix in _ARCHIVES and not is_zip(name),
            "an archive inside the archive; unpack it first",
        ),
    )
    strange = wrong_path(name) if is_zip(name) else wrong_name(name)
    return plain or strange or wrong_content(info, limits)


def wrong_content(info: zipfile.ZipInfo, limits: Limits) -> str | None:
    """Why a member cannot be unpacked within the limits, or None."""
    size = info.file_size
    ratio = size // max(info.compress_size, 1)
    most = limits.nested if is_zip(info.filename) else MAX_BYTES
    return _first(
        (bool(info.flag_bits & _ENCRYPTED), "it is encrypted"),
        (
            info.compress_type not in _METHODS,
            "it is packed with a method that is not read; use Deflate",
        ),
        (size > most, f"{size:,} bytes are more than the {most:,} allowed"),
        (
            size > max(limits.free, limits.ratio * info.compress_size),
            f"it expands {ratio:,} times, as no picture does",
        ),
    )


def is_zip(name: str) -> bool:
    """Whether a member of that name is read as an archive inside the archive."""
    return name.lower().endswith(".zip")


def _first(*checks: tuple[bool, str]) -> str | None:
    """The reason of the first check that found something wrong."""
    return next((reason for wrong, reason in checks if wrong), None)
