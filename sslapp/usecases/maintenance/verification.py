"""Check a workspace: its database's pages, each project's history and rows, and the files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine

from sslapp.store import identity, projects
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused, Unknown
from sslapp.store.integrity import files
from sslapp.store.log import replay
from sslapp.store.log.verify import RESTORE
from sslapp.store.verify import (
    Verification,
    findings,
    integrity,
    log_problems,
    record_rows,
    unreadable,
    verify,
)
from sslapp.usecases.access import Access, find_project, open_workspace
from sslapp.usecases.auditing.opened import other_weights
from sslapp.usecases.maintenance.files import damaged_files, leftovers, named_files, not_recorded
from sslapp.workspace import DATABASE, Workspace


@dataclass(frozen=True)
class Checked:
    """What a check of a whole workspace found.

    Attributes:
        problems: of the database as a whole, a sentence each.
        projects: name -> what was found in it.
        leftovers: files that nothing vouches for, "PATH: what it is".
    """

    problems: tuple[str, ...]
    projects: dict[str, Verification]
    leftovers: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Nothing is wrong anywhere."""
        return not self.problems and all(each.ok for each in self.projects.values())

    @property
    def every_problem(self) -> list[str]:
        """All sentences, those of projects with the project's name before them."""
        found = list(self.problems)
        for name, each in self.projects.items():
            found += [f'project "{name}": {problem}' for problem in each.problems]
        return found


def verify_workspace(
    workspace: Workspace,
    project: str | None = None,
    *,
    head: str | None = None,
    quick: bool = False,
) -> Checked:
    """Check everything, whatever state it is in. Never raises for damage: it says it.

    Args:
        project: check this one alone, by name or id; default: all.
        head: hash of an event that the log must hold; of one project.
        quick: rows alone, no file is read.

    Raises:
        Unknown: when there is no workspace, or no such project in a sound one.
    """
    if not workspace.root.is_dir():
        raise Unknown(f"There is no workspace in {workspace.root}.")
    if not workspace.database_url and not (workspace.root / DATABASE).exists():
        return Checked((f"{workspace.root / DATABASE} is missing. {RESTORE}",), {})
    try:
        engine = open_workspace(workspace)
    except Refused as error:
        return Checked((str(error),), {})
    except Exception as error:
        return Checked((unreadable(error),), {})
    try:
        return _verify_opened(workspace, engine, project, head, quick)
    finally:
        engine.dispose()


def verify_project(
    access: Access, project: str | int | None, *, head: str | None = None, quick: bool = False
) -> Verification:
    """Check one project of a workspace that opens, as one of its members."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        row = projects.find_project(conn, project_id)
        return _verify(conn, access.workspace, row, head, quick)


def record(workspace: Workspace) -> int:
    """Keep a hash of every row and file that an older version left without one; return how many.

    What is damaged already cannot be told from what was written, so nothing else may be wrong.

    Raises:
        Refused: when something is.
    """
    found = verify_workspace(workspace)
    if not found.ok:
        raise Refused(
            f"Nothing was recorded, because something is damaged: {found.every_problem[0]}"
        )
    with _opened(workspace) as engine:
        with reading(engine) as conn:
            known = {each.path for each in files.recorded(conn)}
            missing = {
                row.id: [p for p in named_files(conn, workspace, row.id) if p not in known]
                for row in projects.list_projects(conn)
            }
        described = {
            project_id: files.describe(workspace, [workspace.path(each) for each in paths])
            for project_id, paths in missing.items()
        }
        with writing(engine) as conn:
            for project_id, rows in described.items():
                files.record(conn, project_id, rows)
            count = record_rows(conn)
            identity.mark_recorded(conn)
    return count + sum(map(len, described.values()))


def rebuild(workspace: Workspace, project: str | None = None) -> list[str]:
    """Derive labels, holdout and what else follows from the log again; return the projects' names.

    Raises:
        Refused: when the log itself is damaged, of which nothing can be derived.
    """
    with _opened(workspace) as engine, writing(engine) as conn:
        done = []
        for row in _chosen(conn, project):
            if log_problems(conn, row.id):
                raise Refused(f'The log of "{row.name}" is damaged itself. {RESTORE}')
            replay.rebuild(conn, row.id)
            if not row.deleted:
                done.append(row.name)
    return done


@contextmanager
def _opened(workspace: Workspace) -> Iterator[Engine]:
    engine = open_workspace(workspace)
    try:
        yield engine
    finally:
        engine.dispose()


def _verify_opened(
    workspace: Workspace, engine: Engine, project: str | None, head: str | None, quick: bool
) -> Checked:
    problems: list[str] = []
    checked: dict[str, Verification] = {}
    left: list[str] = []
    try:
        with reading(engine) as conn:
            problems += findings(lambda: integrity(conn))
            there = projects.list_projects(conn, deleted=True)
            for row in there:
                if project in (None, row.name, str(row.id)):
                    checked[_title(row)] = _verify(conn, workspace, row, head, quick)
            if not quick:
                left += leftovers(conn, workspace)
    except Exception as error:
        problems.append(unreadable(error))
    if project is not None and not checked and not problems:
        names = ", ".join(row.name for row in there if not row.deleted) or "none yet"
        raise Unknown(f'There is no project "{project}"; known: {names}.')
    return Checked(tuple(problems), checked, tuple(left))


def _title(row: projects.ProjectRow) -> str:
    """What a project is called here; several that were deleted may have had one name."""
    return f"{row.name} (deleted, number {row.id})" if row.deleted else row.name


def _verify(
    conn: Connection,
    workspace: Workspace,
    row: projects.ProjectRow,
    head: str | None,
    quick: bool,
) -> Verification:
    project_id = row.id
    found = verify(conn, project_id, head)
    if quick or row.deleted:  # which has its log and no files
        return found
    problems = findings(lambda: other_weights(conn, project_id))
    problems += findings(lambda: damaged_files(conn, workspace, project_id))
    notes = findings(lambda: not_recorded(conn, workspace, project_id))
    return replace(
        found,
        problems=(*found.problems, *problems),
        notes=(*found.notes, *notes),
    )


def _chosen(conn: Connection, project: str | None) -> list[projects.ProjectRow]:
    """The project of that name or id; None means all."""
    if project is None:
        return projects.list_projects(conn, deleted=True)
    return [projects.find_project(conn, int(project) if project.isdecimal() else project)]
