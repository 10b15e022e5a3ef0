"""Have a set with a name fetched by a process of its own, and see how far it is.

What is fetched lies in a hidden folder beside its place and moves there when all of it came and was
read: a download that is cut off or killed leaves nothing that an import could take for the set.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from sslapp.datasets.known.card import KnownSet
from sslapp.datasets.known.catalogue import data_folders, find, known_set

FETCHING = ".fetching"
"""Folder of what is not fetched whole yet."""

LOOK_EVERY = 0.5
"""Seconds between two looks at how much came."""


class DownloadStopped(Exception):
    """The download was asked to stop; nothing of it is kept."""


def fetch(
    name: str,
    root: Path,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Fetch a set into a data folder, unless it lies there.

    Args:
        name: of the set.
        root: the data folder.
        progress: called as progress(megabytes that came, megabytes in all, 0 when not known).
        should_stop: polled while the bytes come.

    Raises:
        DownloadStopped: when `should_stop()` became true.
        ValueError: with the mend, when it failed.
    """
    known = known_set(name)
    if not known.layout or find(known, data_folders([root])) is not None:
        return
    _free_place(known, root)
    staging = root / FETCHING / name
    _remove(staging)  # of a download that was killed
    staging.mkdir(parents=True)
    try:
        _run(known, staging, progress, should_stop)
        settle(known, staging, root)
    finally:
        _remove(staging)


def settle(known: KnownSet, staging: Path, root: Path) -> None:
    """Move a set that came whole to its place in a data folder.

    Args:
        known: the set.
        staging: the folder that it came into, on the same file system.
        root: the data folder.

    Raises:
        ValueError: when something else is there.
    """
    target = _free_place(known, root)
    os.sync()
    (staging if known.home else staging / target.name).replace(target)


def _free_place(known: KnownSet, root: Path) -> Path:
    target = root / (known.home or Path(known.layout).parts[0])
    if target.exists():
        raise ValueError(f"{target} is in the way of {known.title}. Rename or delete it.")
    return target


def _run(
    known: KnownSet,
    staging: Path,
    progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> None:
    command = [sys.executable, "-m", "sslapp.datasets.known.download", known.name, str(staging)]
    total = known.megabytes or 0
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=errors, stderr=errors)
        try:
            while process.poll() is None:
                if should_stop():
                    raise DownloadStopped
                came = _bytes(staging) // 10**6
                progress(min(came, total) if total else came, total)
                time.sleep(LOOK_EVERY)
        finally:
            process.kill()
            process.communicate()
        if process.returncode:
            raise ValueError(_why(errors))


def _bytes(folder: Path) -> int:
    """About how many bytes lie in a folder: those of the first 100 files of each folder in it."""
    size = 0
    for where, _, names in os.walk(folder):
        for each in names[:100]:
            try:
                size += (Path(where) / each).stat().st_size
            except OSError:  # it was moved meanwhile
                continue
    return size


def _why(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "The download ended without a reason. Import again."


def _remove(staging: Path) -> None:
    shutil.rmtree(staging, ignore_errors=True)
    if staging.parent.is_dir() and not any(staging.parent.iterdir()):
        staging.parent.rmdir()
