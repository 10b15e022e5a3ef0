"""A manifest: a list of picture files, and what is known of each.

    path,group,split,class
    scans/0001.png,patient-7,train,healthy

It may have any format of lists. Columns are found by their usual names: one for the path, and where
wanted group, split (pool, train, val or test) and class, which becomes a hidden true label. Paths
are relative to the manifest; files outside the allowed folders are never read.
"""

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
from sslapp.datasets.tables.columns import Use, find_columns, wrong_headings
from sslapp.datasets.tables.reading import open_table
from sslapp.datasets.tables.table import ListError, ListTable
from sslapp.vocabulary import Split

USES = (Use.IMAGE, Use.GROUP, Use.SPLIT, Use.CLASS)
"""What columns may be for."""

_SPLITS = {"": Split.POOL, "pool": Split.POOL, **SPLITS}


def manifest_source(path: Path, *, within: Sequence[Path] | None = None) -> FilesSource:
    """List the picture files that a manifest names, in the order of its lines.

    A line that cannot be used is refused with its number; the rest goes on.

    Args:
        path: the list.
        within: the folders that pictures may lie in; default: the manifest's own.

    Raises:
        ValueError: when the file is no such list, names no picture, or several findings of one.
    """
    roots = [root.resolve() for root in (within if within is not None else [path.parent])]
    table = open_table(path, path.name)
    refused: list[Refusal] = []
    files: dict[str, tuple[Placed, Path]] = {}
    for line, cells in told_lines(table):
        name = cells[Use.IMAGE]
        found = _file(path.resolve().parent, cells, roots)
        if not isinstance(found, str) and name in files:
            found = "it is on an earlier line too"
        if isinstance(found, str):
            refused.append(Refusal(f"{table.unit} {line}: {printable(name)[:200]}", found))
        else:
            files[name] = found
    if not files:
        raise nothing(path.name, refused)
    placed = [file for file, _ in files.values()]
    return FilesSource(
        path.stem, placed, refused, lambda: nullcontext(lambda name: read_file(files[name][1]))
    )


def told_lines(
    table: ListTable, chosen: Mapping[Use, str] | None = None
) -> Iterator[tuple[int, dict[Use, str]]]:
    """Yield (number, cells of USES, "" where there is none) of every line that is not blank.

    Args:
        table: the list.
        chosen: headings of columns that are known.

    Raises:
        ListError: when no column names the image, or a line has several findings.
    """
    columns = find_columns(table, USES, chosen)
    if Use.IMAGE not in columns:
        raise wrong_headings(
            table,
            "The first line must name a column path (or file_name, image ...), and may name "
            "group, split and class.",
        )
    for line, cells in table.lines():
        told = {use: _cell(cells, columns.get(use)) for use in USES}
        if "|" in told[Use.CLASS]:
            heading = table.headings[columns[Use.CLASS]]
            raise ListError(
                f"{table.name} {table.unit} {line}: it has several findings "
                f"({told[Use.CLASS][:80]}), and a project has one finding an image. Rename the "
                f'column "{heading}" to import the images without classes; then label with this '
                "list, one finding as yes or no (Import labels on the Projects page, or sslapp "
                "label --finding)."
            )
        yield line, told


def _cell(cells: Sequence[str], at: int | None) -> str:
    return unescape_cell(cells[at].strip()) if at is not None and at < len(cells) else ""


def _file(
    folder: Path, cells: Mapping[Use, str], roots: Sequence[Path]
) -> tuple[Placed, Path] | str:
    """The file of a line, with where it lies, or why it is refused."""
    name, group, split = cells[Use.IMAGE], cells[Use.GROUP], cells[Use.SPLIT].lower()
    if reason := _wrong_path(name) or wrong_name(name):
        return reason
    if split not in _SPLITS:
        return f'its split is "{split[:40]}"; write pool, train, val or test'
    if len(group) > LONGEST_GROUP:
        return f"its group has more than {LONGEST_GROUP} letters"
    target = _below(folder / name, roots)
    if isinstance(target, str):
        return target
    return Placed(name, _SPLITS[split], cells[Use.CLASS] or None, group or None), target


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
