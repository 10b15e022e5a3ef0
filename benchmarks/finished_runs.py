"""Runs of a long benchmark, kept in a CSV file, so that a later call goes on from there.

A row is one dataclass of plain numbers and words; its fields are the columns.
"""

import argparse
import csv
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

C = TypeVar("C")

RESULTS = Path(__file__).parent / "results"


def read(path: Path, row: type[Any]) -> list[Any]:
    """The rows that earlier calls have kept, each a `row`."""
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return [
            row(**{each.name: each.type(line[each.name]) for each in fields(row)})  # type: ignore[operator]
            for line in csv.DictReader(file)
        ]


def keep(path: Path, rows: Sequence[Any]) -> None:
    """Append rows of one kind."""
    path.parent.mkdir(exist_ok=True)
    new = not path.exists()
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [each.name for each in fields(rows[0])])
        if new:
            writer.writeheader()
        writer.writerows(asdict(each) for each in rows)


def waiting(cells: Iterable[C], done: Collection[C], minutes: float) -> Iterator[C]:
    """The cells that are not done, until so many minutes have gone by."""
    ends = time.monotonic() + 60 * minutes
    for cell in cells:
        if cell in done:
            continue
        if time.monotonic() > ends:
            print("Out of time: call again to go on.", file=sys.stderr)
            return
        yield cell


def arguments(
    about: str, path: Path, sets: Collection[str], *, repeats: str, times: int
) -> argparse.Namespace:
    """Read the command line; with --again what earlier calls have kept is gone.

    Args:
        about: one line.
        path: of the kept rows.
        sets: to choose from; all by default.
        repeats: name of the option that says how often, `times` by default.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--data", type=Path, default=Path())
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=sets, default=list(sets))
    parser.add_argument(f"--{repeats}", type=int, default=times)
    parser.add_argument("--minutes", type=float, default=90, help="Begin no run after so many.")
    parser.add_argument("--again", action="store_true", help="Forget what earlier calls have made.")
    options = parser.parse_args()
    if options.again:
        path.unlink(missing_ok=True)
    return options
