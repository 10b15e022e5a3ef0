"""Runs the parts of gpu.py, each in a process of its own and within its time.

A GPU that was asked for something impossible answers its process nothing else, and a kernel that
hangs cannot be interrupted from within; so what one part does to its process is no other part's.
Processes are forked, so that libraries are loaded once; this one must therefore never use the GPU.
"""

import multiprocessing
import os
import resource
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from gpu_setting import Setting
from gpu_table import Row, shown

FORKS = multiprocessing.get_context("fork")

LOADED = ("torch._dynamo", "torch._inductor.config")
"""What optimisers and deterministic kernels load when they are first wanted, in every process."""

ENDING = 10.0
"""Seconds that a process is waited for after it was killed."""

SHORTEST = 2.0
"""Seconds that must be left of the budget for a part to begin."""


@dataclass(frozen=True)
class Part:
    """Something to be measured.

    Attributes:
        name: in the table.
        measure: yields rows as it finds them; those before an error stay.
        limit: seconds after which it is stopped.
        devices: where it is run.
    """

    name: str
    measure: Callable[[Setting], Iterable[Row]]
    limit: float
    devices: tuple[str, ...] = ("cuda", "cpu")


def run(
    parts: Sequence[Part],
    setting: Callable[[Path, Sequence[Row]], Setting],
    *,
    budget: float,
    keep: Callable[[Sequence[Row]], object],
) -> list[Row]:
    """Run the parts in their order, each on its own, and return all their rows.

    Args:
        parts: see Part.
        setting: (a folder, the rows so far) -> what the next part is given.
        budget: seconds for all of them.
        keep: called with the rows so far after each part.
    """
    rows: list[Row] = []
    began = time.monotonic()
    for name in LOADED:
        import_module(name)
    for part in parts:
        spent = time.monotonic() - began
        print(f"[{spent:5.0f} s of {budget:.0f}] {part.name}", flush=True)
        if budget - spent < SHORTEST:
            problem = f"not begun: the {budget:.0f} s for all parts were over"
            rows.append(Row(part=part.name, what="", problem=problem))
        else:
            with tempfile.TemporaryDirectory(prefix="sslapp-gpu-") as folder:
                given = setting(Path(folder), rows)
                for row in rows_of(part, given, min(part.limit, budget - spent)):
                    rows.append(row)
                    print(f"    {told(row)}", flush=True)
        keep(rows)
    return rows


def told(row: Row) -> str:
    """A row in a line of progress."""
    problem = f"FAILED: {row.problem}" if row.problem else ""
    return ", ".join(filter(None, (row.what, shown(row.figure, row.unit), row.note, problem)))


def rows_of(part: Part, setting: Setting, limit: float) -> Iterator[Row]:
    """The rows of a part; the last has a problem if it raised, died, or was stopped."""
    ours, theirs = FORKS.Pipe(duplex=False)
    child = FORKS.Process(target=_measured, args=(part, setting, theirs), name=part.name)
    began = time.monotonic()
    child.start()
    theirs.close()
    problem = ""
    try:
        while True:
            if not ours.poll(max(0.0, began + limit - time.monotonic())):
                problem = f"stopped at its limit of {limit:.3g} s"
                break
            row = ours.recv()
            if row is None:
                break
            yield row
    except EOFError:
        child.join(ENDING)
        problem = f"its process ended with status {child.exitcode}"
    finally:
        _end(child)
    if problem:
        seconds = time.monotonic() - began
        yield Row(part=part.name, what="", seconds=seconds, problem=problem)


def _end(child: multiprocessing.process.BaseProcess) -> None:
    """End the process and those that it has started, such as compilers."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid or 0, signal.SIGKILL)
    child.kill()
    child.join(ENDING)  # what waits for a device that answers no more cannot be ended


def _measured(part: Part, setting: Setting, to: Connection) -> None:
    """In the new process: send every row when it is found, and None at the end."""
    os.setpgrp()
    began = time.monotonic()
    try:
        for row in part.measure(setting):
            now = time.monotonic()
            memory = row.memory if row.memory is not None else peak_memory(setting.device)
            to.send(replace(row, memory=memory, seconds=now - began))
            began = now
    except BaseException as error:
        traceback.print_exc()
        problem = f"{type(error).__name__}: {str(error).strip() or 'without a word'}"[:500]
        seconds = time.monotonic() - began
        to.send(Row(part=part.name, what="", seconds=seconds, problem=problem))
    to.send(None)


def peak_memory(device: torch.device) -> int:
    """Most bytes in use since it was last asked, of the GPU; on a CPU of this process ever."""
    if device.type != "cuda":
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    most = torch.cuda.max_memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    return most
