"""The list of projects."""

import small_project

from sslapp.store import label_classes
from sslapp.store.database import writing
from sslapp.usecases.access import enter
from sslapp.usecases.labelling import decisions
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.listing import project_list
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import JobState, Role


def test_each_project_is_counted_and_the_latest_comes_first(reviewed) -> None:
    create_project(reviewed, "Later", ["a"])
    later, digits = project_list(reviewed)
    assert (later.name, later.images, later.labelled, later.round_number) == ("Later", 0, 0, None)
    assert (digits.images, digits.labelled) == (160, small_project.LABELLED)
    assert (digits.round_number, digits.round_state) == (1, JobState.DONE)
    assert (digits.working, digits.role) == (0, Role.ADMIN)
    assert digits.event == small_project.log(reviewed)[-1].number
    decisions.label(reviewed, 1, 100, "3")
    start_round(reviewed, 1, method="supervised")
    first, _ = project_list(reviewed)
    assert (first.name, first.labelled) == (small_project.NAME, small_project.LABELLED + 1)
    assert (first.round_number, first.round_state, first.working) == (2, JobState.QUEUED, 1)


def test_labels_of_a_retired_class_do_not_count(project) -> None:
    (before,) = project_list(project)
    with writing(project.engine) as conn:
        row = label_classes.classes(conn, 1)[3]
        label_classes.retire_class(conn, 1, row.id)
    (after,) = project_list(project)
    assert after.labelled < before.labelled


def test_only_projects_of_the_reader_are_listed(project) -> None:
    eve = enter(project.workspace, "Eve")
    assert project_list(eve) == []
    grant(project, 1, "Eve", Role.READER)
    assert [each.role for each in project_list(eve)] == [Role.READER]
    eve.engine.dispose()
