"""Freed memory stays with the process while it computes.

glibc gives every large block back to the kernel as soon as it is freed, and the next block of the
same size is zeroed page by page again. A network's pass frees and takes hundreds of megabytes, so
most of its time on a CPU can go into that: see `benchmarks/host_memory.py`. Only where blocks lie
changes, not one bit of what is computed. On other C libraries nothing happens.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""Parameters of glibc's mallopt(3)."""

KEPT = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: -1, M_TOP_PAD: 64 << 20}
"""No block of its own mapping, no shrinking of the heap, growth in steps of 64 MB."""

USUAL = {M_MMAP_MAX: 65_536, M_TRIM_THRESHOLD: 128 << 10, M_TOP_PAD: 128 << 10}
"""What mallopt(3) names as the defaults."""


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep what is freed inside the block for the next that asks, and give it back at the end.

    The setting is the process's, all threads included; do not nest. glibc's own adjusting of these
    numbers, and what MALLOC_ variables say of them, has ended after the first use.
    """
    c = ctypes.CDLL(None) if sys.platform == "linux" else None
    if c is None or not hasattr(c, "mallopt"):  # musl has none
        yield
        return
    _set(c, KEPT)
    try:
        yield
    finally:
        _set(c, USUAL)
        c.malloc_trim(0)


def _set(c: ctypes.CDLL, parameters: dict[int, int]) -> None:
    for name, value in parameters.items():
        c.mallopt(name, value)
