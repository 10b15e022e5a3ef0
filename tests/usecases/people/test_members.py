"""Who is in a project, and that it never loses its last admin."""

import dataclasses

import pytest
import small_project

from sslapp.store.errors import Refused
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.people.members import grant, members, remove
from sslapp.vocabulary import Role


def roles(access) -> dict[str, Role]:
    return {each.name: each.role for each in members(access, 1)}


def test_roles_are_granted_changed_and_taken_away(project) -> None:
    grant(project, 1, "Ben", Role.READER)
    grant(project, small_project.NAME, "Ben", Role.ADJUDICATOR)
    assert roles(project) == {"Ann": Role.ADMIN, "Ben": Role.ADJUDICATOR}
    ben = next(each for each in members(project, 1) if each.name == "Ben")
    remove(project, 1, ben.reader_id)
    assert roles(project) == {"Ann": Role.ADMIN}
    with pytest.raises(Refused, match="not a member"):
        remove(project, 1, ben.reader_id)


def test_the_last_admin_stays(project) -> None:
    grant(project, 1, "Ben", Role.ADJUDICATOR)
    for command in (
        lambda: grant(project, 1, "Ann", Role.READER),
        lambda: remove(project, 1, project.reader_id),
    ):
        with pytest.raises(Refused, match="last admin stays"):
            command()
    assert roles(project)["Ann"] is Role.ADMIN
    grant(project, 1, "Ben", Role.ADMIN)
    remove(project, 1, project.reader_id)
    with pytest.raises(NotAllowed, match="Ann is not a member"):
        members(project, 1)


@pytest.mark.parametrize("role", [None, Role.READER, Role.ADJUDICATOR])
def test_who_is_no_admin_grants_nothing(project, role) -> None:
    if role is not None:
        grant(project, 1, "Eve", role)
    eve = dataclasses.replace(enter(project.workspace, "Eve"), server_admin=False)
    for command in (
        lambda: grant(eve, 1, "Eve", Role.ADMIN),
        lambda: remove(eve, 1, project.reader_id),
    ):
        with pytest.raises(NotAllowed):
            command()
    eve.engine.dispose()


def test_a_server_admin_grants_roles_where_they_are_no_member(project) -> None:
    root = enter(project.workspace, "Root")
    grant(root, 1, "Root", Role.READER)
    assert roles(project)["Root"] is Role.READER
    root.engine.dispose()
