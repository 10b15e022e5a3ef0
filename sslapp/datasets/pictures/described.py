"""A folder or archive of pictures as it lies, with what lists called metadata.csv in it say.

train/metadata.csv      file_name,label
                        1.png,cat
train/1.png             cat

Paths are relative to the list's folder; classes, groups and splits are those of `manifest`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from sslapp.datasets.pictures import folder
from sslapp.datasets.pictures.archives.listing import archive_listing, opened_archive
from sslapp.datasets.pictures.archives.reading import small_member
from sslapp.datasets.pictures.files import LONGEST_GROUP, SPLITS, STUDY_SUFFIXES, ending, printable
from sslapp.datasets.pictures.listing import Listed, Listing, Opened, plain_path
from sslapp.datasets.pictures.manifest import told_lines
from sslapp.datasets.source import Refusal
from sslapp.datasets.tables.columns import Use, plain
from sslapp.datasets.tables.reading import open_table
from sslapp.datasets.tables.table import ListError, ListTable
from sslapp.vocabulary import Split

CALLED = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
LARGEST = 2**28
"""Bytes that such a list may have in an archive, where it is read at once."""

_FILE_NAME = "file_name"
OF_EXPORT = frozenset({"file_name", "label", "class", "sha256", "snapshot"})
"""Headings of the list that this program's own exports have among their pictures."""


def pictures_listing(
    path: Path, *, name: str | None = None, should_stop: Callable[[], bool] = lambda: False
) -> Listing:
    """List the picture files of a folder or zip archive, and what lists among them say of them.

    A DICOM file is listed by itself. Lists without a column file_name are none of these and stay
    refused. A line whose picture is not there is refused.

    Args:
        name: how an archive's import is called; its own name by default.
        should_stop: polled while a folder is scanned.

    Raises:
        pictures.listing.ScanStopped: when `should_stop()` became true.
        ValueError: when there is no picture, or a list cannot be read or contradicts another.
    """
    if path.is_dir():
        listing = folder.folder_listing(path, should_stop)
    elif ending(path.name) in STUDY_SUFFIXES:
        return folder.of_one_file(path)
    else:
        listing = archive_listing(path, name=name)
    tables = {
        refusal.name: table
        for refusal in listing.refused
        if PurePosixPath(refusal.name).name in CALLED
        and (table := _table(path, refusal.name)) is not None
    }
    return _described(listing, tables) if tables else listing


def opened(listing: Listing) -> Opened:
    """What reads the files of a listed folder or archive."""
    if Path(listing.path).is_file():
        return Opened(partial(opened_archive, Path(listing.path)))
    return folder.opened(listing)


def _described(listing: Listing, tables: dict[str, ListTable]) -> Listing:
    refused = [each for each in listing.refused if each.name not in tables]
    names = frozenset(listing.names)
    told: dict[str, Listed] = {}
    for name, table in tables.items():
        for where, picture, cells in _told(table, name):
            if picture not in names:
                refused.append(Refusal(f"{where}: {printable(picture)[:200]}", "no such picture"))
                continue
            if picture in told:
                raise ListError(
                    f"{where}: its picture is named in {told[picture].where} too. Remove one."
                )
            told[picture] = _listed(cells, where)
    return replace(listing, refused=refused, told=told)


def _table(path: Path, name: str) -> ListTable | None:
    """The list of that name; None where it is none that tells of pictures."""
    if path.is_dir():
        if folder.wrong_target(path / name, path.resolve()) is not None:
            return None
        content = folder.read_file((path / name).resolve())
    else:
        content = small_member(path, name, LARGEST) or b""
    table = open_table(content, name)
    return table if plain(_FILE_NAME) in map(plain, table.headings) else None


def _told(table: ListTable, name: str) -> Iterator[tuple[str, str, dict[Use, str]]]:
    """Yield (where it is said, path of the picture, cells) of the lines of a list."""
    within = PurePosixPath(name).parent
    chosen = {Use.IMAGE: _FILE_NAME}
    if set(table.headings) >= OF_EXPORT:  # it has the class's name and, as label, its number
        chosen[Use.CLASS] = "class"
    for line, cells in told_lines(table, chosen):
        yield f"{name} {table.unit} {line}", plain_path(str(within / cells[Use.IMAGE])), cells


def _listed(cells: dict[Use, str], where: str) -> Listed:
    split, group = cells[Use.SPLIT].lower(), cells[Use.GROUP]
    splits = {**SPLITS, str(Split.POOL): Split.POOL}
    if split and split not in splits:
        raise ListError(f'{where}: its split is "{split[:40]}". Write train, val or test.')
    if len(group) > LONGEST_GROUP:
        raise ListError(f"{where}: its group has more than {LONGEST_GROUP} letters. Shorten it.")
    return Listed(
        where=where,
        class_name=cells[Use.CLASS] or None,
        group=group or None,
        split=splits[split] if split else None,
    )
