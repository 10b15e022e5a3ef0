"""The rules of replay a second time: slow, declarative, and without any of the program's code.

Where the program folds events into a state, this asks of every image "which events, of all of
them, say this?".
"""

from collections.abc import Sequence
from dataclasses import dataclass

SETTLES = {"audit_label", "audit_unsure", "audit_none"}
NONE = {"audit_none", "none"}
EXPERT = {"label", "relabel", "adjudicate", "audit_label", "import_expert", "import_adjudicated"}
ACCEPT = {"accept", "bulk_accept", "bulk_relabel", "bulk_label", "import_accepted"}
REJECT = {"reject", "import_none"}
SOURCE = {
    **{"label": 1, "relabel": 1, "adjudicate": 2, "unsure": 0},
    **{"audit_label": 1, "audit_unsure": 0},
    **{"accept": 3, "bulk_accept": 3, "bulk_relabel": 3, "bulk_label": 3},
    **{"import_expert": 1, "import_adjudicated": 2, "import_accepted": 3},
}


@dataclass(frozen=True)
class Said:
    """One event; `about` maps each image it is about to a class id (or None, or several)."""

    number: int
    kind: str
    reader: int | None
    about: dict[int, int | tuple[int, ...] | None]
    round_id: int | None = None
    target: int | None = None


def counts(log: Sequence[Said], number: int) -> bool:
    """Whether no later counting undo names the event."""
    return not any(
        each.kind == "undo" and each.target == number and counts(log, each.number) for each in log
    )


def derived(log: Sequence[Said], positions: range) -> dict[str, set[tuple[int | None, ...]]]:
    """Every derived table as a set of rows."""
    standing = [each for each in log if counts(log, each.number)]
    tables: dict[str, set[tuple[int | None, ...]]] = {
        "undone": {(each.number,) for each in log if each not in standing},
        "reader_label": set(),
        "current_label": set(),
        "forbidden_class": set(),
        "withheld": set(),
        "holdout": set(),
    }
    for position in positions:
        _image(tables, position, [each for each in standing if position in each.about])
    return tables


def _image(tables: dict[str, set[tuple[int | None, ...]]], position: int, said: list[Said]) -> None:
    def forbidden(class_id: int | None, before: float) -> int | None:
        """Number of the rejection of the class that holds just before an event, if any."""
        earlier = [
            each for each in said if each.number < before and each.about[position] == class_id
        ]
        lifted = max((each.number for each in earlier if each.kind in EXPERT), default=0)
        rejections = [each.number for each in earlier if each.kind in REJECT]
        rejections += [
            each.number
            for each in said
            if each.kind in NONE and class_id in each.about[position]
            if each.number < before
        ]
        return max((number for number in rejections if number > lifted), default=None)

    settled = max((each.number for each in said if each.kind in SETTLES), default=0)
    rows = []
    for reader in {each.reader for each in said}:
        decisions = [
            each
            for each in said
            if each.reader == reader
            and each.number >= settled
            and each.kind in SOURCE
            and not (each.kind in ACCEPT and forbidden(each.about[position], each.number))
        ]
        if not decisions:
            continue
        latest = max(decisions, key=lambda each: each.number)
        class_id = latest.about[position]
        dropped = latest.kind in ACCEPT and any(
            each.kind in REJECT and each.about[position] == class_id
            for each in said
            if each.number > latest.number
        )
        # "none" beats what was said before it, but for another reader's adjudication
        dropped |= any(
            each.kind == "none" and (each.reader == reader or SOURCE[latest.kind] != 2)
            for each in said
            if each.number > latest.number
        )
        if not dropped:
            rows.append((position, reader, class_id, SOURCE[latest.kind], latest.number))
    tables["reader_label"] |= set(rows)
    labels = [row for row in rows if row[2] is not None]
    if labels:
        adjudicated = [row for row in labels if row[3] == 2]
        _, _, class_id, source, number = max(adjudicated or labels, key=lambda row: row[4])
        tables["current_label"].add((position, class_id, source, number))
    out = {each.about[position] for each in said if each.kind in REJECT}
    out |= {c for each in said if each.kind in NONE for c in each.about[position]}
    for class_id in out:
        number = forbidden(class_id, float("inf"))
        if number is not None:
            tables["forbidden_class"].add((position, class_id, number))
    for round_id in {each.round_id for each in said if "withhold" in each.kind}:
        numbers = [e.number for e in said if "withhold" in e.kind and e.round_id == round_id]
        tables["withheld"].add((position, round_id, max(numbers)))
    drawn = [each.number for each in said if each.kind == "draw_holdout"]
    if drawn:
        tables["holdout"].add((position, min(drawn)))
