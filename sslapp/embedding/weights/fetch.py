"""Have an encoder's weights fetched by a process of its own, and see how far it is.

The process that asks imports neither torch nor a library of the hub.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sslapp.embedding.weights.folders import FETCHING, HOME, Weights, bytes_there, folder_of, listed

LOOK_EVERY = 0.5
"""Seconds between two looks at how far the files are."""

PLANNED_WITHIN = 300.0
"""Seconds in which the hub must have said what there is."""


class FetchStopped(Exception):
    """The fetch was asked to stop; what came is kept, and the next fetch goes on from there."""


@dataclass(frozen=True)
class Expected:
    """What a fetch brings.

    Attributes:
        size: of all files, in bytes.
        repositories: of the hub, that of the weights last.
        licence: of the weights, as the hub names it, or "none named".
        open: whether the licence need not be accepted.
    """

    size: int
    repositories: tuple[str, ...]
    licence: str
    open: bool


def expected(name: str, root: Path) -> Expected:
    """Ask the hub what a fetch would bring; configurations that say so are fetched for it.

    Args:
        name: as `names.parse` reads it.
        root: the workspace's folder of weights.

    Raises:
        ValueError: with the mend, when the hub cannot be reached or has no such weights.
    """
    folder = folder_of(name, root)
    with (
        tempfile.TemporaryDirectory() as asked,  # so that what is there stays as it is
        _process(name, Path(asked) / folder.name, "--plan", "--into", str(folder)) as asking,
    ):
        return _planned(*asking, lambda: False)


def fetch(
    name: str,
    root: Path,
    *,
    accepted: str = "",
    by: str = "",
    progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> Weights:
    """Fetch an encoder's weights, or go on where an earlier fetch stopped.

    Args:
        name: as `names.parse` reads it.
        root: the workspace's folder of weights.
        accepted: the licence that was accepted, as the hub names it.
        by: who accepted it and when, for the record.
        progress: called as progress(bytes there, bytes in all).
        should_stop: polled while the bytes come.

    Raises:
        FetchStopped: when `should_stop()` became true.
        ValueError: with the mend, when it failed.
    """
    folder = folder_of(name, root)
    with _process(name, folder, "--accepted", accepted, "--by", by) as (process, errors):
        total = _planned(process, errors, should_stop).size
        while process.poll() is None:
            if should_stop():
                raise FetchStopped
            progress(min(bytes_there(name, root), total), total)
            time.sleep(LOOK_EVERY)
        if process.returncode:
            raise ValueError(_why(errors))
    return listed(folder)


@contextmanager
def _process(
    name: str, folder: Path, *options: str
) -> Iterator[tuple["subprocess.Popen[bytes]", IO[bytes]]]:
    """The process that fetches, which is ended when the block is left."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "sslapp.embedding.weights.hub", name, str(folder), *options]
    # neither tokens nor caches of the account: what is fetched stays in the workspace
    env = {**os.environ, "HF_HOME": str(folder / FETCHING / HOME)}
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=env
        )
        try:
            yield process, errors
        finally:
            process.kill()
            process.communicate()


def _planned(
    process: "subprocess.Popen[bytes]", errors: IO[bytes], should_stop: Callable[[], bool]
) -> Expected:
    """What the process says first."""
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    said, until = b"", time.monotonic() + PLANNED_WITHIN
    while not said.endswith(b"\n"):
        if should_stop():
            raise FetchStopped
        if time.monotonic() > until:
            raise ValueError(f"The hub did not say within {PLANNED_WITHIN:.0f} s what there is.")
        ended = process.poll() is not None
        said += process.stdout.read() or b""
        if ended and not said.endswith(b"\n"):
            raise ValueError(_why(errors))
        time.sleep(0.05)
    plan = json.loads(said)
    return Expected(
        sum(each["size"] for each in plan["files"]),
        tuple(dict.fromkeys(each["repository"] for each in plan["files"])),
        plan["licence"],
        plan["open"],
    )


def _why(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "The fetch ended without a reason. Fetch again to go on."
