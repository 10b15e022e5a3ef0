"""Setting readers inactive: who may, who stays, and that it holds at once."""

import dataclasses

import pytest
import small_project

from sslapp.store.errors import Refused, Unknown
from sslapp.usecases.access import Access, NotAllowed, enter
from sslapp.usecases.labelling import decisions
from sslapp.usecases.people.members import grant
from sslapp.usecases.people.readers import ServerReader, activate, deactivate, server_readers
from sslapp.vocabulary import Role


@pytest.fixture
def ben(project):
    """Access as a second server admin, who is a reader of the project."""
    grant(project, 1, "Ben", Role.READER)
    access = enter(project.workspace, "Ben")
    yield access
    access.engine.dispose()


def active(access: Access) -> dict[str, bool]:
    return {each.name: each.active for each in server_readers(access)}


def test_readers_are_listed_with_how_many_projects_they_are_in(project, ben) -> None:
    enter(project.workspace, "Zoe").engine.dispose()
    assert server_readers(project) == [
        ServerReader(1, "Ann", True, 1),
        ServerReader(2, "Ben", True, 1),
        ServerReader(3, "Zoe", True, 0),
    ]


def test_who_is_set_inactive_is_shut_out_at_once_and_comes_back_with_their_role(
    project, ben
) -> None:
    decisions.label(ben, 1, 60, "3")
    deactivate(project, "Ben")
    deactivate(project, "Ben")  # twice is once
    assert active(project) == {"Ann": True, "Ben": False}
    with pytest.raises(NotAllowed, match="not a member"):
        decisions.label(ben, 1, 61, "3")
    with pytest.raises(NotAllowed, match="set inactive on this server"):
        enter(project.workspace, "Ben")
    assert small_project.log(project)[-1].position == 60, "what they decided stays"

    activate(project, "Ben")
    decisions.label(ben, 1, 61, "3")
    assert active(project) == {"Ann": True, "Ben": True}


def test_nobody_locks_themselves_out(project, ben) -> None:
    for name in ("Ann", " Ann "):
        with pytest.raises(Refused, match="Nobody sets themselves inactive"):
            deactivate(project, name)
    assert active(project)["Ann"]


def test_a_projects_last_active_admin_stays(project, ben) -> None:
    grant(project, 1, "Cat", Role.ADMIN)
    deactivate(project, "Cat")
    with pytest.raises(Refused, match='Ann is the last admin of "Digits"'):
        deactivate(ben, "Ann")
    assert active(project)["Ann"]
    activate(ben, "Cat")
    deactivate(ben, "Ann")
    assert active(ben) == {"Ann": False, "Ben": True, "Cat": True}


def test_an_admin_who_was_shut_out_meanwhile_shuts_nobody_out(project, ben) -> None:
    deactivate(project, "Ben")
    with pytest.raises(NotAllowed, match="Ben is set inactive"):
        deactivate(ben, "Ann")
    with pytest.raises(NotAllowed, match="Ben is set inactive"):
        activate(ben, "Ben")
    assert active(project) == {"Ann": True, "Ben": False}


@pytest.mark.parametrize("command", [deactivate, activate])
def test_only_server_admins_may_even_an_admin_of_a_project_may_not(project, ben, command) -> None:
    grant(project, 1, "Ben", Role.ADMIN)
    mere = dataclasses.replace(ben, server_admin=False)
    for work in (lambda: command(mere, "Ann"), lambda: server_readers(mere)):
        with pytest.raises(NotAllowed, match="Only a server admin may"):
            work()
    assert active(project) == {"Ann": True, "Ben": True}


@pytest.mark.parametrize("command", [deactivate, activate])
def test_a_name_nobody_has_is_said(project, command) -> None:
    with pytest.raises(Unknown, match='no reader "Eve"'):
        command(project, "Eve")
    assert active(project) == {"Ann": True}
