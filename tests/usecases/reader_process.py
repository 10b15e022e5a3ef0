"""Readers at work at once, each in a process of its own.

    python reader_process.py WORKSPACE READERS LABELS_EACH

As a program this module loads everything once and forks a process for each reader.
"""

import multiprocessing
import sys
from pathlib import Path

from sslapp.store import label_classes
from sslapp.store.database import writing
from sslapp.store.log.events import append
from sslapp.store.people import readers
from sslapp.usecases.access import enter
from sslapp.vocabulary import EventKind, Role
from sslapp.workspace import Workspace


def label(root: str, name: str, count: int) -> None:
    """Enter as `name` and give `count` labels, one transaction each."""
    access = enter(Workspace(workspace=Path(root)), name)
    with writing(access.engine) as conn:
        readers.grant(conn, 1, access.reader_id, Role.READER)
        ids = [each.id for each in label_classes.classes(conn, 1)]
    for number in range(count):
        with writing(access.engine, 1) as conn:
            append(
                conn,
                1,
                EventKind.LABEL,
                key=f"{name}-{number}",
                reader_id=access.reader_id,
                position=number % 120,
                class_id=ids[number % 10],
            )
    access.engine.dispose()


def main() -> None:
    """Start all readers, wait for them, and fail when one of them did."""
    root, count, each = sys.argv[1:]
    processes = multiprocessing.get_context("fork")
    started = [
        processes.Process(target=label, args=(root, f"reader-{i}", int(each)))
        for i in range(int(count))
    ]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0] * len(started)


if __name__ == "__main__":
    main()
