"""A manifest: a CSV file that lists picture files, and what is known of each.

    path,group,split,class
    scans/0001.png,patient-7,train,healthy

Columns are found by their headings: `path` (or image, file, name), and where wanted `group`,
`split` (pool, train, val or test) and `class` (or label), which becomes a hidden true label. Paths
are relative to the manifest; files outside the allowed folders are never read.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from sslapp.datasets.pictures.files import (
    LONGEST_GROUP,
    SPLITS,
    FilesSource,
    Placed,
    nothing,
    printable,
    wrong_name,
)
from sslapp.datasets.pictures.folder import read_file
from sslapp.datasets.source import Refusal
from sslapp.datasets.tables.cells import unescape_cell
from sslapp.vocabulary import Split

MOST_LINES = 5_000_000
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "path": ("path", "image", "file", "name"),
    "group": ("group", "patient"),
    "split": ("split",),
    "class": ("class", "label"),
}
"""What each column may be called."""

_SPLITS = {"": Split.POOL, "pool": Split.POOL, **SPLITS}


def manifest_source(path: Path, *, within: Sequence[Path] | None = None) -> FilesSource:
    """List the picture files that a manifest names, in the order of its lines.

    A line that cannot be used is refused with its number; the rest goes on.

    Args:
        path: the CSV file: UTF-8, separated by commas, semicolons or tabs.
        within: the folders that pictures may lie in; default: the manifest's own.

    Raises:
        ValueError: when the file is no such list or names no picture.
    """
    roots = [root.resolve() for root in (within if within is not None else [path.parent])]
    refused: list[Refusal] = []
    files: dict[str, tuple[Placed, Path]] = {}
    for line, cells in _lines(path):
        name = cells["path"]
        found = _file(path.resolve().parent, cells, roots)
        if not isinstance(found, str) and name in files:
            found = "it is on an earlier line too"
        if isinstance(found, str):
            refused.append(Refusal(f"line {line}: {printable(name)[:200]}", found))
        else:
            files[name] = found
    if not files:
        raise nothing(path.name, refused)
    placed = [file for file, _ in files.values()]
    return FilesSource(
        path.stem, placed, refused, lambda: nullcontext(lambda name: read_file(files[name][1]))
    )


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, cells by column) of every line that is not blank."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            separator = max(",;\t", key=first.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=separator, strict=True)
            columns = _columns(path, next(reader, []))
            line = reader.line_num + 1
            for cells in reader:
                if line > MOST_LINES:
                    raise ValueError(f"{path.name}: more than {MOST_LINES:,} lines. Split it.")
                if any(cell.strip() for cell in cells):
                    yield line, {what: _cell(cells, at) for what, at in columns.items()}
                line = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name}: not UTF-8 text. Save it as UTF-8.") from error
    except csv.Error as error:
        raise ValueError(f"{path.name}: not valid CSV ({error}). Correct it.") from error


def _columns(path: Path, headings: Sequence[str]) -> dict[str, int | None]:
    found = [heading.strip().lower() for heading in headings]
    columns: dict[str, int | None] = {}
    for what, names in COLUMNS.items():
        at = [index for index, heading in enumerate(found) if heading in names]
        if len(at) > 1:
            raise ValueError(f"{path.name}: two columns for the {what}. Keep one of them.")
        columns[what] = at[0] if at else None
    if columns["path"] is None:
        raise ValueError(
            f"{path.name}: the headings are {', '.join(headings)[:200] or 'missing'}. The first "
            "line must name a column path, and may name group, split and class."
        )
    return columns


def _cell(cells: Sequence[str], at: int | None) -> str:
    return unescape_cell(cells[at].strip()) if at is not None and at < len(cells) else ""


def _file(
    folder: Path, cells: Mapping[str, str], roots: Sequence[Path]
) -> tuple[Placed, Path] | str:
    """The file of a line, with where it lies, or why it is refused."""
    name, group, split = cells["path"], cells["group"], cells["split"].lower()
    if reason := _wrong_path(name) or wrong_name(name):
        return reason
    if split not in _SPLITS:
        return f'its split is "{split[:40]}"; write pool, train, val or test'
    if len(group) > LONGEST_GROUP:
        return f"its group has more than {LONGEST_GROUP} letters"
    target = _below(folder / name, roots)
    if isinstance(target, str):
        return target
    return Placed(name, _SPLITS[split], cells["class"] or None, group or None), target


def _below(path: Path, roots: Sequence[Path]) -> Path | str:
    """The plain file that a path leads to, links followed, or why it is refused."""
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return "there is no such file"
    if not any(target.is_relative_to(root) for root in roots):
        return "it lies outside the folders that may be imported"
    return target if target.is_file() else "not a plain file"


def _wrong_path(name: str) -> str | None:
    if not name:
        return "it names no file"
    if "\0" in name:
        return "its name has a NUL in it"
    if "\\" in name:
        return "its path has a backslash in it; write / between folders"
    return "an absolute path; write it relative to the manifest" if name.startswith("/") else None
