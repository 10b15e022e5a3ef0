"""Projects, their settings and their classes."""

import json
import re
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Column, Connection, Select, func, select

from sslapp.store import seals
from sslapp.store.errors import Refused, Unknown
from sslapp.store.log.chain import now
from sslapp.store.log.events import append
from sslapp.store.log.kinds import kinds_where
from sslapp.store.schema import current_label, event, label_class, project
from sslapp.vocabulary import Aspect, EventKind, Intensities

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

_BEFORE = {"intensities": Intensities.EXTREMES}
"""Settings of projects that were made before these could be chosen."""

_ENDS = kinds_where(lambda rule: rule.ends)

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")

_UNSHOWABLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode categories of what breaks a line, steers a terminal, turns text round or is not seen."""

_JOINERS = "\u200c\u200d"
"""Not seen either, but some scripts and emoji are written with them."""

_BLANKS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and signs, by their category, that nothing is drawn for."""


class ProjectSettings(BaseModel):
    """What a project decides about its images; all but grey may change later, size and
    intensities with the training store alone once there are images.

    Attributes:
        image_size: S of the pixel store; None keeps the native size, which must then be one.
        grey: one channel instead of three.
        flip: a mirrored image keeps its class, so augmentation may flip horizontally.
        single_reads: an image that one reader has before them is offered to no other meanwhile.
        precision: share of accepted labels that must be proven right.
        certainty: with which it must be: 1 - alpha of an audit.
        aspect: how images that are no squares become squares of the store.
        intensities: which values of images with more than 8 bits are black and white.
        intensity_limits: they, of the set; None before there are any.
        prompts: class id -> words by which images are ordered before there are labels; a class
            that is not in it has the usual ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_size: int | None = Field(default=None, ge=8, le=1024)
    grey: bool = False
    flip: bool = False
    single_reads: bool = True
    precision: float = Field(default=0.95, ge=0.5, lt=1)
    certainty: float = Field(default=0.95, ge=0.5, lt=1)
    aspect: Aspect = Aspect.PAD
    intensities: Intensities = Intensities.IMAGE
    intensity_limits: tuple[float, float] | None = None
    prompts: dict[str, str] = Field(default_factory=dict)

    @property
    def channels(self) -> int:
        """Channels of the pixel store."""
        return 1 if self.grey else 3


@dataclass(frozen=True)
class ProjectRow:
    """A project; of a deleted one its row and its log are left, and nobody can open it."""

    id: int
    name: str
    settings: ProjectSettings
    created_at: datetime
    deleted: bool = False


@dataclass(frozen=True)
class ClassRow:
    """A class of a project; `key` is "" when all keys were taken."""

    id: int
    number: int
    name: str
    colour: str
    key: str
    retired: bool


def checked_name(what: str, name: str) -> str:
    """A name without blanks around it, for tables, pages and terminals.

    Args:
        what: the name is of: project, class, reader.
        name: as it was given.

    Raises:
        Refused: when it is blank or too long, or has characters that cannot be shown.
    """
    name = name.strip()
    if not 1 <= len(name) <= 200:
        raise Refused(f"A {what}'s name has 1 to 200 characters.")
    shown = name.translate(dict.fromkeys(map(ord, _JOINERS)))
    kinds = [unicodedata.category(each) for each in shown if each not in _BLANKS]
    if any(each in _UNSHOWABLE for each in kinds) or not any(each[0] in "LNPS" for each in kinds):
        escaped = name.encode("unicode_escape").decode()
        raise Refused(
            f'The {what} name "{escaped}" has characters that cannot be shown. Write it without '
            "them."
        )
    return name


def create_project(conn: Connection, name: str, settings: ProjectSettings) -> int:
    """Add a project and return its id.

    Raises:
        Refused: when the name is blank, too long, not to be shown or taken.
    """
    name = checked_name("project", name)
    if conn.execute(select(project.c.id).where(project.c.name == name)).scalar() is not None:
        raise Refused(f"There is a project {name} already. Choose another name.")
    row = {"name": name, "settings": settings.model_dump(), "created_at": now()}
    return int(seals.insert(conn, project, row))


def rename_project(
    conn: Connection, project_id: int, name: str, reader_id: int | None = None
) -> bool:
    """Give a project another name and log it; return whether it differed.

    Raises:
        Refused: as in `create_project`.
    """
    name = checked_name("project", name)
    before = find_project(conn, project_id).name
    if name == before:
        return False
    if conn.execute(select(project.c.id).where(project.c.name == name)).scalar() is not None:
        raise Refused(f"There is a project {name} already. Choose another name.")
    seals.update(conn, project, [project.c.id == project_id], {"name": name})
    append(
        conn,
        project_id,
        EventKind.SETTINGS,
        key=f"settings:{uuid.uuid4().hex}",
        reader_id=reader_id,
        payload={"before": {"name": before}, "after": {"name": name}},
    )
    return True


def list_projects(conn: Connection, *, deleted: bool = False) -> list[ProjectRow]:
    """Every project, in order of creation; with `deleted` those that were deleted as well."""
    said = _end_of(project.c.id).scalar_subquery()  # of each by an index: a log may be long
    rows = conn.execute(select(project, said.label("said")).order_by(project.c.id)).all()
    there = [_project(row) for row in rows if row.said is None]
    gone = [
        replace(_project(row), name=json.loads(row.said)["name"], deleted=True)
        for row in rows
        if deleted and row.said is not None
    ]
    return sorted([*there, *gone], key=lambda row: row.id)


def is_deleted(conn: Connection, project_id: int) -> bool:
    """Whether the project was deleted, which the last event of its log says."""
    return conn.execute(_end_of(project_id)).first() is not None


def _end_of(project_id: int | Column[int]) -> Select[str]:
    """Payload of the event that ended a project's log; no row of one that goes on."""
    return select(event.c.payload).where(event.c.project_id == project_id, event.c.kind.in_(_ENDS))


def last_event(conn: Connection, project_id: int) -> tuple[int, datetime] | None:
    """Number and time (UTC) of the project's newest event; None before the first."""
    query = select(event.c.number, event.c.at).where(event.c.project_id == project_id)
    row = conn.execute(query.order_by(event.c.number.desc()).limit(1)).one_or_none()
    return None if row is None else (row.number, row.at)


def label_count(conn: Connection, project_id: int) -> int:
    """How many images have a current label of a class in use."""
    query = select(func.count()).where(
        current_label.c.project_id == project_id,
        current_label.c.class_id == label_class.c.id,
        ~label_class.c.retired,
    )
    return conn.execute(query).scalar_one()


def find_project(conn: Connection, name: str | int) -> ProjectRow:
    """The project with this name or id.

    Raises:
        Unknown: when there is none; the message lists the names there are.
    """
    wanted = project.c.id == name if isinstance(name, int) else project.c.name == name
    row = conn.execute(select(project).where(wanted)).one_or_none()
    if row is None or is_deleted(conn, row.id):
        there = ", ".join(found.name for found in list_projects(conn)) or "none yet"
        raise Unknown(f"There is no project {name}. Projects: {there}.")
    return _project(row)


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


def change_settings(
    conn: Connection,
    project_id: int,
    reader_id: int | None = None,
    *,
    flip: bool | None = None,
    single_reads: bool | None = None,
    precision: float | None = None,
    certainty: float | None = None,
    image_size: int | None = None,
    aspect: Aspect | None = None,
    intensities: Intensities | None = None,
    intensity_limits: tuple[float, float] | None = None,
    prompts: Mapping[str, str] | None = None,
) -> bool:
    """Change settings and log it; None leaves one as it is.

    Image size, aspect and intensities are those that the training store is made with, so they
    change with it, in one transaction.

    Rounds that are planned already keep the `flip` they were planned with, and audits that are
    open the certainty they were opened with.

    Returns:
        Whether anything differed from what it was; if not, nothing is logged.

    Raises:
        Refused: for a precision or certainty below .5 or not below 1.
    """
    for what, value in {"precision": precision, "certainty": certainty}.items():
        if value is not None and not 0.5 <= value < 1:
            raise Refused(f"{what}: {value:g} is not at least 0.5 and below 1.")
    before = find_project(conn, project_id).settings
    wanted: dict[str, Any] = {
        "flip": flip,
        "single_reads": single_reads,
        "precision": precision,
        "certainty": certainty,
        "image_size": image_size,
        "aspect": aspect,
        "intensities": intensities,
        "intensity_limits": intensity_limits,
        "prompts": None if prompts is None else dict(prompts),
    }
    changed = {
        what: value
        for what, value in wanted.items()
        if value is not None and value != getattr(before, what)
    }
    if not changed:
        return False
    _change(conn, project_id, before, changed, reader_id)
    return True


def forget_limits(conn: Connection, project_id: int, reader_id: int | None = None) -> None:
    """Let the next import decide again what is black and white in the set; logs it."""
    before = find_project(conn, project_id).settings
    if before.intensity_limits is not None:
        _change(conn, project_id, before, {"intensity_limits": None}, reader_id)


def _change(
    conn: Connection,
    project_id: int,
    before: ProjectSettings,
    changed: Mapping[str, Any],
    reader_id: int | None,
) -> None:
    settings = before.model_copy(update=changed)
    seals.update(conn, project, [project.c.id == project_id], {"settings": settings.model_dump()})
    append(
        conn,
        project_id,
        EventKind.SETTINGS,
        key=f"settings:{uuid.uuid4().hex}",
        reader_id=reader_id,
        payload={"before": {what: getattr(before, what) for what in changed}, "after": changed},
    )


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


def _project(row: object) -> ProjectRow:
    stored = {**_BEFORE, **row.settings}  # type: ignore[attr-defined]
    settings = ProjectSettings.model_validate(stored)
    return ProjectRow(row.id, row.name, settings, row.created_at)  # type: ignore[attr-defined]
