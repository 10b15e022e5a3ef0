"""Durable events per second of the event log, against a bare INSERT into SQLite.

    python benchmarks/events.py --events 400 --processes 8 --repetitions 3

The baseline is the least that durability costs: Python's sqlite3 writing one row of the same size
a transaction, WAL and synchronous=FULL, into a table without indexes. A label in the event log is
checked against its project, hash-chained, stored, and carried into the derived tables, all before
its commit. The rows take turns and the median repetition counts, so that other work on the machine
slows all of them alike. With more processes, `--events` is divided among them.
"""

import argparse
import multiprocessing
import sqlite3
import statistics
import tempfile
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

from sslapp.store import images, label_classes, projects
from sslapp.store.database import open_database, reading, writing
from sslapp.store.log import events
from sslapp.store.people import readers
from sslapp.store.verify import verify
from sslapp.vocabulary import EventKind

IMAGES = 1000
ROW = "x" * 300  # about the size of a label event's row


def prepare_log(folder: Path) -> None:
    """A project (id 1) with two classes, one reader and some images."""
    engine = open_database(f"sqlite:///{folder / 'log.db'}")
    with writing(engine) as conn:
        project_id = projects.create_project(conn, "bench", projects.ProjectSettings())
        readers.ensure_reader(conn, "reader")
        for name in ("cat", "dog"):
            label_classes.add_class(conn, project_id, name)
        rows = [images.NewImage(f"{i}.png", f"{i:064x}", 32, 32) for i in range(IMAGES)]
        images.add_image_set(conn, project_id, "set", "sets/1.npy", rows)


def write_log(folder: Path, name: str, count: int, start: Barrier) -> None:
    engine = open_database(f"sqlite:///{folder / 'log.db'}")
    start.wait()
    for i in range(count):
        with writing(engine, 1) as conn:
            events.append(
                conn,
                1,
                EventKind.LABEL,
                key=f"{name}-{i}",
                reader_id=1,
                position=i * 7 % IMAGES,
                class_id=1 + i % 2,
                payload={"ms": 812},
            )


def open_bare(folder: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / "bare.db", timeout=60, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def prepare_bare(folder: Path) -> None:
    open_bare(folder).execute("CREATE TABLE event (number INTEGER PRIMARY KEY, content TEXT)")


def write_bare(folder: Path, name: str, count: int, start: Barrier) -> None:
    connection = open_bare(folder)
    start.wait()
    for _ in range(count):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO event (content) VALUES (?)", (name + ROW,))
        connection.execute("COMMIT")


WAYS = {"bare sqlite3 INSERT": (prepare_bare, write_bare), "event log": (prepare_log, write_log)}


def rate(way: str, processes: int, count: int) -> float:
    """Events per second from the moment all processes have the database open."""
    prepare, write = WAYS[way]
    context = multiprocessing.get_context("spawn")
    each = count // processes
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        start = context.Barrier(processes + 1)
        workers = [
            context.Process(target=write, args=(folder, f"p{i}", each, start))
            for i in range(processes)
        ]
        for worker in workers:
            worker.start()
        start.wait()
        began = time.perf_counter()
        for worker in workers:
            worker.join()
        seconds = time.perf_counter() - began
        if any(worker.exitcode for worker in workers):
            raise SystemExit(f"{way}: a process failed")
        if write is write_log:
            check(folder, each * processes)
    return each * processes / seconds


def check(folder: Path, count: int) -> None:
    with reading(open_database(f"sqlite:///{folder / 'log.db'}")) as conn:
        found = verify(conn, 1)
        labels = sum(each.kind is EventKind.LABEL for each in events.read(conn, 1))
    if not found.ok or labels != count:
        raise SystemExit(f"the log is not whole: {labels} of {count} labels, {found.problem}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=400)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    rows = [(way, processes) for processes in (1, options.processes) for way in WAYS]
    rates: dict[tuple[str, int], list[float]] = {row: [] for row in rows}
    for _ in range(options.repetitions):
        for row in rows:
            rates[row].append(rate(*row, options.events))
    print(f"{'':22}{'processes':>10}{'events/s':>10}{'of bare':>9}   repetitions")
    for way, processes in rows:
        median = statistics.median(rates[way, processes])
        bare = statistics.median(rates["bare sqlite3 INSERT", processes])
        every = " ".join(f"{each:.0f}" for each in rates[way, processes])
        print(f"{way:22}{processes:>10}{median:>10.0f}{median / bare:>9.2f}   {every}")


if __name__ == "__main__":
    main()
