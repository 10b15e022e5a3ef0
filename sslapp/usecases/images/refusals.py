"""What imports refused, put together so that a reader sees the reasons and not a thousand lines."""

import csv
import io
from collections.abc import Mapping, Sequence

from sslapp.datasets.cells import escape_cell

Refused = Sequence[Mapping[str, str]]
"""Entries {"name": ..., "reason": ...}, as an image set keeps them."""


def by_reason(refused: Refused) -> list[tuple[str, list[str]]]:
    """(reason, names) pairs, the most frequent reason first."""
    found: dict[str, list[str]] = {}
    for each in refused:
        found.setdefault(each["reason"], []).append(each["name"])
    return sorted(found.items(), key=lambda pair: -len(pair[1]))


def refusals_csv(refused: Refused) -> bytes:
    """A table of name and reason that no spreadsheet runs as formulas."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["name", "reason"])
    for each in refused:
        writer.writerow([escape_cell(each["name"]), escape_cell(each["reason"])])
    return text.getvalue().encode()
