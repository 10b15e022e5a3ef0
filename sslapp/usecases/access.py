"""Who acts, where: the first argument of every use case."""

import getpass
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine

from sslapp import durable
from sslapp.store import identity, projects
from sslapp.store.database import open_database, reading, writing
from sslapp.store.errors import OtherWorkspace, Unknown
from sslapp.store.people import readers
from sslapp.vocabulary import Role
from sslapp.workspace import Workspace

IDENTITY = "workspace.id"
"""The file in a workspace that says whose files these are: its database's id."""

_RANK = {role: rank for rank, role in enumerate(Role)}


class NotAllowed(Exception):
    """The reader's role in the project does not cover the command."""


class NotSignedIn(Exception):
    """Nobody has signed in, or with an account that this server cannot tell from others."""


class NoSuchProject(Unknown, ValueError):
    """No project, or not one alone, is meant by that name or number."""


@dataclass(frozen=True)
class Access:
    """A reader in a workspace.

    Attributes:
        workspace: where things are.
        engine: its database.
        workspace_id: what the workspace is known by, see store.identity.
        reader_id: who acts.
        reader: their name.
        server_admin: whether they may create projects, import folders of the server and grant
            roles in every project.
        named: whether they took their name on the page, where nobody signs in.
    """

    workspace: Workspace
    engine: Engine
    reader_id: int
    reader: str
    workspace_id: str
    server_admin: bool = False
    named: bool = False


def enter(workspace: Workspace, reader: str | None = None) -> Access:
    """Open the workspace (made if absent) as `reader`; default: the account's own name.

    Who can do this has the workspace's files in their hands, so they are its server admin.

    Raises:
        NotAllowed: when the reader is set inactive.
    """
    return admit(workspace, open_workspace(workspace), reader or account(), server_admin=True)


def open_workspace(workspace: Workspace) -> Engine:
    """The workspace's database; folder and database are made if absent."""
    workspace.root.mkdir(parents=True, exist_ok=True)
    with durable.folder_lock(workspace.root):
        engine = open_database(workspace.url, may_create=not _holds_files(workspace))
        try:
            _check_folder(workspace, engine)
        except BaseException:
            engine.dispose()
            raise
    return engine


def _holds_files(workspace: Workspace) -> bool:
    """Whether something lies in the workspace that only a database makes sense of."""
    folders = (workspace.projects, workspace.jobs)
    named = (workspace.root / IDENTITY).exists()
    return named or any(each.is_dir() and any(each.iterdir()) for each in folders)


def _check_folder(workspace: Workspace, engine: Engine) -> None:
    """Check that database and folder are of one workspace; a folder without a name takes one.

    Raises:
        OtherWorkspace: when they are not.
    """
    with reading(engine) as conn:
        own = identity.workspace_id(conn)
    path = workspace.root / IDENTITY
    if not path.exists():
        durable.write_bytes(path, f"{own}\n".encode())
    elif path.read_text(errors="replace").strip() != own:
        raise OtherWorkspace(
            f"The database is of another workspace than the files in {workspace.root}: {IDENTITY} "
            "there names another one. Put the database back that belongs to them. If they belong "
            f"together and only {IDENTITY} is damaged, delete it."
        )


def admit(workspace: Workspace, engine: Engine, name: str, *, server_admin: bool) -> Access:
    """The reader of that name; a new one is added and is a member of no project.

    Raises:
        NotAllowed: when the reader is set inactive.
    """
    with reading(engine) as conn:
        row = readers.find_reader(conn, name)
        workspace_id = identity.workspace_id(conn)
    if row is None:
        with writing(engine) as conn:
            readers.ensure_reader(conn, name)
            row = readers.find_reader(conn, name)
    assert row is not None
    if not row.active:
        raise NotAllowed(
            f"{row.name} is set inactive on this server. A server admin can set them active again."
        )
    return Access(workspace, engine, row.id, row.name, workspace_id, server_admin)


def verified_name(claims: Mapping[str, Any]) -> str:
    """The reader's name by what an identity provider says of them: their verified e-mail address.

    Args:
        claims: of an OpenID Connect identity token, with `is_logged_in`; {} for nobody.

    Raises:
        NotSignedIn: when nobody has signed in.
        NotAllowed: when the account has no e-mail address that its provider stands for.
    """
    if claims.get("is_logged_in") is not True:
        raise NotSignedIn("Nobody has signed in. Open this server in the browser and sign in.")
    email = claims.get("email")
    # providers that verify every address leave the claim out; some send it as a word
    verified = str(claims.get("email_verified", True)).lower() == "true"
    if isinstance(email, str) and "@" in email and len(email) <= 200 and verified:
        return email.strip().lower()
    account = claims.get("sub", "without a number")
    raise NotAllowed(
        f"The identity provider names no verified e-mail address for the account {account}, and "
        "readers are known by theirs. Have the address verified there, or sign in with another "
        "account."
    )


def require_workspace(access: Access, claimed: object) -> None:
    """Check that a page's request or command means the workspace that is open.

    Args:
        claimed: the id of a workspace that it names.

    Raises:
        OtherWorkspace: when that is another one, or none.
    """
    identity.must_be(access.workspace_id, claimed)


def require_server_admin(access: Access, what: str) -> None:
    """Check that the reader may do what concerns the whole server.

    Args:
        access: who acts.
        what: what they would do, to be read after "may": "create projects".

    Raises:
        NotAllowed: when not.
    """
    if not access.server_admin:
        raise NotAllowed(
            f"Only a server admin may {what}, and {access.reader} is none. SSLAPP_ADMINS names "
            "the server's admins."
        )


def what_the_disk_refused(error: OSError, workspace: Workspace) -> str:
    """A sentence about a file that could not be read or written, with the mend."""
    return durable.in_words(error, workspace.root)


def account() -> str:
    """The name of the account that runs this program."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        return "reader"


def require(conn: Connection, access: Access, project_id: int, role: Role = Role.READER) -> None:
    """Check that the reader may do what needs `role`.

    Raises:
        NotAllowed: when not.
        NoSuchProject: when the project was deleted; it has no members.
    """
    held = readers.role_of(conn, project_id, access.reader_id)
    if held is None and projects.is_deleted(conn, project_id):
        raise NoSuchProject("This project was deleted. Go on with another one.")
    if held is None or _RANK[held] < _RANK[role]:
        raise NotAllowed(
            f"{access.reader} is {held or 'not a member'} in this project; this needs {role}. "
            f"An admin of the project can grant it."
        )


def find_project(conn: Connection, access: Access, project: str | int | None) -> int:
    """The id of the project with that name or id; None means the only one there is.

    Raises:
        NoSuchProject: when there is no such project, or None is ambiguous.
        NotAllowed: when the reader is no member.
    """
    there = projects.list_projects(conn)
    chosen = [row for row in there if project is None or project in (row.name, row.id)]
    if len(chosen) != 1:
        # other people's projects are not named
        known = [row for row in there if readers.role_of(conn, row.id, access.reader_id)]
        names = ", ".join(row.name for row in known) or "none yet"
        wanted = "Say which project" if project is None else f'There is no project "{project}"'
        raise NoSuchProject(f"{wanted}; known: {names}.")
    require(conn, access, chosen[0].id)
    return chosen[0].id


def new_key() -> str:
    """A key for an event of which no client made one."""
    return uuid.uuid4().hex
