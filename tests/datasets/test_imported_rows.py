"""Packed rows of an import are those that were put in."""

from dataclasses import replace

from sslapp.datasets.imported_rows import ImportedRows, Row
from sslapp.vocabulary import Split

FIRST = Row(
    name="a/1.png",
    sha256="1" * 64,
    original="2" * 64,
    width=640,
    height=480,
    colour=True,
    split=Split.POOL,
    group="patient 1",
    true_class=0,
)


def packed(*given: Row) -> ImportedRows:
    rows = ImportedRows(len(given) + 2)
    for each in given:
        rows.append(each)
    return rows


def test_rows_come_back_as_they_were() -> None:
    given = [
        FIRST,
        replace(FIRST, name="b", colour=False, split=Split.TEST, group="patient 2"),
        replace(FIRST, name="c", original=None, group=None, true_class=None),
        replace(FIRST, name="d", width=1, height=60_000, true_class=7),
    ]
    rows = packed(*given)
    assert list(rows) == given
    assert rows[1:3] == given[1:3]
    assert [rows.has_original(place) for place in range(4)] == [True, True, False, True]
    rows.keep(2, "3" * 64)
    assert rows[2] == replace(given[2], original="3" * 64)


def test_rows_are_alike_that_have_all_of_their_hash_in_common() -> None:
    hashes = ["a" * 64, "b" * 64, "a" * 16 + "c" * 48, "b" * 64, "a" * 64, "d" * 64]
    rows = packed(*(replace(FIRST, sha256=each) for each in hashes))
    assert rows.first_alike().tolist() == [0, 1, 2, 1, 0, 5]
    assert packed().first_alike().tolist() == []
