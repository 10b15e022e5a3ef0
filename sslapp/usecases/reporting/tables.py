"""The report's tables."""

import re
from collections.abc import Iterable, Mapping, Sequence

from sslapp.store.images import ImageSetRow
from sslapp.store.label_classes import ClassRow
from sslapp.usecases.auditing.certificate import Certificate
from sslapp.usecases.exporting.table import ALL_SOURCES
from sslapp.usecases.reporting.decisions import Activity, RoundVerdicts, Verdicts
from sslapp.usecases.reporting.markup import Markup, element
from sslapp.usecases.reporting.report import Report
from sslapp.usecases.training.history import RoundLine
from sslapp.vocabulary import JobState
from sslapp.words import at_least, duration, proportion

NUMBER, WIDE, WORD = "number", "wide", None
"""How a column is set: numbers to the right, intervals on one line, anything else as it comes."""

_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")


def classes(found: Report) -> Markup:
    """Labels per class and source, retired classes last."""
    heads = [("Class", WORD), ("Key", WORD), ("Expert", NUMBER), ("Adjudicated", NUMBER)]
    heads += [("Accepted", NUMBER), ("All", NUMBER)]
    rows: list[list[object]] = []
    for each in sorted(found.classes, key=lambda one: (one.retired, one.number)):
        if each.retired:
            gone = element("span", f"{each.name} (retired)", class_="retired")
            rows.append([gone, "", "–", "–", "–", "–"])
            continue
        by_source = found.per_class[each.id]
        own = [int(by_source[source]) for source in ALL_SOURCES]
        rows.append([_named(each), each.key, *map(number, own), number(sum(own))])
    counts = found.counts
    own = [counts["expert"], counts["adjudicated"], counts["accepted"]]
    rows.append([element("strong", "All"), "", *map(number, own), number(sum(own))])
    return _table(heads, rows)


def proofs(found: Certificate) -> Markup:
    """What is proven of the labels of each class."""
    heads = [("Class", WORD), ("Labels", NUMBER), ("Given blind", NUMBER)]
    heads += [("Wrong at most", NUMBER), ("Right at least", NUMBER)]
    rows = [
        [
            each.name,
            *map(number, (each.labels, each.blind, each.wrong)),
            at_least(each.precision),
        ]
        for each in found.classes
    ]
    return _table(heads, rows)


def rounds(found: Report) -> Markup:
    """What was trained on what, and how good it is."""
    if not found.rounds:
        return element("p", "No round yet.", class_="quiet")
    heads = [("Round", NUMBER), ("State", WORD), ("Method", WORD), ("Seed", NUMBER)]
    heads += [("Labels", NUMBER), ("Holdout accuracy (95 % interval)", WIDE)]
    heads += [("ECE, raw → calibrated", WORD), ("Snapshot", WORD), ("Duration", NUMBER)]
    rows = [
        [
            each.number,
            each.state.value,
            f"{each.method} ({each.gear})",
            each.seed,
            number(each.labelled),
            _accuracy(each),
            _error(each),
            element("code", each.snapshot[:12]),
            duration(each.seconds),
        ]
        for each in found.rounds
    ]
    return _table(heads, rows)


def deeds(seen: Activity) -> Markup:
    """How often readers did what, and how long one took."""
    heads = [("Action", WORD), ("Events", NUMBER), ("Median time", NUMBER), ("Timed", NUMBER)]
    rows = []
    for name, values in seen.counts.items():
        seconds, timed = seen.seconds.get(name, (None, 0))
        rows.append([name, number(sum(values)), duration(seconds), number(timed)])
    return _table(heads, rows)


def verdicts(found: Report) -> list[Markup]:
    """Acceptance per class and round."""
    seen = [each for each in found.verdicts if each.by_class]
    if not seen:
        said = "Nobody has accepted, relabelled or rejected a pseudo-label yet."
        return [element("p", said, class_="quiet")]
    names = {each.id: each for each in found.classes}
    parts = [part for each in seen for part in _verdicts_on(each, names)]
    note = (
        "Accepted of judged counts images that were judged one by one. Readers chose which to "
        "look at, so it says how review went, not how precise the pseudo-labels are. Undone "
        "decisions are left out."
    )
    return [*parts, element("p", note, class_="quiet")]


def _verdicts_on(seen: RoundVerdicts, names: Mapping[int, ClassRow]) -> list[Markup]:
    heads = [("Proposed class", WORD), ("Accepted", NUMBER), ("Relabelled", NUMBER)]
    heads += [("Rejected", NUMBER), ("Accepted of judged (95 % interval)", WIDE)]
    heads += [("Bulk accepted", NUMBER), ("Bulk relabelled", NUMBER), ("Withheld", NUMBER)]
    ordered = sorted(seen.by_class.items(), key=lambda pair: names[pair[0]].number)
    rows = [[_named(names[class_id]), *_cells(line)] for class_id, line in ordered]
    if len(rows) > 1:
        rows.append([element("strong", "All"), *_cells(_sum(seen.by_class.values()))])
    return [element("h3", f"Round {seen.number}"), _table(heads, rows)]


def _cells(line: Verdicts) -> list[object]:
    share = proportion(line.accepted / line.judged, line.judged) if line.judged else "–"
    return [
        *map(number, (line.accepted, line.relabelled, line.rejected)),
        share,
        *map(number, (line.accepted_in_bulk, line.relabelled_in_bulk, line.withheld)),
    ]


def _sum(lines: Iterable[Verdicts]) -> Verdicts:
    total = Verdicts()
    for line in lines:
        for name in vars(total):
            setattr(total, name, getattr(total, name) + getattr(line, name))
    return total


def imports(sets: Sequence[ImageSetRow]) -> Markup:
    """What was imported when."""
    heads = [("Import", WORD), ("Images", NUMBER), ("Positions", NUMBER), ("Refused", NUMBER)]
    heads += [("When (UTC)", WORD)]
    rows = [
        [
            each.name,
            number(each.count),
            f"{each.first:,} to {each.first + each.count - 1:,}",
            number(len(each.refused)),
            f"{each.created_at:%d %b %Y, %H:%M}",
        ]
        for each in sets
    ]
    return _table(heads, rows)


def refused(entries: Sequence[Mapping[str, str]]) -> Markup:
    """Files that an import did not take, and why."""
    rows = [[each["name"], each["reason"]] for each in entries]
    return _table([("File", WORD), ("Reason", WORD)], rows)


def number(value: int | str) -> str:
    """ "1,797"."""
    return f"{value:,}" if isinstance(value, int) else value


def _named(each: ClassRow) -> list[Markup | str]:
    colour = each.colour if _COLOUR.fullmatch(each.colour) else "#808080"
    return [element("span", class_="swatch", style=f"background:{colour}"), each.name]


def _accuracy(line: RoundLine) -> str:
    if line.accuracy is None or not line.holdout:
        return "no holdout yet" if line.state == JobState.DONE else "–"
    return proportion(line.accuracy, line.holdout)


def _error(line: RoundLine) -> str:
    if line.ece_before is None or line.ece_after is None:
        return "–"
    if not line.calibrated:
        return f"{line.ece_before:.3f}, uncalibrated"
    return f"{line.ece_before:.3f} → {line.ece_after:.3f}"


def _table(heads: Sequence[tuple[str, str | None]], rows: Iterable[Sequence[object]]) -> Markup:
    head = element("tr", [element("th", name, class_=kind, scope="col") for name, kind in heads])
    body = [
        element(
            "tr",
            [
                element("td", cell, class_=kind) if i else element("th", cell, scope="row")
                for i, (cell, (_, kind)) in enumerate(zip(row, heads, strict=True))
            ],
        )
        for row in rows
    ]
    table = element("table", element("thead", head), element("tbody", body))
    return element("div", table, class_="scroll")
