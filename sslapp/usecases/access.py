"""Who acts, where: the first argument of every use case."""

import getpass
import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from sslapp.store import projects, readers
from sslapp.store.database import open_database, writing
from sslapp.vocabulary import Role
from sslapp.workspace import Workspace

_RANK = {role: rank for rank, role in enumerate(Role)}


class NotAllowed(Exception):
    """The reader's role in the project does not cover the command."""


@dataclass(frozen=True)
class Access:
    """A reader in a workspace."""

    workspace: Workspace
    engine: Engine
    reader_id: int
    reader: str


def enter(workspace: Workspace, reader: str | None = None) -> Access:
    """Open the workspace (made if absent) as `reader`; default: the account's own name."""
    workspace.root.mkdir(parents=True, exist_ok=True)
    engine = open_database(workspace.url)
    name = reader or _account()
    with writing(engine) as conn:
        reader_id = readers.ensure_reader(conn, name)
    return Access(workspace, engine, reader_id, name)


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        return "reader"


def require(conn: Connection, access: Access, project_id: int, role: Role = Role.READER) -> None:
    """Check that the reader may do what needs `role`.

    Raises:
        NotAllowed: when not.
    """
    held = readers.role_of(conn, project_id, access.reader_id)
    if held is None or _RANK[held] < _RANK[role]:
        raise NotAllowed(
            f"{access.reader} is {held or 'not a member'} in this project; this needs {role}. "
            f"An admin of the project can grant it."
        )


def find_project(conn: Connection, access: Access, project: str | int | None) -> int:
    """The id of the project with that name or id; None means the only one there is.

    Raises:
        ValueError: when there is no such project, or None is ambiguous.
        NotAllowed: when the reader is no member.
    """
    known = projects.list_projects(conn)
    chosen = [row for row in known if project is None or project in (row.name, row.id)]
    if len(chosen) != 1:
        names = ", ".join(row.name for row in known) or "none yet"
        wanted = "Say which project" if project is None else f'There is no project "{project}"'
        raise ValueError(f"{wanted}; known: {names}.")
    require(conn, access, chosen[0].id)
    return chosen[0].id


def new_key() -> str:
    """A key for an event of which no client made one."""
    return uuid.uuid4().hex
