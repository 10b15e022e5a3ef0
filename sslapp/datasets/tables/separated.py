"""Lists as text with separators: which encoding and which separator, found in the file."""

import codecs
import csv
import io
import re
from collections.abc import Iterator

from sslapp.datasets.tables.table import Line, ListError, ListTable, Source, opened, table_of

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with a byte order mark",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "Windows-1252",
    "cp1250": "Windows-1250",
    "cp1251": "Windows-1251",
    "mac_roman": "Mac Roman",
    "gbk": "GBK",
    "big5": "Big5",
    "shift_jis": "Shift JIS",
    "euc_kr": "EUC-KR",
}
"""What Python calls an encoding -> what people call it; first those that are found, in order."""

_SEPARATORS = (",", ";", "\t")
_SAMPLE = 2**16  # characters by which the separator is found
_ROWS = 20
_CHUNK = 2**20


def separated_table(source: Source, name: str, *, encoding: str | None = None) -> ListTable:
    """Read a list whose cells are separated by commas, semicolons or tabs.

    An upright line separates nothing where another one does, because cells hold findings as A|B. A
    first line `sep=;`, which spreadsheets write and read, is understood.

    Args:
        encoding: as Python calls it; found where it is not given.

    Raises:
        ListError: when the text is in no known encoding, or its quotes do not close.
    """
    code = encoding or find_encoding(source, name)
    start, separator = _separator(source, name, code)

    def records() -> Iterator[Line]:
        with text_of(source, code) as file:
            for _ in range(start):
                file.readline()
            reader = csv.reader(file, delimiter=separator, strict=True)
            line = start + 1
            try:
                # a quoted cell may span lines: a row starts behind the line the last one ended on
                for cells in reader:
                    yield line, cells
                    line = start + reader.line_num + 1
            except csv.Error as error:
                raise ListError(
                    f"{name} line {line}: not valid CSV ({error}). Correct the line."
                ) from error
            except UnicodeError as error:
                raise _not_text(name, line, code) from error

    shown = ENCODINGS.get(code, code)
    return table_of(name, "CSV", records, encoding=shown, separator=separator)


def text_of(source: Source, encoding: str) -> io.TextIOWrapper:
    """The text of a list; line ends stay as they are.

    Raises:
        ListError: when there is no such encoding.
    """
    try:
        return io.TextIOWrapper(opened(source), encoding=encoding, newline="")
    except LookupError:
        raise ListError(
            f'There is no encoding "{encoding}". Name one as Python does: utf-8, cp1252, gbk ...'
        ) from None


def find_encoding(source: Source, name: str) -> str:
    """The encoding of a text: by its byte order mark, by its zeros, as UTF-8, as Windows-1252.

    Text that is UTF-8 up to a damaged place is not taken for Windows-1252.

    Raises:
        ListError: when it is none of these, with the line.
    """
    with opened(source) as file:
        head = file.read(4096)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if (code := _by_zeros(head)) is not None:
        return code
    wrong = _first_wrong(source, "utf-8")
    if wrong is None:
        return "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
    line, had_letters = wrong
    if not had_letters and _first_wrong(source, "cp1252") is None:
        return "cp1252"
    raise _not_text(name, line, "utf-8")


def _not_text(name: str, line: int, code: str) -> ListError:
    said = ENCODINGS.get(code, code).split(" with ")[0]
    return ListError(f"{name} line {line}: not {said} text. Save it as UTF-8.")


def _by_zeros(head: bytes) -> str | None:
    """UTF-16 without a mark: of Latin text every second byte is zero."""
    pairs = len(head) // 2
    if pairs < 4:
        return None
    even, odd = head[: 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if odd > 0.6 * pairs and even < 0.1 * pairs:
        return "utf-16-le"
    return "utf-16-be" if even > 0.6 * pairs and odd < 0.1 * pairs else None


def _first_wrong(source: Source, encoding: str) -> tuple[int, bool] | None:
    """The line of the first byte that is not of an encoding, and whether any letter beyond ASCII
    came before it; None where all is."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line, letters = 1, False
    with opened(source) as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                before = error.object[: error.start]
                letters = letters or not before.removeprefix(codecs.BOM_UTF8).isascii()
                return line + before.count(b"\n"), letters
            if not chunk:
                return None
            line += text.count("\n")
            letters = letters or not text.removeprefix("\ufeff").isascii()


def _separator(source: Source, name: str, code: str) -> tuple[int, str]:
    """How many lines say how the file is written, and the separator of its cells."""
    with text_of(source, code) as file:
        try:
            text = file.read(_SAMPLE)
        except UnicodeError as error:
            raise _not_text(name, 1, code) from error
    said = re.match(r'"?sep=([^\r\n"])"?\r?\n', text)
    if said:
        return 1, said[1]
    if len(text) == _SAMPLE:
        text = text[: text.rfind("\n") + 1] or text
    shapes = {each: _widths(text, each) for each in (*_SEPARATORS, "|")}
    fitting = [each for each in _SEPARATORS if shapes[each] and shapes[each][0] > 1]
    if not fitting:
        return 0, "|" if shapes["|"] and shapes["|"][0] > 1 else ","
    return 0, max(fitting, key=lambda each: (_alike(shapes[each]), shapes[each][0]))


def _widths(text: str, separator: str) -> list[int]:
    """How many cells the first rows have."""
    found: list[int] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            if cells:
                found.append(len(cells))
            if len(found) == _ROWS:
                break
    except csv.Error:
        pass  # the reading of the whole names the line
    return found


def _alike(widths: list[int]) -> float:
    """The share of rows that have a cell a heading."""
    return sum(each == widths[0] for each in widths) / len(widths)
