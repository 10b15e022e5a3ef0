"""The classes of a project: added, edited, taken out of use."""

import re
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from sslapp.store.errors import Refused
from sslapp.store.integrity import seals
from sslapp.store.log.events import append
from sslapp.store.projects import checked_name
from sslapp.store.schema import label_class
from sslapp.vocabulary import EventKind

PALETTE = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#885A36"),
    *("#7846D2", "#DDCC77", "#117733", "#AA4499", "#88CCEE", "#882255", "#44AA99", "#999933"),
    *("#CC6677", "#777777"),
)
"""Colours that stay apart for colour-blind eyes: the eight of Okabe and Ito ("Color Universal
Design", 2008), then Paul Tol's muted scheme ("Colour Schemes", SRON/EPS/TN/09-002, 2021). Their
black and indigo cannot be seen on a dark page; a brown and a violet stand in for them."""

KEYS = "1234567890bcdeghijklmnopqrstvwyz"
"""Keys in the order they are given to classes; a (accept), f (flag), u (unsure) and x (reject)
have other duties."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class ClassRow:
    """A class of a project; `key` is "" when all keys were taken."""

    id: int
    number: int
    name: str
    colour: str
    key: str
    retired: bool


def add_class(
    conn: Connection,
    project_id: int,
    name: str,
    reader_id: int | None = None,
    *,
    colour: str | None = None,
    key: str | None = None,
) -> int:
    """Add a class, log it, and return its id; its number is the next one, never used before.

    Args:
        conn: a write transaction.
        project_id: the project.
        name: unique in the project, whatever its case, retired classes included.
        reader_id: who adds it.
        colour: "#rrggbb"; by default the palette's colour of the number.
        key: one character, or "" for none; by default the class's name if that is one, else the
            first free one of KEYS.

    Raises:
        Refused: when the name or the key is taken or not usable.
    """
    there = classes(conn, project_id, retired=True)
    name = _free_name(name, there)
    if key is None:
        taken = {row.key for row in there if not row.retired}
        # a class called 7 is labelled with the key 7
        wanted = [name.lower(), *KEYS] if name.lower() in list(KEYS) else KEYS
        key = next((free for free in wanted if free not in taken), "")
    elif key:
        _check_key(key, there)
    if colour is not None:
        _check_colour(colour)
    number = len(there)
    values = {
        "project_id": project_id,
        "number": number,
        "name": name,
        "colour": colour or PALETTE[number % len(PALETTE)],
        "key": key,
        "retired": False,
    }
    class_id = int(seals.insert(conn, label_class, values))
    append(
        conn,
        project_id,
        EventKind.ADD_CLASS,
        key=f"add_class:{number}",
        reader_id=reader_id,
        class_id=class_id,
        payload={"number": number, "name": name},
    )
    return class_id


def edit_class(
    conn: Connection,
    project_id: int,
    class_id: int,
    reader_id: int | None = None,
    *,
    name: str | None = None,
    colour: str | None = None,
    key: str | None = None,
) -> bool:
    """Change a class's name, colour or key and log it; its labels stay what they are.

    Args:
        conn: a write transaction.
        project_id: the project.
        class_id: a class in use.
        reader_id: who changes it.
        name, colour, key: as in `add_class`; None leaves it.

    Returns:
        Whether anything differed from what it was; if not, nothing is logged.

    Raises:
        Refused: when there is no such class in use, or the name or the key is taken or not usable.
    """
    there = classes(conn, project_id, retired=True)
    row = next((each for each in there if each.id == class_id and not each.retired), None)
    if row is None:
        raise Refused(f"There is no class {class_id} in use in this project.")
    others = [each for each in there if each.id != class_id]
    if name is not None:
        name = _free_name(name, others)
    if key:
        _check_key(key, others)
    if colour is not None:
        _check_colour(colour)
    wanted = {"name": name, "colour": colour, "key": key}
    changed = {
        what: value
        for what, value in wanted.items()
        if value is not None and value != getattr(row, what)
    }
    if not changed:
        return False
    seals.update(conn, label_class, [label_class.c.id == class_id], changed)
    append(
        conn,
        project_id,
        EventKind.EDIT_CLASS,
        key=f"edit_class:{uuid.uuid4().hex}",
        reader_id=reader_id,
        class_id=class_id,
        payload={"before": {what: getattr(row, what) for what in changed}, "after": changed},
    )
    return True


def retire_class(
    conn: Connection, project_id: int, class_id: int, reader_id: int | None = None
) -> None:
    """Take a class out of use, for good; its past labels stay in the log but count no longer.

    Raises:
        Refused: when the project has no such class in use, or no other one.
    """
    live = {row.id: row for row in classes(conn, project_id)}
    if class_id not in live:
        raise Refused(f"There is no class {class_id} in use in this project.")
    if len(live) == 1:
        raise Refused(
            f"{live[class_id].name} is the only class in use. Add another one before you retire it."
        )
    seals.update(conn, label_class, [label_class.c.id == class_id], {"retired": True})
    append(
        conn,
        project_id,
        EventKind.RETIRE_CLASS,
        key=f"retire_class:{live[class_id].number}",
        reader_id=reader_id,
        class_id=class_id,
    )


def classes(conn: Connection, project_id: int, retired: bool = False) -> list[ClassRow]:
    """The project's classes by number; with `retired`, those taken out of use as well."""
    query = (
        select(label_class)
        .where(label_class.c.project_id == project_id)
        .order_by(label_class.c.number)
    )
    return [
        ClassRow(row.id, row.number, row.name, row.colour, row.key, row.retired)
        for row in conn.execute(query)
        if retired or not row.retired
    ]


def _free_name(name: str, others: Sequence[ClassRow]) -> str:
    name = checked_name("class", name)
    for row in others:
        if _looks_like(row.name) == _looks_like(name):
            state = ", which is retired" if row.retired else ""
            raise Refused(f"There is a class {row.name} already{state}. Choose another name.")
    return name


def _looks_like(name: str) -> str:
    """What names have in common that readers could not tell apart."""
    return unicodedata.normalize("NFC", name).casefold()


def _check_key(key: str, others: Sequence[ClassRow]) -> None:
    holder = next((row.name for row in others if row.key == key and not row.retired), None)
    if holder is not None:
        raise Refused(f'The key "{key}" labels {holder} already. Choose another key.')
    if key not in KEYS or len(key) != 1:
        raise Refused(f'"{key}" cannot be a class key. Choose one of {" ".join(KEYS)}.')


def _check_colour(colour: str) -> None:
    if not _COLOUR.fullmatch(colour):
        raise Refused(f'"{colour}" is no colour. Write it as #rrggbb, such as {PALETTE[0]}.')
