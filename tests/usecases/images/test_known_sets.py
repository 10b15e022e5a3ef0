"""Known sets by name: where they are looked for, what is told of them, the job that fetches."""

import dataclasses

import pytest
import small_project
import tiny_sets

from sslapp.usecases.access import enter
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.incoming.known_sets import (
    images_of_set,
    known_here,
    known_sets,
    root_of,
    with_root,
)
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.usecases.images.incoming.plan import plan_source
from sslapp.usecases.images.incoming.sources import SourceChoice, SourceKind, import_chosen
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.vocabulary import JobState
from sslapp.workspace import Workspace


@pytest.fixture
def access(tmp_path):
    """Ann, with an allowed folder that holds Food-101 and a link to a KMNIST elsewhere."""
    allowed = tmp_path / "allowed"
    tiny_sets.food(allowed / "sets")
    tiny_sets.mnist(tmp_path / "elsewhere", "KMNIST")
    (allowed / "KMNIST").symlink_to(tmp_path / "elsewhere" / "KMNIST")
    made = enter(Workspace(workspace=tmp_path / "workspace", import_roots=str(allowed)), "Ann")
    yield made
    made.engine.dispose()


def test_a_set_below_an_allowed_folder_is_found_and_imported_by_name(access, tmp_path) -> None:
    there = {each.card.name: each.place for each in known_sets(access) if each.there}
    assert {name: place and place.path for name, place in there.items()} == {
        "digits": None,
        "food101": tmp_path / "allowed" / "sets" / "food-101",
    }
    project = create_project(access, "Dishes")
    job = import_chosen(access, project, SourceChoice(SourceKind.NAMED, "food101"))
    assert small_project.finish(access, job)["state"] == JobState.DONE
    found = status(access, project)
    assert [each.name for each in found.sets] == ["food101"]
    assert (found.counts["images"], found.counts["test"]) == (5, 2)
    assert [each.name for each in found.classes] == ["apple_pie", "waffles"]
    assert images_of_set(access, project, "food101") == 5
    assert images_of_set(access, project, "digits") == 0
    origin = with_root(access, Origin(source="food101"))
    plan = plan_source(access, project, origin, lambda done, total, what: None)
    assert (plan.look.images, plan.here, plan.new) == (5, 5, 0)
    assert plan.look.classes == {"apple_pie": 2, "waffles": 3}


def test_the_workspace_comes_first_and_what_others_allow_is_for_server_admins(access) -> None:
    workspace = access.workspace
    reader = dataclasses.replace(access, server_admin=False)
    assert known_here(reader, "food101").place is None
    assert root_of(reader, "food101") == workspace.data
    tiny_sets.food(workspace.data)
    for who in (access, reader):
        place = known_here(who, "food101").place
        assert place is not None and place.root == workspace.data.resolve()


def test_each_set_tells_where_it_is_or_what_a_download_brings(access, tmp_path) -> None:
    told = {each.card.name: each.whereabouts() for each in known_sets(access)}
    assert told["digits"] == "It comes with the program."
    assert told["food101"] == f"It lies in {tmp_path / 'allowed' / 'sets' / 'food-101'}."
    assert told["kmnist"] == "It is not here; to be downloaded: 21 MB."
    assert told["stl10"] == "It is not here; to be downloaded: 2.6 GB."
    assert told["pathmnist_224"].endswith("how much, its server says.")
    assert "nobody offers a download. Put the folder stanford_cars" in told["cars"]


def test_a_download_that_fails_is_the_jobs_error_and_leaves_nothing(access) -> None:
    project = create_project(access, "Cars")
    row = small_project.finish(access, import_images(access, project, "cars", download=True))
    assert row["state"] == JobState.FAILED
    assert "Stanford Cars is not offered for download any more" in row["error"]
    assert not any(access.workspace.data.iterdir())
