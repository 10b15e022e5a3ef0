"""What no reader of picture files takes in, and how much of it may be there."""

import struct
import zlib

MAX_PIXELS = 64_000_000
"""Largest width x height that is decoded."""

MAX_BYTES = 256 * 2**20
"""Largest file."""

READERS_RAISE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    EOFError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow's readers and pydicom's raise alike on damaged or hostile input: there is no common
base. Each adds what is its own."""


class RefusedFile(ValueError):
    """A file that is not taken in; the message is one sentence for the reader."""
