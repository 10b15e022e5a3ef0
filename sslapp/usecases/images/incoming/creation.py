"""Create a project with its images in one go: project, classes, import and embedding."""

from dataclasses import dataclass, field

from sslapp.datasets.known.catalogue import KNOWN
from sslapp.store import projects
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.projects import ProjectSettings
from sslapp.usecases.access import Access, require_server_admin
from sslapp.usecases.images.embeddings import DEFAULT_ENCODER, check_encoder, queue_embed
from sslapp.usecases.images.incoming.imports import queue_import
from sslapp.usecases.images.incoming.looking import queue_look
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.usecases.images.incoming.sources import (
    SourceChoice,
    SourceKind,
    WrongFields,
    must_be_looked_at,
    origin,
)
from sslapp.usecases.projects.settings import new_project
from sslapp.usecases.projects.tour import DEMO

IMAGE_SIZES = (32, 64, 128, 224)
"""Sides that a page offers besides the native one."""

MOST_CLASSES = 1000

"""The project that a fresh installation starts with: scikit-learn's digits."""


@dataclass(frozen=True, kw_only=True)
class NewProject:
    """A project as a person asks for it.

    Attributes:
        name: of the project.
        source: where its images come from.
        classes: their names; none to take the set's own.
        settings: what holds for all its images.
        encoder: with which they are embedded; None for the one that suits their size.
    """

    name: str
    source: SourceChoice
    classes: tuple[str, ...] = ()
    settings: ProjectSettings = field(default_factory=ProjectSettings)
    encoder: str | None = None


def create(access: Access, wanted: NewProject) -> int:
    """Make the project, queue its import and its embedding, and return its id.

    All of it happens or nothing. Where only a look can tell what a source holds, the look is queued
    instead: its plan is shown in the project, and import and embedding follow from there. A set
    that comes with the program holds no surprise for a project without images.

    Raises:
        NotAllowed: when the reader is no server admin.
        WrongFields: naming "name", "classes", "source" or "encoder".
    """
    require_server_admin(access, "create projects")
    faults: dict[str, str] = {}
    found = _origin(access, wanted, faults)
    try:
        if wanted.encoder is not None:
            check_encoder(access, wanted.encoder)
    except ValueError as error:
        faults["encoder"] = str(error)
    _check_classes(wanted.classes, faults)
    with writing(access.engine) as conn:
        project_id = 0
        try:
            classes = () if "classes" in faults else wanted.classes
            project_id = new_project(conn, access, wanted.name, classes, wanted.settings)
        except Refused as error:
            faults["name"] = str(error)
        if faults:
            raise WrongFields(faults)  # and nothing of it is kept
        if found is not None and _is_looked_at(wanted.source, found):
            queue_look(conn, access, project_id, found, embeds=True, encoder=wanted.encoder)
        elif found is not None:
            queue_import(conn, access, project_id, found)
            queue_embed(conn, access, project_id, wanted.encoder)
    return project_id


def ensure_demo(access: Access) -> bool:
    """Create the demo project and queue its import, unless it exists. Returns whether it did."""
    with reading(access.engine) as conn:
        if any(row.name == DEMO for row in projects.list_projects(conn)):
            return False
    create(
        access,
        NewProject(
            name=DEMO, source=SourceChoice(SourceKind.NAMED, "digits"), encoder=DEFAULT_ENCODER
        ),
    )
    return True


def class_names(text: str) -> tuple[str, ...]:
    """The names in a text of one class a line, or of several with commas between them."""
    names = (each.strip() for line in text.splitlines() for each in line.split(","))
    return tuple(name for name in names if name)


def _origin(access: Access, wanted: NewProject, faults: dict[str, str]) -> Origin | None:
    try:
        return origin(access, wanted.source)
    except WrongFields as error:
        faults |= error.fields
        return None


def _is_looked_at(source: SourceChoice, found: Origin) -> bool:
    comes_along = found.source in KNOWN and not KNOWN[found.source].layout
    return not comes_along and must_be_looked_at(source, found)


def _check_classes(names: tuple[str, ...], faults: dict[str, str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        if name.casefold() in seen:
            faults["classes"] = f"The class {name} is there twice. Remove one of them."
        if len(name) > 200:
            faults["classes"] = "A class's name has 1 to 200 characters."
        seen[name.casefold()] = name
    if len(names) > MOST_CLASSES:
        faults["classes"] = f"{len(names):,} classes are more than the {MOST_CLASSES:,} allowed."
