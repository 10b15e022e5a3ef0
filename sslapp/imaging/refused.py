"""What no reader of picture files takes in, and how much of it may be there."""

MAX_PIXELS = 64_000_000
"""Largest width x height that is decoded."""

MAX_BYTES = 256 * 2**20
"""Largest file."""


class RefusedFile(ValueError):
    """A file that is not taken in; the message is one sentence for the reader."""
