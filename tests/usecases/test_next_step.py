"""What a project's next step is, for every state it may be in."""

import dataclasses

import pytest
import small_project

from sslapp.usecases import decisions
from sslapp.usecases.access import enter
from sslapp.usecases.next_step import Facts, Page, next_step, read_facts
from sslapp.usecases.projects import create_project, status
from sslapp.vocabulary import JobKind
from sslapp.workspace import Workspace

REVIEWED = Facts(
    images=100,
    pool=60,
    classes=3,
    bare=0,
    labelled=20,
    embedded=True,
    working=frozenset(),
    round_number=2,
    reviews=4,
)


@pytest.mark.parametrize(
    ("changes", "page", "words"),
    [
        ({"images": 0, "working": {JobKind.IMPORT}}, Page.PROJECTS, "on their way"),
        ({"images": 0}, Page.PROJECTS, "Import images first"),
        ({"classes": 0}, Page.PROJECTS, "Add the classes"),
        ({"working": {JobKind.ROUND}, "reviews": 0}, Page.TRAIN, "A round is training"),
        ({"labelled": 0, "round_number": 0}, Page.LABEL, "each of the 3 classes"),
        ({"bare": 1, "round_number": 0}, Page.LABEL, "1 of 3 classes has no label yet"),
        ({"bare": 2, "round_number": 0}, Page.LABEL, "2 of 3 classes have no label yet"),
        ({"embedded": False, "working": {JobKind.EMBED}}, Page.LABEL, "being embedded"),
        ({"embedded": False}, Page.PROJECTS, "Embed the images"),
        ({"round_number": 0}, Page.TRAIN, "first round"),
        ({"reviews": 0}, Page.REVIEW, "Round 2 is done: review"),
        ({}, Page.TRAIN, "train the next round"),
        ({"pool": 0}, Page.EXPORT, "Export"),
        ({"bare": 1}, Page.TRAIN, "train the next round"),
    ],
)
def test_the_first_thing_that_is_missing_comes_next(changes, page, words) -> None:
    if "working" in changes:
        changes = {**changes, "working": frozenset(changes["working"])}
    step = next_step(dataclasses.replace(REVIEWED, **changes))
    assert step.page is page
    assert words in step.sentence


def test_the_facts_are_those_of_the_project(reviewed) -> None:
    before = read_facts(reviewed, status(reviewed))
    counts = status(reviewed).counts
    assert (before.images, before.pool, before.classes) == (160, counts["pool"], 10)
    assert before.labelled == small_project.LABELLED - counts["holdout_labelled"]
    assert (before.embedded, before.working, before.round_number) == (True, frozenset(), 1)
    assert (before.bare, before.reviews) == (0, 0)
    assert next_step(before).page is Page.REVIEW
    decisions.reject(reviewed, 1, 60)
    assert read_facts(reviewed, status(reviewed)).reviews == 1


def test_an_empty_project_has_facts(tmp_path) -> None:
    access = enter(Workspace(workspace=tmp_path), "Ann")
    project = create_project(access, "Empty", ["a"])
    facts = read_facts(access, status(access, project))
    assert (facts.images, facts.bare, facts.labelled, facts.round_number) == (0, 1, 0, 0)
    assert next_step(facts).sentence == "Import images first."
    access.engine.dispose()
