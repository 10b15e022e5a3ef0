"""Lists of typed records: Parquet, JSON lines and JSON arrays of objects."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sslapp.datasets.tables.separated import ENCODINGS, find_encoding, text_of
from sslapp.datasets.tables.table import (
    MOST_COLUMNS,
    Line,
    ListError,
    ListTable,
    Source,
    opened,
    table_of,
)
from sslapp.datasets.tables.values import as_text

if TYPE_CHECKING:
    import pyarrow as pa

AT_ONCE = 4096
LARGEST_ARRAY = 2**28
"""Bytes of a JSON array, which is parsed as a whole."""


def parquet_table(source: Source, name: str) -> ListTable:
    """Read the columns of a Parquet file that hold text, numbers, times or lists of these.

    Raises:
        ListError: when it is no Parquet file.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with opened(source) as file:
            schema = parquet.ParquetFile(file).schema_arrow
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _broken(name, error) from error
    taken = [each.name for each in schema if _is_text(each.type)]
    left_out = tuple(each.name for each in schema if not _is_text(each.type))

    def records() -> Iterator[Line]:
        yield 0, taken
        number = 0
        try:
            with opened(source) as file:
                for batch in parquet.ParquetFile(file).iter_batches(AT_ONCE, columns=taken):
                    for row in zip(*map(_column, batch.columns), strict=True):
                        number += 1
                        yield number, [*row]
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _broken(name, error) from error

    return table_of(name, "Parquet", records, unit="row", left_out=left_out)


def _broken(name: str, error: Exception) -> ListError:
    return ListError(f"{name}: not a readable Parquet file ({error}). Save the table again.")


def _is_text(kind: "pa.DataType") -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_list(kind) or types.is_large_list(kind):
        kind = kind.value_type
    nested = types.is_nested(kind)
    return not nested and not types.is_binary(kind) and not types.is_large_binary(kind)


def _column(values: "pa.Array") -> list[str]:
    from pyarrow import types

    if types.is_float32(values.type):
        return [as_text(None if each is None else np.float32(each)) for each in values.to_pylist()]
    return [as_text(each) for each in values.to_pylist()]


def json_table(source: Source, name: str, *, encoding: str | None = None) -> ListTable:
    """Read objects: one a line, or an array of them. Every key is a column.

    Raises:
        ListError: when a line is no object, or an array is too large.
    """
    code = encoding or find_encoding(source, name)
    with text_of(source, code) as file:
        is_array = file.read(4096).lstrip().startswith("[")
    read = _array if is_array else _lines
    # a dict keeps the order in which keys were met
    names: dict[str, None] = {}
    for number, row in read(source, name, code):
        names.update(dict.fromkeys(row))
        if len(names) > MOST_COLUMNS:
            raise ListError(f"{name}: more than {MOST_COLUMNS:,} keys by {number}. Keep fewer.")
    headings = [*names]

    def records() -> Iterator[Line]:
        yield 0, headings
        for number, row in read(source, name, code):
            yield number, [as_text(row.get(each)) for each in headings]

    unit = "row" if is_array else "line"
    return table_of(name, "JSON", records, unit=unit, encoding=ENCODINGS.get(code, code))


def _lines(source: Source, name: str, code: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    number = 0
    with text_of(source, code) as file:
        try:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, _object(json.loads(line), f"{name} line {number}")
        except UnicodeError as error:
            raise ListError(f"{name} line {number + 1}: not text. Save it as UTF-8.") from error
        except (json.JSONDecodeError, RecursionError) as error:
            raise ListError(
                f"{name} line {number}: not valid JSON ({error}). Write one object a line."
            ) from error


def _array(source: Source, name: str, code: str) -> Iterable[tuple[int, Mapping[str, Any]]]:
    with opened(source) as file:
        content = file.read(LARGEST_ARRAY + 1)
    if len(content) > LARGEST_ARRAY:
        raise ListError(
            f"{name}: an array of more than {LARGEST_ARRAY:,} bytes. Write one object a line "
            "(.jsonl)."
        )
    try:
        rows = json.loads(content.decode(code))
    except (ValueError, RecursionError) as error:
        raise ListError(f"{name}: not valid JSON ({error}). Correct it.") from error
    if not isinstance(rows, list):
        raise ListError(f"{name}: no array of objects. Write one object a line (.jsonl).")
    for number, row in enumerate(rows, start=1):
        yield number, _object(row, f"{name} row {number}")


def _object(found: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise ListError(f'{where}: no object. Write {{"image": ..., "class": ...}}.')
    return found
