"""Lists of every format and encoding: the same list reads the same, and what is wrong is named."""

import csv
import datetime
import io
import json
import zipfile

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslapp.datasets.tables import table as table_module
from sslapp.datasets.tables import workbook
from sslapp.datasets.tables.reading import open_table
from sslapp.datasets.tables.table import ListError

HEADINGS = ["image", "class", "note"]


def as_text(rows, *, separator=",", encoding="utf-8", end="\r\n", headings=HEADINGS) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, lineterminator=end)
    writer.writerow(headings)
    writer.writerows(rows)
    return file.getvalue().encode(encoding)


def as_workbook(rows, headings=HEADINGS, title="Sheet") -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(title)
    for row in (headings, *rows):
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def as_parquet(rows, headings=HEADINGS) -> bytes:
    file = io.BytesIO()
    pd.DataFrame(rows, columns=headings).to_parquet(file)
    return file.getvalue()


def as_json_lines(rows, headings=HEADINGS) -> bytes:
    lines = (json.dumps(dict(zip(headings, row, strict=True))) for row in rows)
    return "\n".join(lines).encode()


def as_array(rows, headings=HEADINGS) -> bytes:
    return json.dumps([dict(zip(headings, row, strict=True)) for row in rows]).encode()


def cells_of(content: bytes, name="labels.csv", **how) -> list[list[str]]:
    table = open_table(content, name, **how)
    return [table.headings, *(cells for _, cells in table.lines())]


# of Latin letters, so that Windows-1252 holds them; a leading = would be a formula of a workbook
CELL = st.text(st.sampled_from("abcXYZ019 äöüéßÆ-_.,;|'\"/\\()"), min_size=1, max_size=9).filter(
    lambda text: text.strip()
)
ROWS = st.lists(st.tuples(CELL, CELL, CELL).map(list), min_size=1, max_size=5)


@given(
    ROWS,
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_a_list_reads_the_same_in_every_encoding_and_with_every_separator(
    rows, separator, encoding, end
):
    content = as_text(rows, separator=separator, encoding=encoding, end=end)
    assert cells_of(content) == [HEADINGS, *rows]


@given(ROWS)
@settings(max_examples=10, deadline=None)  # a workbook takes a tenth of a second
def test_a_list_reads_the_same_in_every_format(rows):
    expected = [HEADINGS, *rows]
    assert cells_of(as_workbook(rows), "a.xlsx") == expected
    assert cells_of(as_parquet(rows), "a.parquet") == expected
    assert cells_of(as_json_lines(rows), "a.jsonl") == expected
    assert cells_of(as_array(rows), "a.json") == expected


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8 with a byte order mark"),
        ("utf-16", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("cp1252", "Windows-1252"),
    ],
)
def test_it_is_said_how_a_text_was_read(encoding, said):
    rows = [["größe.png", "groß", ""]]
    found = open_table(as_text(rows, separator=";", encoding=encoding), "a.csv")
    assert found.words() == f"CSV, {said}, separated by semicolons"
    assert [*found.lines()] == [(2, rows[0])]


def test_an_encoding_can_be_named():
    content = as_text([["猫/照片.png", "猫", ""]], encoding="gbk")
    assert cells_of(content, encoding="gbk")[1] == ["猫/照片.png", "猫", ""]
    assert open_table(content, "a.csv", encoding="gbk").words().startswith("CSV, GBK, ")
    with pytest.raises(ListError, match='no encoding "klingon"'):
        open_table(content, "a.csv", encoding="klingon")


def test_damaged_utf8_is_not_taken_for_another_encoding():
    content = "image,class\nä.png,Öl\nb.png,".encode() + b"\xd6l\n"
    with pytest.raises(ListError, match=r"a.csv line 3: not UTF-8 text. Save it as UTF-8"):
        open_table(content, "a.csv")


def test_findings_in_a_cell_are_no_separators_but_upright_lines_alone_are():
    text = b"Image Index,Finding Labels\na.png,A|B|C\nb.png,A\n"
    assert cells_of(text)[1] == ["a.png", "A|B|C"]
    assert cells_of(b"image|class\na.png|A\n")[1] == ["a.png", "A"]


def test_commas_in_cells_of_a_list_with_semicolons_separate_nothing():
    text = b"image;class, in words;sure\na.png;cat, small;0,95\nb.png;dog;0,8\n"
    assert cells_of(text)[1] == ["a.png", "cat, small", "0,95"]


def test_the_line_by_which_spreadsheets_say_the_separator_is_understood():
    found = open_table(b"sep=;\r\nimage;class\r\na,b.png;cat\r\n", "a.csv")
    assert (found.headings, found.heading_line) == (["image", "class"], 2)
    assert [*found.lines()] == [(3, ["a,b.png", "cat"])]


def test_typed_cells_are_what_a_person_reads():
    day, moment = datetime.datetime(2026, 11, 30), datetime.datetime(2026, 11, 30, 8, 30)
    row = [1.0, 0.1 + 0.2, True, None, day, moment, 12345678901, "007"]
    read = ["1", "0.3", "true", "", "2026-11-30", "2026-11-30 08:30:00", "12345678901", "007"]
    headings = [*"abcdefgh"]
    assert cells_of(as_workbook([row], headings), "a.xlsx")[1] == read
    assert cells_of(as_parquet([row], headings), "a.parquet")[1] == read
    frame = pd.DataFrame({"x": pd.array([0.1, 5], dtype="float32"), "n": [float("nan"), 2]})
    file = io.BytesIO()
    frame.to_parquet(file)
    assert cells_of(file.getvalue(), "a.parquet")[1:] == [["0.1", ""], ["5", "2"]]
    lines = b'{"image": 7, "labels": ["A", "B"]}\n\n{"image": 8.0, "sure": null}\n'
    assert cells_of(lines, "a.jsonl") == [
        ["image", "labels", "sure"],
        ["7", "A|B", ""],
        ["8", "", ""],
    ]


def test_numbers_that_a_workbook_shows_with_leading_zeros_keep_them():
    book = openpyxl.Workbook()
    book.active.append(["image", "class"])
    book.active.append([42, "cat"])
    book.active["A2"].number_format = "00000"
    file = io.BytesIO()
    book.save(file)
    assert cells_of(file.getvalue(), "a.xlsx")[1] == ["00042", "cat"]


def test_a_sheet_is_named_and_blank_rows_in_front_do_not_matter():
    book = openpyxl.Workbook()
    book.active.title = "about"
    book.active["A1"] = "notes"
    other = book.create_sheet("labels")
    other["B3"], other["C3"], other["B5"], other["C5"] = "image", "class", "a.png", "cat"
    file = io.BytesIO()
    book.save(file)
    found = open_table(file.getvalue(), "a.xlsx", sheet="labels")
    assert (found.headings, found.heading_line, found.unit) == (["", "image", "class"], 3, "row")
    assert [*found.lines()] == [(5, ["", "a.png", "cat"])]
    assert open_table(file.getvalue(), "a.xlsx").words() == "Excel, sheet about"
    with pytest.raises(ListError, match=r'a.xlsx has no sheet "x". Its sheets: about, labels'):
        open_table(file.getvalue(), "a.xlsx", sheet="x")


def test_formulas_are_read_as_what_they_came_to():
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(as_workbook([["=A1", "cat", "x"]]))) as old,
        zipfile.ZipFile(file, "w") as new,
    ):
        for each in old.namelist():
            content = old.read(each)
            # what a spreadsheet writes beside the formula, and openpyxl does not
            new.writestr(
                each, content.replace(b"<v></v>", b"<v>7</v>").replace(b"<v />", b"<v>7</v>")
            )
    assert cells_of(file.getvalue(), "a.xlsx")[1] == ["7", "cat", "x"]


def test_a_workbook_is_one_whatever_it_is_called():
    assert cells_of(as_workbook([["a.png", "cat", ""]]), "a.csv")[1][:2] == ["a.png", "cat"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xlsx", b"PK\x03\x04rubbish", "not a readable Excel workbook"),
        ("a.xls", bytes.fromhex("d0cf11e0a1b11ae1"), "Save it as .xlsx or CSV"),
        ("a.xlsx", b"image,class\n", "Save it as .xlsx or CSV"),
        ("a.parquet", b"PAR1 rubbish", "not a readable Parquet file"),
        ("a.parquet", b"image,class\n", "not a Parquet file"),
        ("a.jsonl", b'{"image": 1}\n[2]\n', "a.jsonl line 2: no object"),
        ("a.jsonl", b'{"image": 1}\n{"image"\n', "a.jsonl line 2: not valid JSON"),
        ("a.json", b"[1, 2]", "a.json row 1: no object"),
        ("a.json", b"[" * 100_000, "a.json: not valid JSON"),
        ("a.csv", b'image,class\n"a', "a.csv line 2: not valid CSV"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_mend(name, content, words):
    with pytest.raises(ListError, match=words):
        [*open_table(content, name).lines()]


def test_a_workbook_that_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(workbook, "LARGEST_UNPACKED", 100)
    with pytest.raises(ListError, match=r"too large for a workbook. Save the sheet as CSV"):
        open_table(as_workbook([]), "a.xlsx")
    monkeypatch.undo()
    monkeypatch.setattr(workbook, "MOST_CELLS", 10)
    with pytest.raises(ListError, match="more than 10 cells"):
        cells_of(as_workbook([["a", "b", "c"]] * 3), "a.xlsx")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("a.txt", "a")
    with pytest.raises(ListError, match="a zip file, but no Excel workbook"):
        open_table(file.getvalue(), "a.xlsx")


def test_a_list_has_an_end(monkeypatch):
    monkeypatch.setattr(table_module, "MOST_LINES", 3)
    content = as_text([["a", "b", "c"]] * 4)
    with pytest.raises(ListError, match=r"more than 3 lines. Split it"):
        cells_of(content)


@given(
    st.binary(max_size=60), st.sampled_from(["a.csv", "a.xlsx", "a.parquet", "a.jsonl", "a.json"])
)
def test_any_content_is_read_or_refused(content, name):
    magic = {"a.xlsx": b"PK\x03\x04", "a.parquet": b"PAR1"}.get(name, b"")
    try:
        cells_of(magic + content, name)
    except ListError as error:
        assert str(error).startswith(name)
