"""Whether a worker is alive: an exclusive flock that it holds for the life of an attempt.

The kernel drops the lock with the process, so neither a reused process id nor a jump of the clock
can deceive a reader of it.
"""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE = 1.0
"""Seconds to wait for those who only look whether a lock is held: they hold it for an instant."""


class LifeLock:
    """Held while the `with` block runs, and dropped by the kernel if the process dies.

    Raises:
        BlockingIOError: on entering, when another living process holds it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._take(time.monotonic() + PATIENCE)
        except BlockingIOError:
            os.close(self._descriptor)
            raise
        return self

    def _take(self, until: float) -> None:
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)

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
        # shared: two that look at once must not take each other for a holder
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
