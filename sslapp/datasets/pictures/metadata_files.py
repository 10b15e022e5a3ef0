"""What lists called metadata.csv beside pictures say of them, as image folders have it.

train/metadata.csv      file_name,label
                        1.png,cat
train/1.png             cat

Paths are relative to the list's folder; classes, groups and splits are those of `manifest`.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from sslapp.datasets.pictures.archive import small_member
from sslapp.datasets.pictures.files import LONGEST_GROUP, SPLITS, FilesSource, Placed, printable
from sslapp.datasets.pictures.folder import read_file, wrong_target
from sslapp.datasets.pictures.manifest import told_lines
from sslapp.datasets.source import Refusal
from sslapp.datasets.tables.columns import Use, plain
from sslapp.datasets.tables.reading import open_table
from sslapp.datasets.tables.table import ListError, ListTable

CALLED = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
LARGEST = 2**28
"""Bytes that such a list may have in an archive, where it is read at once."""

_FILE_NAME = "file_name"


def described(source: FilesSource, path: Path) -> FilesSource:
    """A source of pictures with what lists among its files say of them.

    Lists without a column file_name are none of these and stay refused. A line whose picture is
    not there is refused.

    Args:
        source: the pictures.
        path: the folder or zip archive that they lie in.

    Raises:
        ValueError: when a list cannot be read, or contradicts a folder's class or another list.
    """
    tables = {
        refusal.name: table
        for refusal in source.refused
        if PurePosixPath(refusal.name).name in CALLED
        and (table := _table(path, refusal.name)) is not None
    }
    if not tables:
        return source
    files = list(source.files)
    index = {_nfc(file.name): at for at, file in enumerate(files)}
    refused = [each for each in source.refused if each.name not in tables]
    told: dict[int, str] = {}
    for name, table in tables.items():
        for where, picture, cells in _told(table, name):
            at = index.get(_nfc(picture))
            if at is None:
                refused.append(Refusal(f"{where}: {printable(picture)[:200]}", "no such picture"))
                continue
            if told.setdefault(at, where) != where:
                raise ListError(f"{where}: its picture is named in {told[at]} too. Remove one.")
            files[at] = _with(files[at], cells, where)
    return source.with_files(files, refused)


def _table(path: Path, name: str) -> ListTable | None:
    """The list of that name; None where it is none that tells of pictures."""
    if path.is_dir():
        if wrong_target(path / name, path.resolve()) is not None:
            return None
        content = read_file((path / name).resolve())
    else:
        content = small_member(path, name, LARGEST) or b""
    table = open_table(content, name)
    return table if plain(_FILE_NAME) in map(plain, table.headings) else None


def _told(table: ListTable, name: str) -> Iterator[tuple[str, str, dict[Use, str]]]:
    """Yield (where it is said, path of the picture, cells) of the lines of a list."""
    folder = PurePosixPath(name).parent
    for line, cells in told_lines(table, {Use.IMAGE: _FILE_NAME}):
        yield f"{name} {table.unit} {line}", str(folder / cells[Use.IMAGE]), cells


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _with(file: Placed, cells: dict[Use, str], where: str) -> Placed:
    said, split, group = cells[Use.CLASS], cells[Use.SPLIT].lower(), cells[Use.GROUP]
    if said and file.class_name not in (None, said):
        raise ListError(
            f'{where}: it says "{said[:80]}", and the folder of {file.name} "{file.class_name}". '
            "Say that the folders mean something else, or remove the list."
        )
    if split and split not in SPLITS:
        raise ListError(f'{where}: its split is "{split[:40]}". Write train, val or test.')
    if len(group) > LONGEST_GROUP:
        raise ListError(f"{where}: its group has more than {LONGEST_GROUP} letters. Shorten it.")
    return replace(
        file,
        class_name=said or file.class_name,
        split=SPLITS[split] if split else file.split,
        group=group or file.group,
    )
