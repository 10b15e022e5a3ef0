"""The order of slices: along the normal of their planes (PS3.3, section C.7.6.2)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sslapp.imaging.dicom.header import DicomHeader, Vector

SAME_DIRECTION = 0.999
"""Cosine of 2.6 degrees: slices whose normals differ more do not belong to one stack."""

A_GAP = 1.5
"""Times the usual distance of neighbours, above which slices are missing between two."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Where one picture lies.

    Attributes:
        position, orientation: as in a file's FrameFacts; None where not said.
        number: InstanceNumber, or the number of the frame; None where not said.
        is_scout: whether the file calls it a localizer.
    """

    position: Vector | None
    orientation: Vector | None
    number: int | None
    is_scout: bool = False


@dataclass(frozen=True, slots=True)
class SliceOrder:
    """How pictures of a series follow each other.

    Attributes:
        order: their indices, from foot to head, from front to back, or from right to left.
        places: of each in the order, mm along the normal; () where they are ordered by number.
        scouts: indices of what lies in other planes or is a localizer.
        gaps: pairs of indices that slices are missing between.
        note: by what they are ordered, where it is not by position; else "".
    """

    order: tuple[int, ...]
    places: tuple[float, ...]
    scouts: tuple[int, ...]
    gaps: tuple[tuple[int, int], ...]
    note: str


def slices_of(header: DicomHeader) -> list[Slice]:
    """The frames of a file as slices."""
    scout = "LOCALIZER" in header.image_type
    several = header.format.frames > 1
    return [
        Slice(
            (facts := header.frame(at)).position,
            facts.orientation,
            at + 1 if several else header.instance_number,
            scout,
        )
        for at in range(header.format.frames)
    ]


def in_order(slices: Sequence[Slice]) -> SliceOrder:
    """Sort the slices of a series by position along the normal, or by number where that fails.

    Scouts are left out of the order: localizers, and what lies in another plane than most.
    """
    normals = [_normal(each.orientation) for each in slices]
    scouts = {at for at, each in enumerate(slices) if each.is_scout}
    if len(scouts) == len(slices):
        scouts = set()  # a series of scouts
    usual = _usual(normals, scouts)
    if usual is not None:
        scouts |= {
            at
            for at, each in enumerate(normals)
            if each is not None and abs(float(each @ usual)) < SAME_DIRECTION
        }
    rest = [at for at in range(len(slices)) if at not in scouts]
    places = {at: _place(slices[at], usual) for at in rest}
    known = [each for each in places.values() if each is not None]
    if usual is None or len(known) < len(rest):
        return _by_number(slices, rest, scouts, "some say no position")
    if len(rest) > 1 and max(known) - min(known) < 1e-3:
        return _by_number(slices, rest, scouts, "all lie in one place")
    order = sorted(rest, key=lambda at: (places[at] or 0.0, _number(slices[at]), at))
    along = tuple(round(places[at] or 0.0, 4) for at in order)
    return SliceOrder(tuple(order), along, tuple(sorted(scouts)), _gaps(order, along), "")


def _by_number(slices: Sequence[Slice], rest: list[int], scouts: set[int], why: str) -> SliceOrder:
    order = sorted(rest, key=lambda at: (_number(slices[at]), at))
    note = f"ordered by instance number, because {why}"
    return SliceOrder(tuple(order), (), tuple(sorted(scouts)), (), note if len(rest) > 1 else "")


def _number(each: Slice) -> float:
    return float("inf") if each.number is None else each.number


def _normal(orientation: Vector | None) -> np.ndarray | None:
    """Unit vector (3,) across a plane, towards the head, the back or the left."""
    if orientation is None:
        return None
    across = np.cross(orientation[:3], orientation[3:])
    length = float(np.linalg.norm(across))
    if length < 1e-6:
        return None
    across = across / length
    largest = int(np.argmax(np.abs(across)))
    return across if across[largest] > 0 else -across


def _usual(normals: Sequence[np.ndarray | None], scouts: set[int]) -> np.ndarray | None:
    """The normal of most slices that are no scouts."""
    found = [each for at, each in enumerate(normals) if each is not None and at not in scouts]
    if not found:
        return None
    counts = Counter(tuple(np.round(each, 2)) for each in found)
    most = counts.most_common(1)[0][0]
    return next(each for each in found if tuple(np.round(each, 2)) == most)


def _place(each: Slice, normal: np.ndarray | None) -> float | None:
    if each.position is None or normal is None:
        return None
    return float(np.dot(each.position, normal))


def _gaps(order: list[int], places: tuple[float, ...]) -> tuple[tuple[int, int], ...]:
    steps = np.diff(places)
    apart = steps[steps > 1e-3]
    if len(apart) < 2:
        return ()
    usual = float(np.median(apart))
    return tuple(
        (order[at], order[at + 1]) for at, step in enumerate(steps) if step > A_GAP * usual
    )
