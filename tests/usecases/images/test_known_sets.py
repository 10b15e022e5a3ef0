"""Known sets by name: where they are looked for, what is told of them, the job that fetches."""

import dataclasses
import tracemalloc

import numpy as np
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
from sslapp.usecases.images.incoming.looking import import_looked_at, open_look
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.usecases.images.incoming.plan import AS_SUGGESTED, plan_of_scan, plan_source
from sslapp.usecases.images.incoming.plan_words import in_words
from sslapp.usecases.images.incoming.scan import Scan
from sslapp.usecases.images.incoming.sources import SourceChoice, SourceKind, import_chosen
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.vocabulary import JobState, Split
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
    look = import_chosen(access, project, SourceChoice(SourceKind.NAMED, "food101"))
    assert small_project.finish(access, look)["state"] == JobState.DONE
    seen = open_look(access, project)
    kept = plan_of_scan(access, project, Scan.load(seen.folder))
    assert kept.look.splits == {Split.POOL: 3, Split.TEST: 2}
    assert (kept.scan.sample.sizes, kept.scan.sample.formats) == ({"12 x 8": 5}, {"JPEG": 5})
    assert kept.scan.seconds is not None
    assert kept.bytes > sum(path.stat().st_size for path in (tmp_path / "allowed").rglob("*.jpg"))
    job = import_looked_at(access, seen.id, AS_SUGGESTED)
    row = small_project.finish(access, job)
    assert (row["state"], row["params"]["download"]) == (JobState.DONE, False)
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


def test_a_set_of_arrays_is_planned_without_its_pixels(access, tmp_path, monkeypatch) -> None:
    tiny_sets.mnist(access.workspace.data)
    pixels = access.workspace.data / "MNIST" / "raw" / "train-images-idx3-ubyte"
    with pixels.open("r+b") as file:  # as large as the whole set, and not a byte of it on the disk
        file.write(pixels.read_bytes()[:4] + (60_000).to_bytes(4, "big"))
        file.truncate(16 + 60_000 * 28 * 28)
    labels = np.arange(60_000) % 10
    (pixels.parent / "train-labels-idx1-ubyte").write_bytes(tiny_sets.idx(labels))
    project = create_project(access, "Digits", ["0", "1"])
    tracemalloc.start()
    origin = with_root(access, Origin(source="mnist"))
    plan = plan_source(access, project, origin, lambda done, total, what: None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20, "47 MB of pixels"
    assert (plan.look.images, plan.look.splits[Split.TEST], plan.classes) == (60_002, 2, 10)
    assert plan.look.classes["3"] == 6_000
    assert plan.lacking == [str(digit) for digit in range(2, 10)]
    assert plan.scan.sample.kinds == {"grey, 8 bits": 60_002}
    assert 0 < plan.seconds < 600
    assert plan.bytes == 60_002 * 28 * 28
    said = in_words(plan)
    assert said[0] == "mnist: 60,002 images, 10 classes, 2 test."
    assert said[1].startswith("Licence: see its authors' terms. It lies in ")
    assert said[2].endswith("Add them to it or import into a new project.")  # there is no folder


def test_a_set_that_is_not_here_is_planned_by_its_card(access) -> None:
    small_project.finish(access, import_images(access, create_project(access, "Digits"), "digits"))
    origin = with_root(access, Origin(source="stl10"))
    plan = plan_source(access, "Digits", origin, lambda done, total, what: None)
    assert (plan.look.images, plan.classes, plan.without_class) == (113_000, 10, 100_000)
    assert plan.lacking == []
    assert plan.can_come
    cars = plan_source(access, "Digits", Origin(source="cars"), lambda done, total, what: None)
    assert (cars.look.images, cars.classes, cars.can_come) == (16_185, 196, False)
    assert "8 x 8" in plan.differs
    assert plan.bytes == 113_000 * (96 * 96 * 3 + 8 * 8)  # a file for readers beside the store
    said = in_words(plan)
    assert said[0] == "stl10: 113,000 images, 10 classes, 100,000 without a class, 8,000 test."
    assert said[1].endswith("It is not here; to be downloaded: 2.6 GB.")
    assert "authors' account" in said[2]
    assert not access.workspace.data.exists()


@pytest.mark.slow
def test_a_download_that_fails_is_the_jobs_error_and_leaves_nothing(access) -> None:
    project = create_project(access, "Cars")
    row = small_project.finish(access, import_images(access, project, "cars", download=True))
    assert row["state"] == JobState.FAILED
    assert "Stanford Cars is not offered for download any more" in row["error"]
    assert not any(access.workspace.data.iterdir())
