"""Finds where text is in a picture, by PP-OCR's detector; nothing is read.

The detector is the extra [ocr]: rapidocr with onnxruntime, whose models come in its wheel. Small or
faint text, and text in strong noise, may be missed.
"""

import math
from collections.abc import Iterator
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sslapp.imaging.rectangles import Rectangle

TILE = 640
"""Longest side in pixels that is looked at at once. It bounds memory; and of 11 names of 10 to 24
pixels on 960 x 960 ones all were found in such tiles, and 9 in the picture as a whole."""

OVERLAP = 96
"""Pixels that neighbouring tiles share, so that no line of text is cut in both."""

LARGEST = 1280
"""Longest side in pixels of a picture that is looked at as it is. Larger ones are made smaller: the
time grows with the pixels, and what is written on a radiograph of 2,500 is no 10 pixels high."""

SMALLEST = 24
"""Longest side in pixels of a picture in which no name has room."""

MISSING = (
    "Text that is burned into pictures was not looked for, and only what headers say decided: "
    "`pip install sslapp[ocr]` (requirements-ocr.txt) brings the detector."
)


def is_installed() -> bool:
    """Whether the extra [ocr] is there."""
    return all(find_spec(each) is not None for each in ("rapidocr", "onnxruntime", "cv2"))


class TextDetector:
    """Finds boxes around text; made once for many pictures.

    Args:
        threads: that it may use.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads

    @cached_property
    def _engine(self) -> Any:
        try:
            from rapidocr import RapidOCR  # a second, and OpenCV
        except ImportError as error:
            raise ValueError(MISSING) from error
        part = "EngineConfig.onnxruntime"
        return RapidOCR(
            params={
                "Global.log_level": "critical",
                f"{part}.intra_op_num_threads": self._threads,
                f"{part}.inter_op_num_threads": 1,
            }
        )

    def boxes(self, picture: NDArray[np.uint8]) -> list[Rectangle]:
        """Where text may be, each place at least once, in the order of their rows.

        Args:
            picture: (H, W) or (H, W, 3).

        Raises:
            ValueError: when the extra is not installed, with how it is.
        """
        height, width = picture.shape[:2]
        if max(height, width) < SMALLEST:
            return []
        looked_at = _smaller(picture)
        across, down = width / looked_at.shape[1], height / looked_at.shape[0]
        found = {_enlarged(each, across, down, width, height) for each in self._found(looked_at)}
        return sorted(found, key=lambda each: (each.y, each.x, each.width, each.height))

    def _found(self, picture: NDArray[np.uint8]) -> Iterator[Rectangle]:
        """Yield what is found tile by tile."""
        for top, left in _tiles(*picture.shape[:2]):
            tile = picture[top : top + TILE, left : left + TILE]
            told = self._engine(
                np.ascontiguousarray(_squared(tile)[:, :, ::-1]),  # it takes BGR
                use_det=True,
                use_cls=False,
                use_rec=False,
            )
            for corners in () if told.boxes is None else told.boxes:
                if (corners.min(axis=0) < tile.shape[1::-1]).all():
                    yield _around(corners, tile.shape[:2], top, left)


def _squared(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(side, side, 3): the tile at the upper left, and beside it its middle grey.

    The detector enlarges by the shorter side, and a narrow strip to any length.
    """
    side = max(tile.shape[:2])
    made = np.full((side, side, 3), int(np.median(tile)), np.uint8)
    made[: tile.shape[0], : tile.shape[1]] = tile if tile.ndim == 3 else tile[:, :, None]
    return made


def _smaller(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    share = LARGEST / max(height, width)
    if share >= 1:
        return picture
    size = max(1, round(width * share)), max(1, round(height * share))
    shown = Image.fromarray(np.ascontiguousarray(picture))
    return np.array(shown.resize(size, Image.Resampling.BOX))


def _enlarged(box: Rectangle, across: float, down: float, width: int, height: int) -> Rectangle:
    """A box of a picture that was made smaller, on the picture itself, rounded outwards."""
    left, top = math.floor(box.x * across), math.floor(box.y * down)
    right = min(width, math.ceil((box.x + box.width) * across))
    bottom = min(height, math.ceil((box.y + box.height) * down))
    return Rectangle(left, top, max(1, right - left), max(1, bottom - top))


def _tiles(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Where tiles begin, row by row."""
    for top in _starts(height):
        for left in _starts(width):
            yield top, left


def _starts(length: int) -> list[int]:
    step = TILE - OVERLAP
    number = max(1, -(-(length - OVERLAP) // step))
    return [round(at * max(0, length - TILE) / max(1, number - 1)) for at in range(number)]


def _around(
    corners: NDArray[np.floating], shape: tuple[int, ...], top: int, left: int
) -> Rectangle:
    """The rectangle around four corners (x, y) in a tile, in pixels of the picture."""
    ends = np.array(shape[::-1])
    low = np.clip(np.floor(corners.min(axis=0)), 0, ends - 1).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), low + 1, ends).astype(int)
    return Rectangle(
        left + int(low[0]), top + int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])
    )
