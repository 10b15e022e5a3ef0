"""Lists in Excel workbooks: reads the values of one sheet, with limits to what it may unpack to;
writes a table that a double click opens right.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sslapp.datasets.tables.table import Line, ListError, ListTable, Source, opened, table_of
from sslapp.datasets.tables.values import as_text

MOST_CELLS = 50_000_000
LARGEST_UNPACKED = 2**30
"""Bytes that the sheets may have unpacked; they are read as a stream."""

LARGEST_STRINGS = 2**27
"""Bytes that the texts, which all sheets share and which are kept in memory, may have unpacked."""

MOST_ROWS = 2**20 - 1
"""Rows below the headings that a sheet can have."""

_FIXED = datetime(1980, 1, 1)
_MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")


def workbook_table(source: Source, name: str, *, sheet: str | None = None) -> ListTable:
    """Read a sheet of a workbook: the first, or the named one; of formulas, what they came to.

    Raises:
        ListError: when it is no workbook, has no such sheet or is too large.
    """
    _check_size(source, name)
    with _Workbook(source, name) as book:
        names = [each.title for each in book.worksheets]
    if sheet is not None and sheet not in names:
        raise ListError(f'{name} has no sheet "{sheet}". Its sheets: {", ".join(names)[:300]}.')
    if not names:
        raise ListError(f"{name} has no sheet with cells.")
    chosen = sheet or names[0]

    def records() -> Iterator[Line]:
        cells = 0
        with _Workbook(source, name) as book:
            found = book[chosen]
            found.reset_dimensions()  # what the file says of its size may be wrong
            for number, row in enumerate(found.iter_rows(), start=1):
                cells += len(row)
                if cells > MOST_CELLS:
                    raise ListError(f"{name}: more than {MOST_CELLS:,} cells. Split the sheet.")
                yield number, [_text(each) for each in row]

    said = chosen if len(names) > 1 or sheet else ""
    return table_of(name, "Excel", records, unit="row", sheet=said, sheets=tuple(names))


class _Workbook:
    """Opens a workbook and says of whatever goes wrong in it that it is broken."""

    def __init__(self, source: Source, name: str) -> None:
        self._file = opened(source)
        self._name = name

    def __enter__(self) -> Any:
        import openpyxl  # slow

        try:
            self._book = openpyxl.load_workbook(
                self._file, read_only=True, data_only=True, keep_links=False
            )
        except Exception as error:
            self._file.close()
            raise self._broken(error) from error
        return self._book

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._book.close()
        self._file.close()
        if isinstance(error, Exception) and not isinstance(error, ListError):
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> ListError:
        return ListError(
            f"{self._name}: not a readable Excel workbook ({error}). Save it again as .xlsx or CSV."
        )


def _check_size(source: Source, name: str) -> None:
    try:
        with opened(source) as file, zipfile.ZipFile(file) as packed:
            sizes = {each.filename: each.file_size for each in packed.infolist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ListError(
            f"{name}: not a readable Excel workbook ({error}). Save it again as .xlsx or CSV."
        ) from error
    strings = sum(size for part, size in sizes.items() if "sharedstrings" in part.lower())
    if sum(sizes.values()) > LARGEST_UNPACKED or strings > LARGEST_STRINGS:
        raise ListError(f"{name}: too large for a workbook. Save the sheet as CSV.")
    if not any(part.startswith("xl/") for part in sizes):
        raise ListError(f"{name}: a zip file, but no Excel workbook. Save it as .xlsx or CSV.")


def _text(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    # a number that is shown as 00042 is read as that
    if isinstance(value, int) and not isinstance(value, bool):
        shown = cell.number_format or ""
        return str(value).zfill(len(shown)) if re.fullmatch(r"0{2,40}", shown) else str(value)
    return as_text(value)


def workbook_of(name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A workbook of one sheet; the same cells give the same bytes.

    Text is text, whatever it begins with, so that none of it is run as a formula; characters that
    a workbook cannot hold become the replacement character.

    Args:
        name: of the sheet.
        headings: of the columns.
        rows: numbers, truth values, text, or None; anything else as the text that it is read as.

    Raises:
        ValueError: when there are more rows than a sheet can have.
    """
    import openpyxl  # slow

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(name)
    sheet.append([_written(sheet, each) for each in headings])
    for number, row in enumerate(rows):
        if number == MOST_ROWS:
            raise ValueError(f"A workbook holds {MOST_ROWS:,} rows. Write CSV or Parquet.")
        sheet.append([_written(sheet, each) for each in row])
    book.properties.created = _FIXED
    file = io.BytesIO()
    book.save(file)
    return _undated(file)


def _written(sheet: Any, value: Any) -> Any:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if value is None or isinstance(value, bool | int | float):
        return value
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("\ufffd", as_text(value)))
    cell.data_type = "s"  # also what begins like a formula
    return cell


def _undated(file: io.BytesIO) -> bytes:
    """The same workbook without the time at which it was written."""
    packed = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for each in old.namelist():
            entry = zipfile.ZipInfo(each, date_time=_FIXED.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            fixed = rb"\g<1>" + f"{_FIXED:%Y-%m-%dT%H:%M:%SZ}".encode()
            new.writestr(entry, _MODIFIED.sub(fixed, old.read(each)))
    return packed.getvalue()
