"""Proving that a project's rows are what was written: log, images, metadata, classes, rounds, ...

A damaged database must give sentences and never an exception, and what is not damaged is still
looked at. So every check runs on its own, and whatever it raises is a finding.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, func, select

from sslapp.store.identity import is_recorded
from sslapp.store.images import (
    image_count,
    image_sets,
    pixel_hashes,
    rows_hash,
    stored_rows,
    truth_hash,
)
from sslapp.store.integrity import seals
from sslapp.store.label_classes import classes
from sslapp.store.log import verify as log
from sslapp.store.log.chain import Event
from sslapp.store.log.kinds import rule_of
from sslapp.store.log.verify import RESTORE, ChainWalk
from sslapp.store.metadata.values import wrong_columns
from sslapp.store.reports import curves_hash
from sslapp.store.schema import image_set, round_, snapshot
from sslapp.store.true_labels import wrong_truth
from sslapp.vocabulary import EventKind

MOST_OF_A_KIND = 10
"""Findings that one check reports; a damaged page of a large table gives thousands."""


@dataclass(frozen=True)
class Verification:
    """The outcome.

    Attributes:
        events: how many events were walked.
        head: hash of the last good event.
        problems: what is wrong, a sentence each, with the place and the mend.
        notes: what could not be checked, because an older version did not record it.
        leftovers: files of the workspace that nothing vouches for, with what they are.
    """

    events: int
    head: str
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """No problem was found."""
        return not self.problems

    @property
    def problem(self) -> str | None:
        """The first one."""
        return self.problems[0] if self.problems else None


def verify(conn: Connection, project_id: int, head: str | None = None) -> Verification:
    """Walk the hash chain, replay it, compare every table of the project with it and its seals.

    A log that was cut off at its end looks whole: only a head that was noted elsewhere tells.

    Args:
        head: the hash of an event that the log must hold, or its first digits, as a report or an
            export printed it.
    """
    walk = ChainWalk()
    checks: list[Callable[[], Iterable[str]]] = [
        lambda: log.chain(conn, project_id, walk),
        lambda: log.holds_head(walk, head),
        lambda: _imports(conn, project_id, walk.facts),
        lambda: _classes(conn, project_id, walk.facts),
        lambda: wrong_columns(conn, project_id, walk.facts),
        lambda: wrong_truth(conn, project_id, walk.facts),
        lambda: log.undone_events(conn, project_id),
        lambda: log.derived_tables(conn, project_id),
        lambda: _images_seen(conn, project_id, walk),
        lambda: _rounds(conn, project_id, walk.facts),
        lambda: seals.broken(conn, project_id, is_recorded(conn)),
    ]
    problems = [sentence for check in checks for sentence in findings(check)]
    notes = findings(lambda: _not_recorded(conn, project_id))
    return Verification(walk.events, walk.head, tuple(problems), tuple(notes))


def log_problems(conn: Connection, project_id: int) -> list[str]:
    """What `verify` finds wrong with the log itself, of which other tables are derived.

    Empty for a log that is whole and speaks of the images that are there.
    """
    walk = ChainWalk()
    broken = findings(lambda: log.chain(conn, project_id, walk))
    return broken + findings(lambda: _images_seen(conn, project_id, walk))


def findings(check: Callable[[], Iterable[str]]) -> list[str]:
    """What a check finds; what it raises is a finding too."""
    found: list[str] = []
    try:
        for sentence in check():
            if len(found) == MOST_OF_A_KIND:
                return [*found, "And more of this kind."]
            found.append(sentence)
    except Exception as error:
        found.append(unreadable(error))
    return found


def unreadable(error: Exception) -> str:
    """What was raised while something was read, as a finding."""
    reason = " ".join(str(error).split("\n", 1)[0].split())[:200]
    return f"The database cannot be read ({type(error).__name__}: {reason}). {RESTORE}"


def integrity(conn: Connection) -> Iterator[str]:
    """What the database itself finds wrong with its pages, indexes and references (SQLite).

    PostgreSQL keeps checksums of its own pages where they are switched on (initdb
    --data-checksums), and refuses to read a page that is damaged.
    """
    if conn.dialect.name != "sqlite":
        return
    for row in conn.exec_driver_sql(f"PRAGMA integrity_check({MOST_OF_A_KIND + 1})"):
        if row[0] != "ok":
            yield f"The database is damaged: {row[0]}. {RESTORE}"
    for row in conn.exec_driver_sql("PRAGMA foreign_key_check"):
        yield f"{row[0]}: row {row[1]} refers to a row of {row[2]} that is not there. {RESTORE}"


def _imports(conn: Connection, project_id: int, facts: list[Event]) -> Iterator[str]:
    covered = 0
    imported = _standing_imports(facts)
    for fact in imported:
        first, count = fact.payload["first"], fact.payload["count"]
        found = rows_hash(stored_rows(conn, project_id, first, count))
        if found != fact.payload["sha256"]:
            yield (
                f"image: positions {first} to {first + count - 1} are not what event "
                f"{fact.number} imported. {RESTORE}"
            )
        covered = first + count
    there = image_count(conn, project_id)
    if there != covered:
        yield (f"image: {there} positions, but the imports in the log cover {covered}. {RESTORE}")
    sets = image_sets(conn, project_id)
    if len(sets) != len(imported):
        yield f"image_set: {len(sets)} rows, but the log has {len(imported)} imports. {RESTORE}"
    for row in sets:
        if row.truth not in (None, truth_hash(conn, project_id, row.first, row.count)):
            last = row.first + row.count - 1
            yield f"true_label: those of images {row.first} to {last} were changed. {RESTORE}"


def _standing_imports(facts: list[Event]) -> list[Event]:
    """Those that were neither withdrawn nor deleted with their project."""
    standing: list[Event] = []
    for fact in facts:
        if fact.kind is EventKind.IMPORT:
            standing.append(fact)
        if fact.kind is EventKind.WITHDRAW_IMPORT:
            standing.pop()
    return [] if _has_ended(facts) else standing


def _has_ended(facts: list[Event]) -> bool:
    """Whether the project was deleted."""
    return any(rule_of(fact.kind).ends for fact in facts)


def _classes(conn: Connection, project_id: int, facts: list[Event]) -> Iterator[str]:
    expected: dict[int, tuple[int, str, bool]] = {}
    for fact in facts:
        if fact.class_id is None:
            continue
        if fact.kind is EventKind.ADD_CLASS:
            expected[fact.class_id] = (fact.payload["number"], fact.payload["name"], False)
            continue
        number, name, _ = expected[fact.class_id]
        if fact.kind is EventKind.EDIT_CLASS:
            name = fact.payload["after"].get("name", name)
        retired = fact.kind is EventKind.RETIRE_CLASS
        expected[fact.class_id] = (number, name, retired)
    found = {row.id: (row.number, row.name, row.retired) for row in classes(conn, project_id, True)}
    for class_id in sorted(expected.keys() | found.keys()):
        if expected.get(class_id) != found.get(class_id):
            yield (
                f"label_class: class {class_id} is {found.get(class_id)} as (number, name, "
                f"retired), but the log says {expected.get(class_id)}. {RESTORE}"
            )


def _images_seen(conn: Connection, project_id: int, walk: ChainWalk) -> Iterator[str]:
    """Decisions keep the hash of the image that was on screen; it must be the image still."""
    numbers = iter(() if _has_ended(walk.facts) else walk.seen)
    while chunk := list(islice(numbers, 500)):
        there = pixel_hashes(conn, project_id, [walk.seen[each][0] for each in chunk])
        for number in chunk:
            position, seen = walk.seen[number]
            if there.get(position) != seen:
                yield (
                    f"Event {number} decided about another image than the one that is image "
                    f"{position} now. {RESTORE}"
                )


def _rounds(conn: Connection, project_id: int, facts: list[Event]) -> Iterator[str]:
    """Snapshots and rounds that the log tells of are there, with the curves they ended with."""
    frozen = set(
        conn.execute(select(snapshot.c.hash).where(snapshot.c.project_id == project_id)).scalars()
    )
    rows = conn.execute(
        select(round_.c.id, round_.c.number, round_.c.curves).where(
            round_.c.project_id == project_id
        )
    ).all()
    started = {row.id for row in rows}
    for fact in facts:
        if fact.kind is EventKind.SNAPSHOT and fact.payload["sha256"] not in frozen:
            yield f"snapshot: the one of event {fact.number} is missing. {RESTORE}"
        if fact.kind is EventKind.ROUND_START and fact.round_id not in started:
            yield f"round: the one that event {fact.number} started is missing. {RESTORE}"
    for row in rows:
        if row.curves not in (None, curves_hash(conn, row.id)):
            yield (
                f"round_metric: the curves of round {row.number} are not those it ended with. "
                f"Its predictions do not depend on them. {RESTORE}"
            )


def _not_recorded(conn: Connection, project_id: int) -> Iterator[str]:
    rows = seals.unsealed(conn, project_id)
    if rows:
        yield f"{rows} rows are older than seals, so a change in them would not be noticed."
    if any(row.truth is None for row in image_sets(conn, project_id)):
        yield "The true labels' hash was not recorded when they were imported."
    ended = select(func.count()).where(
        round_.c.project_id == project_id,
        round_.c.probabilities.is_not(None),
        round_.c.curves.is_(None),
    )
    old = conn.execute(ended).scalar_one()
    if old:
        yield f"The curves of {old} rounds were not recorded when they ended."


def record_rows(conn: Connection) -> int:
    """Seal rows, and hash true labels and curves, where that was not done; return how many."""
    truths = conn.execute(select(image_set).where(image_set.c.truth.is_(None))).mappings().all()
    for row in truths:
        truth = truth_hash(conn, row["project_id"], row["first"], row["count"])
        seals.update(conn, image_set, [image_set.c.id == row["id"]], {"truth": truth})
    ended = (round_.c.curves.is_(None), round_.c.probabilities.is_not(None))
    curves = conn.execute(select(round_.c.id).where(*ended)).scalars().all()
    for round_id in curves:
        values = {"curves": curves_hash(conn, round_id)}
        seals.update(conn, round_, [round_.c.id == round_id], values)
    return len(truths) + len(curves) + seals.seal_all(conn)
