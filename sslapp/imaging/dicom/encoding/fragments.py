"""Encapsulated pixels: which fragments of the file are which frame (PS3.5, section A.4)."""

import struct
from dataclasses import dataclass

from sslapp.imaging.dicom.encoding.elements import Element, ElementWalk, UnreadDicom

Place = tuple[int, int]
"""Where something begins in the file, and how many bytes it has."""

_TAG_AND_LENGTH = 8
_END = b"\xff\xd9"  # of a JPEG, JPEG-LS and JPEG 2000 codestream


@dataclass(frozen=True, slots=True)
class Fragments:
    """The fragments of a file.

    Attributes:
        offsets: the basic offset table, from the first fragment's tag on; empty where it is.
        places: of the fragments' bytes.
        base: where the tag of the first fragment is.
    """

    offsets: tuple[int, ...]
    places: tuple[Place, ...]
    base: int


def fragments_of(walk: ElementWalk, pixels: Element) -> Fragments:
    """Find the fragments of an encapsulated file.

    Raises:
        UnreadDicom: when the file is cut off there, or has too many.
    """
    items = []
    for start, end, _ in walk.items(pixels):
        walk.keep()
        items.append((start, end - start))
    if not items:
        raise UnreadDicom("(7fe0,0010) has no fragments")
    (table, length), *places = items
    offsets = struct.unpack_from(f"<{length // 4}L", walk.content, table)
    return Fragments(offsets, tuple(places), table + length)


def frame_places(
    content: bytes, fragments: Fragments, frames: int, extended: tuple[bytes, bytes] | None
) -> list[list[Place]]:
    """The fragments of each frame.

    Args:
        content: the file.
        frames: how many there are.
        extended: the extended offset table and its lengths, where the file has them.

    Raises:
        UnreadDicom: when they cannot be told apart.
    """
    places = list(fragments.places)
    if frames == 1:
        return [places]
    starts = _offsets(fragments, extended)
    if len(starts) >= frames:
        return _by_offsets(fragments, starts[:frames])
    if len(places) == frames:
        return [[each] for each in places]
    grouped = _by_ends(content, places)
    if len(grouped) < frames:
        raise UnreadDicom(
            f"(7fe0,0010) has {len(places):,} fragments, which are not told apart into "
            f"{frames:,} frames"
        )
    return grouped[:frames]


def _offsets(fragments: Fragments, extended: tuple[bytes, bytes] | None) -> list[int]:
    if extended is None:
        return list(fragments.offsets)
    table = extended[0]
    return list(struct.unpack(f"<{len(table) // 8}Q", table[: len(table) // 8 * 8]))


def _by_offsets(fragments: Fragments, starts: list[int]) -> list[list[Place]]:
    """Each fragment belongs to the last frame that begins at or before it."""
    found: list[list[Place]] = [[] for _ in starts]
    frame = 0
    for start, length in fragments.places:
        offset = start - _TAG_AND_LENGTH - fragments.base
        while frame + 1 < len(starts) and offset >= starts[frame + 1]:
            frame += 1
        found[frame].append((start, length))
    if not all(found):
        raise UnreadDicom("the offset table of (7fe0,0010) names frames that have no fragment")
    return found


def _by_ends(content: bytes, places: list[Place]) -> list[list[Place]]:
    """Frames end where a fragment ends with the mark of the end of an image."""
    found: list[list[Place]] = []
    open_: list[Place] = []
    for start, length in places:
        open_.append((start, length))
        if _END in content[max(start, start + length - 10) : start + length]:
            found.append(open_)
            open_ = []
    return [*found, open_] if open_ else found
