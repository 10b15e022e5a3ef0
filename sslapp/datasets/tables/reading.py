"""Opens a list of any format: which one is told by its content, then by its ending."""

from sslapp.datasets.tables.records import json_table, parquet_table
from sslapp.datasets.tables.separated import separated_table
from sslapp.datasets.tables.table import ListError, ListTable, Source, opened
from sslapp.datasets.tables.workbook import workbook_table

LISTS = (".csv", ".tsv", ".xlsx", ".parquet", ".jsonl", ".ndjson")
"""What lists are called; a .txt, .tab, .json or .xlsm file is read as well when it is named."""

_JSON = (".jsonl", ".ndjson", ".json")
_OLD_EXCEL = bytes.fromhex("d0cf11e0a1b11ae1")


def open_table(
    source: Source, name: str, *, sheet: str | None = None, encoding: str | None = None
) -> ListTable:
    """Open a list; its rows are read as a stream.

    Args:
        source: the file, or its content.
        name: what it is called; its ending tells JSON from text.
        sheet: of a workbook; default: the first.
        encoding: of text, as Python calls it; default: the one that is found.

    Raises:
        ListError: when it is none of the formats, naming the file, the line and the mend.
    """
    with opened(source) as file:
        head = file.read(8)
    kind = name[name.rfind(".") :].lower() if "." in name else ""
    is_workbook = head.startswith(b"PK\x03\x04")
    if sheet is not None and not is_workbook:
        raise ListError(f"{name} is no Excel workbook, so it has no sheets. Name none.")
    if is_workbook:
        return workbook_table(source, name, sheet=sheet)
    if head.startswith(b"PAR1"):
        return parquet_table(source, name)
    if head == _OLD_EXCEL or kind in (".xlsx", ".xlsm", ".xls", ".ods"):
        raise ListError(f"{name}: no Excel workbook that is read here. Save it as .xlsx or CSV.")
    if kind == ".parquet":
        raise ListError(f"{name}: not a Parquet file. Save the table again.")
    if kind in _JSON:
        return json_table(source, name, encoding=encoding)
    return separated_table(source, name, encoding=encoding)
