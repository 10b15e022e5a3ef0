"""Builders of picture files."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def encode() -> Callable[..., bytes]:
    def build(
        array: np.ndarray | Image.Image, file_format: str = "PNG", **options: object
    ) -> bytes:
        picture = array if isinstance(array, Image.Image) else Image.fromarray(array)
        buffer = io.BytesIO()
        picture.save(buffer, file_format, **options)
        return buffer.getvalue()

    return build


@pytest.fixture
def png_of_size() -> Callable[[int, int], bytes]:
    """A valid black 1-bit PNG of any declared size, made without its pixels in memory."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    def build(width: int, height: int) -> bytes:
        squeeze = zlib.compressobj(9)
        row = bytes(1 + (width + 7) // 8)
        data = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
        header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
        return (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + chunk(b"IDAT", data)
            + chunk(b"IEND", b"")
        )

    return build


@pytest.fixture
def colours() -> np.ndarray:
    """(6, 9, 3) uint8, all different along both axes."""
    return np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
