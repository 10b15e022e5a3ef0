"""From stored values to what is seen: the grey pipeline of PS3.4, annex N, to 8 bits.

Values of the modality, then the window or table of interest, then the inversion. A file without
either of the last two takes the quantiles of imaging/intensities.py where it has more than 8 bits,
and its whole range where it has 8 or fewer.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sslapp.imaging.dicom.header import DicomHeader, LookupTable, Vector, ViewWindow
from sslapp.imaging.intensities import limits_of
from sslapp.imaging.refused import MAX_PIXELS

NEARLY_SQUARE = 1.01
"""Ratio of a pixel's sides up to which it is shown as square."""

LONGEST_PIXEL = 16.0
"""Ratio of a pixel's sides from which what the file says of them is not believed."""

BACKGROUND = 0
"""Grey of what is no picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Preset:
    """A way to show a frame that its file brings.

    Attributes:
        name: what the file calls it, or a number.
        view: a window on the values of the modality, or a table for them.
    """

    name: str
    view: ViewWindow | LookupTable


def presets(header: DicomHeader, frame: int = 0) -> tuple[Preset, ...]:
    """The ways to show a frame that the file brings, tables first, the first being its default."""
    views: tuple[ViewWindow | LookupTable, ...] = (
        *header.voi_tables,
        *header.frame(frame).windows,
    )
    return tuple(
        Preset(each.explanation or f"{at} of the file", each) for at, each in enumerate(views, 1)
    )


def display(
    header: DicomHeader,
    values: NDArray[Any],
    frame: int = 0,
    window: ViewWindow | LookupTable | None = None,
) -> NDArray[np.uint8]:
    """A frame as it is seen, with square pixels.

    Args:
        values: (H, W) stored values, or (H, W, 3) uint8 colours, as `frame_values` gives them.
        frame: whose facts hold, from 0.
        window: of the values of the modality; None takes the file's first preset.

    Returns:
        (H, W) or (H, W, 3) uint8. Pixels that are not square are made so by enlarging along their
        longer side, so that none is lost.
    """
    size = seen_size(header, frame)
    if values.ndim == 3:
        return _square(values.astype(np.uint8), size)
    view = window if window is not None else view_of(header, values, frame)
    if values.dtype.itemsize > 2:
        return _square(_greys(header, values, frame, view), size)
    # of 8 or 16 bits a table of all values is faster than arithmetic, and smaller
    bare = np.dtype(f"u{values.dtype.itemsize}")
    every = np.arange(1 << 8 * bare.itemsize, dtype=bare).view(values.dtype)
    return _square(_greys(header, every, frame, view)[values.view(bare)], size)


def view_of(header: DicomHeader, values: NDArray[Any], frame: int = 0) -> ViewWindow | LookupTable:
    """How a grey frame is shown where nobody chooses: the file's first preset, or all of it."""
    known = presets(header, frame)
    return known[0].view if known else _whole(header, values, frame)


def _greys(
    header: DicomHeader, values: NDArray[Any], frame: int, view: ViewWindow | LookupTable
) -> NDArray[np.uint8]:
    """What stored values are seen as, padding as background."""
    grey = _windowed(_rescaled(header, values, frame), view)
    if is_inverted(header):
        grey = 255 - grey
    if header.padding is not None:
        grey[_is_padding(header.padding, values)] = BACKGROUND
    return grey


def is_inverted(header: DicomHeader) -> bool:
    """Whether larger values are darker.

    PresentationLUTShape says again what MONOCHROME1 says (PS3.3, section C.8.11.3.1.2).
    """
    return header.inverse or header.format.photometric == "MONOCHROME1"


def modality_values(
    header: DicomHeader, values: NDArray[Any], frame: int = 0
) -> NDArray[np.floating]:
    """(H, W) values in the unit of the modality, such as HU (PS3.3, section C.11.1).

    float32 where that holds every stored value exactly, else float64.
    """
    exact = values.dtype.itemsize <= 2 or values.dtype == np.float32
    return _rescaled(header, values, frame).astype(np.float32 if exact else np.float64)


def _rescaled(header: DicomHeader, values: NDArray[Any], frame: int) -> NDArray[np.float64]:
    table, facts = header.modality_table, header.frame(frame)
    if table is not None:
        return _looked_up(table, values).astype(np.float64)
    numbers = values.astype(np.float64)
    if facts.slope is None or facts.intercept is None:
        return numbers
    return numbers * facts.slope + facts.intercept


def _looked_up(table: LookupTable, values: NDArray[Any]) -> NDArray[np.uint16]:
    places = np.rint(values).astype(np.int64) - table.first
    return table.entries[np.clip(places, 0, len(table.entries) - 1)]


def _is_padding(padding: tuple[int, int], values: NDArray[Any]) -> NDArray[np.bool_]:
    return (values >= padding[0]) & (values <= padding[1])


def _whole(header: DicomHeader, values: NDArray[Any], frame: int) -> ViewWindow:
    """A window on the whole of a frame, of a file that brings none."""
    if header.padding is not None:
        inside = values[~_is_padding(header.padding, values)]
        values = inside if inside.size else values
    low, high = _limits(header, values, frame)
    return ViewWindow((low + high) / 2, high - low, "LINEAR_EXACT")


def _windowed(values: NDArray[Any], view: ViewWindow | LookupTable) -> NDArray[np.uint8]:
    """(H, W) uint8, larger is brighter."""
    if isinstance(view, LookupTable):
        greys = _looked_up(view, values)
        return np.rint(greys * (255 / ((1 << view.bits) - 1))).clip(0, 255).astype(np.uint8)
    if view.function == "SIGMOID":
        bent = np.clip(-4 * (values - view.center) / view.width, -700, 700)
        return _rounded(1 / (1 + np.exp(bent)))
    center, width = view.center, view.width
    if view.function == "LINEAR":  # PS3.3, section C.11.2.1.2.1: of whole numbers
        center, width = center - 0.5, width - 1
    low = center - width / 2
    if width == 0:
        return np.where(values <= low, 0, 255).astype(np.uint8)
    return _between(values, low, low + width)


def _limits(header: DicomHeader, values: NDArray[Any], frame: int) -> tuple[float, float]:
    """Black and white of a frame without a window, from its stored values."""
    layout, facts = header.format, header.frame(frame)
    plain = header.modality_table is None and facts.slope in (None, 1.0)
    if layout.kind == "int" and layout.stored <= 8 and plain:
        least = (facts.intercept or 0.0) - (1 << layout.stored - 1 if layout.signed else 0)
        return least, least + (1 << layout.stored) - 1
    if header.modality_table is not None:
        return _ends(_rescaled(header, values, frame))
    ends = np.array(_ends(values))  # a line leaves quantiles in their places
    low, high = sorted(map(float, _rescaled(header, ends, frame)))
    return low, high


def _ends(values: NDArray[Any]) -> tuple[float, float]:
    """Quantiles of the values, or their extremes where nearly all are equal."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    limits = limits_of([finite.ravel()])
    if limits is not None:
        return limits
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _between(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    return _rounded((values.astype(np.float64) - low) / (high - low))


def _rounded(shares: NDArray[Any]) -> NDArray[np.uint8]:
    """Of 0 to 1; what is no number is black."""
    return np.rint(np.clip(np.nan_to_num(shares, nan=0.0), 0, 1) * 255).astype(np.uint8)


def pixel_sides(header: DicomHeader, frame: int = 0) -> Vector | None:
    """Height and width of a pixel, in mm or in any unit; None where the file does not say."""
    facts = header.frame(frame)
    regions = {each.spacing for each in header.regions if each.spacing is not None}
    of_regions = regions.pop() if len(regions) == 1 else None
    return facts.spacing or header.detector_spacing or of_regions or header.aspect


def seen_size(header: DicomHeader, frame: int = 0) -> tuple[int, int]:
    """Width and height in pixels of a frame as `display` shows it."""
    columns, rows = header.format.columns, header.format.rows
    sides = pixel_sides(header, frame)
    if sides is None or not NEARLY_SQUARE < max(sides) / min(sides) <= LONGEST_PIXEL:
        return columns, rows
    size = (
        round(columns * max(1.0, sides[1] / sides[0])),
        round(rows * max(1.0, sides[0] / sides[1])),
    )
    return size if size[0] * size[1] <= MAX_PIXELS else (columns, rows)


def _square(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture in so many columns and rows."""
    if picture.shape[1::-1] == size:
        return picture
    enlarged = Image.fromarray(np.ascontiguousarray(picture)).resize(
        size, Image.Resampling.BILINEAR
    )
    return np.array(enlarged)
