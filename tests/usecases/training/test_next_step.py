"""What a project's next step is, for every state it may be in."""

import dataclasses

import pytest
import small_project

from sslapp.store.database import writing
from sslapp.store.schema import round_
from sslapp.usecases.access import enter
from sslapp.usecases.comparing.rounds import comparable_rounds
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.projects.classes import add_class
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.usecases.reviewing.board import board_key
from sslapp.usecases.training.next_step import Facts, Page, next_step, read_facts
from sslapp.vocabulary import JobKind
from sslapp.workspace import Workspace

REVIEWED = Facts(
    images=100,
    pool=60,
    classes=3,
    bare=0,
    single=0,
    labelled=20,
    holdout=5,
    embedded=True,
    working=frozenset(),
    round_number=2,
    calibrated=True,
    contradicted=False,
    reviews=4,
    sure=12,
    since=0,
    better="",
    compared=True,
    encoder="",
)


UNSURE = {"reviews": 0, "sure": 0}


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
        ({"round_number": 0, "single": 2}, Page.LABEL, "2 of 3 classes have a single label."),
        ({"round_number": 0, "single": 1, "holdout": 30}, Page.TRAIN, "first round"),
        ({"round_number": 0}, Page.TRAIN, "first round"),
        ({"calibrated": False, "reviews": 0}, Page.LABEL, "label 25 more images of the holdout"),
        ({"calibrated": False, "holdout": 30}, Page.TRAIN, "calibrates the next round"),
        ({"contradicted": True, "reviews": 0}, Page.LABEL, "and the holdout contradicts it"),
        ({"reviews": 0}, Page.REVIEW, "Round 2 is done: review the 12 images it was sure of"),
        ({"reviews": 0, "sure": 1}, Page.REVIEW, "the 1 image it"),
        ({"reviews": 0, "sure": None}, Page.REVIEW, "review its pseudo-labels"),
        ({**UNSURE, "since": 3}, Page.TRAIN, "3 labels came after it"),
        ({**UNSURE, "encoder": "EfficientNet"}, Page.PROJECTS, "Embed the images by EfficientNet"),
        ({**UNSURE, "better": "FixMatch on pixels"}, Page.TRAIN, "FixMatch on pixels is better"),
        ({**UNSURE, "compared": False, "labelled": 76}, Page.TRAIN, "76 labels are enough"),
        ({**UNSURE, "compared": False, "labelled": 75}, Page.LABEL, "Label 20 more"),
        (UNSURE, Page.LABEL, "Label 20 more of the images"),
        ({"holdout": 29}, Page.TRAIN, "Its holdout has 29 labels: 30 tell"),
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
    verdicts.reject(reviewed, 1, 60)
    assert read_facts(reviewed, status(reviewed)).reviews == 1


def test_labels_of_the_test_split_and_of_the_holdout_teach_no_round(project) -> None:
    before = read_facts(project, status(project))
    add_class(project, None, "eel")
    for position in (small_project.POOL, small_project.POOL + 1):
        decisions.label(project, 1, position, "eel")
    small_project.draw_holdout(project, 60)
    decisions.label(project, 1, 60, "eel")
    facts = read_facts(project, status(project))
    assert (facts.labelled, facts.bare) == (before.labelled, 1)
    decisions.label(project, 1, 61, "eel")
    facts = read_facts(project, status(project))
    assert (facts.labelled, facts.bare) == (before.labelled + 1, 0)


def test_a_round_has_finished_when_it_has_predictions_wherever_it_is_asked(reviewed) -> None:
    with writing(reviewed.engine) as conn:
        conn.execute(round_.update().values(probabilities=None))
    assert read_facts(reviewed, status(reviewed)).round_number == 0
    assert comparable_rounds(reviewed, 1) == []
    assert board_key(reviewed, 1) is None


def test_an_empty_project_has_facts(tmp_path) -> None:
    access = enter(Workspace(workspace=tmp_path), "Ann")
    project = create_project(access, "Empty", ["a"])
    facts = read_facts(access, status(access, project))
    assert (facts.images, facts.bare, facts.labelled, facts.round_number) == (0, 1, 0, 0)
    assert next_step(facts).sentence == "Import images first."
    access.engine.dispose()
