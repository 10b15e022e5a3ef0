"""Whether a worker is alive: an exclusive flock that it holds for the life of an attempt.

The kernel drops the lock with the process, so neither a reused process id nor a jump of the clock
can deceive a reader of it.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self


class LifeLock:
    """Held while the `with` block runs, and dropped by the kernel if the process dies."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process (a stopped one counts) holds the lock at `path`."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
