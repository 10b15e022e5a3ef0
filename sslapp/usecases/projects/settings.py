"""A project's name and settings: it is made with them, and some of them may change later."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from sslapp.store import images, label_classes, projects
from sslapp.store.database import writing
from sslapp.store.errors import Refused
from sslapp.store.people import readers
from sslapp.store.projects import ProjectSettings
from sslapp.usecases.access import Access, find_project, require, require_server_admin
from sslapp.vocabulary import Intensities, Role

__all__ = [
    "ProjectSettings",
    "change_settings",
    "create_project",
    "new_project",
    "rename_project",
]


def create_project(
    access: Access,
    name: str,
    classes: Sequence[str] = (),
    settings: ProjectSettings | None = None,
) -> int:
    """Make a project with the caller as its admin, and return its id.

    Raises:
        NotAllowed: when the caller is no server admin.
        ValueError: when the name is taken or empty, or a class occurs twice.
    """
    require_server_admin(access, "create projects")
    with writing(access.engine) as conn:
        return new_project(conn, access, name, classes, settings)


def new_project(
    conn: Connection,
    access: Access,
    name: str,
    classes: Sequence[str] = (),
    settings: ProjectSettings | None = None,
) -> int:
    """Make a project in an open transaction, for whoever checked that it is allowed."""
    project_id = projects.create_project(conn, name, settings or ProjectSettings())
    readers.grant(conn, project_id, access.reader_id, Role.ADMIN)
    for each in classes:
        label_classes.add_class(conn, project_id, each, access.reader_id)
    return project_id


def rename_project(access: Access, project: str | int | None, name: str) -> bool:
    """Give a project another name; return whether it differed.

    What was exported before says the name that it had.

    Raises:
        NotAllowed: when the reader is no admin of the project.
        Refused: when the name is taken or cannot be one.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        return projects.rename_project(conn, project_id, name, access.reader_id)


def change_settings(
    access: Access,
    project: str | int | None,
    *,
    flip: bool | None = None,
    single_reads: bool | None = None,
    precision: float | None = None,
    certainty: float | None = None,
    intensities: Intensities | None = None,
    prompts: Mapping[str, str] | None = None,
) -> bool:
    """Change settings, None leaving one as it is; return whether anything changed.

    Raises:
        Refused: for intensities while images are there, of which the training store is made.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        if intensities is not None and images.image_count(conn, project_id):
            raise Refused(
                "The training store was made with the project's intensities. Make it again with "
                f"others on the Projects page, or by sslapp pixels --intensities {intensities}."
            )
        return projects.change_settings(
            *(conn, project_id, access.reader_id),
            flip=flip,
            single_reads=single_reads,
            precision=precision,
            certainty=certainty,
            intensities=intensities,
            prompts=prompts,
        )
