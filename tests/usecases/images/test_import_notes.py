"""What an import tells of the files that it refused."""

import csv
import io

from sslapp.usecases.images.incoming.notes import by_reason, refusals_csv


def test_refusals_are_put_together_by_reason_and_safe_in_a_spreadsheet() -> None:
    refused = [
        {"name": "a.txt", "reason": "no picture"},
        {"name": "=HYPERLINK(1)", "reason": "damaged"},
        {"name": "b.txt", "reason": "damaged"},
    ]
    assert by_reason(refused) == [
        ("damaged", ["=HYPERLINK(1)", "b.txt"]),
        ("no picture", ["a.txt"]),
    ]
    rows = list(csv.reader(io.StringIO(refusals_csv(refused).decode())))
    assert rows[0] == ["name", "reason"]
    assert rows[2] == ["'=HYPERLINK(1)", "damaged"]
