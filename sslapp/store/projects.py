"""Projects and their settings."""

import json
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Column, Connection, Select, func, select

from sslapp.store.errors import Refused, Unknown
from sslapp.store.integrity import seals
from sslapp.store.log.chain import now
from sslapp.store.log.events import append
from sslapp.store.log.kinds import kinds_where
from sslapp.store.schema import current_label, event, label_class, project
from sslapp.vocabulary import (
    Aspect,
    EventKind,
    ImageOf,
    Intensities,
    Slices,
    StackRule,
    Thing,
)

_BEFORE = {"intensities": Intensities.EXTREMES}
"""Settings of projects that were made before these could be chosen."""

_ENDS = kinds_where(lambda rule: rule.ends)


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
        thing: what of DICOM files an image is; None before any came.
        slices, rule: of a series, where it is one: see `vocabulary`.
        secret: name of the file of the secret that their pseudonyms are made with.
        secret_check: by which that file is known.
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
    thing: Thing | None = None
    slices: Slices = Slices.ONE
    rule: StackRule = StackRule.MIDDLE
    secret: str | None = None
    secret_check: str | None = None

    @property
    def image_of(self) -> ImageOf | None:
        """What of DICOM files an image is; None before any came."""
        return None if self.thing is None else ImageOf(self.thing, self.slices, self.rule)

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
    image_of: ImageOf | None = None,
    secret: str | None = None,
    secret_check: str | None = None,
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
        **({} if image_of is None else image_of._asdict()),
        "secret": secret,
        "secret_check": secret_check,
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


def _project(row: object) -> ProjectRow:
    stored = {**_BEFORE, **row.settings}  # type: ignore[attr-defined]
    settings = ProjectSettings.model_validate(stored)
    return ProjectRow(row.id, row.name, settings, row.created_at)  # type: ignore[attr-defined]
