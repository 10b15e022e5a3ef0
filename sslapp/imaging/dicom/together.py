"""What is seen of a bundle: one of its pictures, or what programs see of all together."""

from collections.abc import Iterable, Sequence
from functools import reduce
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sslapp.imaging.bundles import Bundle, quarters
from sslapp.imaging.dicom.deidentification.mark import is_marked
from sslapp.imaging.dicom.display import display, view_of
from sslapp.imaging.dicom.header import ViewWindow
from sslapp.imaging.dicom.opening import DicomFile, open_dicom
from sslapp.imaging.dicom.pixels.frames import frame_values
from sslapp.imaging.refused import RefusedFile
from sslapp.vocabulary import StackRule

Picture = NDArray[np.uint8]

SHEET = 4096
"""Longest side in pixels of pictures side by side."""


def picture_at(bundle: Bundle, index: int, max_pixels: int) -> Picture:
    """One picture of a bundle as it is seen, (H, W) or (H, W, 3) uint8.

    Slices of a stack have the window of the one in the middle, so that they can be compared.

    Raises:
        RefusedFile: when it is damaged or too large.
        IndexError: when there is no such picture.
    """
    (found,) = _pictures(bundle, [index], max_pixels)
    return found


def seen_together(bundle: Bundle, max_pixels: int) -> Picture:
    """What programs see of a bundle, as it says, (H, W) or (H, W, 3) uint8.

    Raises:
        RefusedFile: when it is damaged or too large.
    """
    facts = bundle.facts
    if facts.rule is StackRule.MIDDLE:
        return picture_at(bundle, facts.first, max_pixels)
    if facts.rule is StackRule.THREE:
        slices = list(_pictures(bundle, quarters(facts.count), max_pixels))
        return np.stack([_grey(each) for each in _as_large(slices, slices[1])], axis=-1)
    found = _pictures(bundle, range(facts.count), max_pixels)
    return _side_by_side(list(found)) if facts.rule is None else brightest(found)


def _pictures(bundle: Bundle, places: Sequence[int], max_pixels: int) -> Iterable[Picture]:
    shared = _shared_window(bundle)
    for content in bundle.files(places):
        file = _opened(content, bundle.name, max_pixels)
        yield display(file.header, frame_values(file), window=shared)


def _shared_window(bundle: Bundle) -> ViewWindow | None:
    """The window of a stack; None of pictures that are none, and where a table stands for it."""
    if bundle.facts.rule is None:
        return None
    (content,) = bundle.files([bundle.facts.first])
    file = open_dicom(content, bundle.name)
    values = frame_values(file)
    if values.ndim == 3:
        return None
    view = view_of(file.header, values)
    return view if isinstance(view, ViewWindow) else None


def _opened(content: bytes, name: str, max_pixels: int) -> DicomFile:
    file = open_dicom(content, name)
    if not is_marked(file):
        raise RefusedFile(f"{name}: a file in it was not de-identified here.")
    layout = file.header.format
    if layout.rows * layout.columns > max_pixels:
        raise RefusedFile(
            f"{name}: {layout.columns} x {layout.rows} pixels are more than the {max_pixels:,} "
            "allowed."
        )
    return file


def brightest(pictures: Iterable[Picture]) -> Picture:
    """The brightest of pictures in each place, at the size of the first; in colour if one is.

    Raises:
        TypeError: when there is none.
    """

    def brighter(one: Picture, other: Picture) -> Picture:
        (other,) = _as_large([other], one)
        if one.ndim != other.ndim:
            one, other = _coloured(one), _coloured(other)
        return np.maximum(one, other)

    return reduce(brighter, pictures)


def _side_by_side(pictures: Sequence[Picture]) -> Picture:
    """In rows, each as large as fits its place, on black."""
    columns = ceil(sqrt(len(pictures)))
    rows = ceil(len(pictures) / columns)
    side = min(SHEET // columns, max(max(each.shape[:2]) for each in pictures))
    coloured = any(each.ndim == 3 for each in pictures)
    sheet = np.zeros((rows * side, columns * side, *[3] * coloured), np.uint8)
    for place, each in enumerate(map(_coloured, pictures) if coloured else pictures):
        small = Image.fromarray(np.ascontiguousarray(each))
        by = side / max(small.size)
        size = max(1, round(small.width * by)), max(1, round(small.height * by))
        fitted = np.asarray(small.resize(size, Image.Resampling.BICUBIC))
        down = place // columns * side + (side - size[1]) // 2
        right = place % columns * side + (side - size[0]) // 2
        sheet[down : down + size[1], right : right + size[0]] = fitted
    return sheet


def _as_large(pictures: Sequence[Picture], as_this: Picture) -> list[Picture]:
    """Pictures at the size of another."""
    height, width = as_this.shape[:2]
    return [
        each
        if each.shape[:2] == (height, width)
        else np.asarray(Image.fromarray(each).resize((width, height), Image.Resampling.BILINEAR))
        for each in pictures
    ]


def _grey(picture: Picture) -> Picture:
    return picture if picture.ndim == 2 else np.asarray(Image.fromarray(picture).convert("L"))


def _coloured(picture: Picture) -> Picture:
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
