"""Names that are taken without sign-in: what they may do, and whose a decision is."""

import pytest

from sslapp.store.errors import Refused
from sslapp.usecases.access import NotAllowed
from sslapp.usecases.labelling import decisions
from sslapp.usecases.people.members import grant, members
from sslapp.usecases.people.names import known_names, take_name, under_name
from sslapp.usecases.people.readers import deactivate
from sslapp.vocabulary import Role


def test_a_new_name_has_the_role_of_who_hands_over_and_decides_for_itself(project) -> None:
    ben = under_name(project, take_name(project, " Ben "))
    assert (ben.reader, ben.server_admin) == ("Ben", True)
    assert {each.name: each.role for each in members(project, None)} == {
        "Ann": Role.ADMIN,
        "Ben": Role.ADMIN,
    }
    made = decisions.label(ben, None, 60, "3")
    assert made.reader_id == ben.reader_id != project.reader_id
    with pytest.raises(Refused, match="another reader's decision"):
        decisions.undo(project, None, made.number)
    assert [each.name for each in known_names(ben)] == ["Ann", "Ben"]


def test_a_known_name_keeps_the_role_that_it_has(project) -> None:
    grant(project, None, "Eve", Role.READER)
    take_name(project, "Eve")
    assert {each.name: each.role for each in members(project, None)}["Eve"] is Role.READER


def test_who_is_inactive_or_unknown_is_nobody_to_go_on_as(project) -> None:
    ben = take_name(project, "Ben")
    deactivate(project, "Ben")
    with pytest.raises(Refused, match="Ben is set inactive"):
        take_name(project, "Ben")
    for number in (ben, 999):
        with pytest.raises(NotAllowed):
            under_name(project, number)
    assert [each.name for each in known_names(project)] == ["Ann"]
    with pytest.raises(Refused, match="1 to 200 characters"):
        take_name(project, "  ")
