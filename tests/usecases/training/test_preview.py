"""What a round would train on, said before it starts and without freezing anything."""

import dataclasses

import numpy as np
import pytest
import small_project

from sslapp.methods.registry import CARDS
from sslapp.store.database import reading
from sslapp.store.embeddings import EncoderFeatures
from sslapp.store.label_classes import ClassRow
from sslapp.store.schema import snapshot
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.projects.classes import retire_class
from sslapp.usecases.training import rounds
from sslapp.usecases.training.preview import (
    Choices,
    Preview,
    calibrated_on,
    calibration_ahead,
    choices,
    listed,
    missing_before_start,
    preview,
    warnings,
)
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import CalibratedOn, Gear, Source


def found(*counts: int, **changes) -> Preview:
    per_class = np.zeros((len(counts), 4), dtype=np.int64)
    per_class[:, Source.EXPERT] = counts
    values = {
        "classes": [ClassRow(n, n, f"class {n}", "#000000", "", False) for n in range(len(counts))],
        "per_class": per_class,
        "pool": 500,
        "holdout": 60,
        "validation": 50,
        "forbidden": 0,
        "forbidden_images": 0,
        "none_of_these": 0,
        "images": 1000,
    }
    return Preview(**{**values, **changes})


def can(classes: int = 3, **changes) -> Choices:
    values = {
        "event": 9,
        "images": 1000,
        "size": (8, 8, 1),
        "frozen": [],
        "features": [EncoderFeatures("pixels", 1000)],
        "flip": False,
        "live": frozenset(range(classes)),
        "compared": None,
        "newest": 0,
    }
    return Choices(**{**values, **changes})


def test_the_preview_is_what_the_round_then_freezes(project) -> None:
    verdicts.reject(project, 1, 60, "3")
    seen = preview(project, 1)
    with reading(project.engine) as conn:
        assert conn.execute(snapshot.select()).all() == []
    start_round(project, None, method="supervised")
    with reading(project.engine) as conn:
        counts = conn.execute(snapshot.select()).one().counts
    assert seen.labelled == counts["labelled"]
    assert (seen.pool, seen.holdout, seen.validation) == (
        counts["pool"],
        counts["holdout"],
        counts["validation"],
    )
    assert (seen.forbidden, seen.forbidden_images, seen.images) == (1, 1, 160)


def test_an_earlier_snapshot_is_shown_as_it_was(project) -> None:
    start_round(project, None, method="supervised")
    before = preview(project, 1)
    decisions.label(project, 1, 100, "1")
    assert preview(project, 1).labelled == before.labelled + 1
    assert preview(project, 1, same_as=1).labelled == before.labelled
    start_round(project, None, method="prototypes", same_as=1)
    start_round(project, None, method="prototypes")
    frozen = choices(project, 1).frozen
    assert [each.rounds for each in frozen] == [(3,), (1, 2)]
    assert choices(project, 1).newest == 3


def test_a_snapshot_with_a_class_retired_since_can_still_be_shown(project) -> None:
    start_round(project, None, method="supervised")
    retire_class(project, 1, "7")
    seen, now = preview(project, 1, same_as=1), choices(project, 1)
    assert len(seen.classes) == 10 and len(preview(project, 1).classes) == 9
    assert any("7 was in use then" in each for each in warnings(seen, now, same_as=1))


def test_a_stranger_is_shown_nothing(project) -> None:
    eve = enter(project.workspace, "Eve")
    for look in (choices, preview):
        with pytest.raises(NotAllowed):
            look(eve, 1)
    eve.engine.dispose()


def test_nothing_is_said_when_all_is_well() -> None:
    assert warnings(found(5, 5, 9), can()) == []


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (
            found(26, 2, 2),
            "26 of class 0, 2 of class 1. Balanced batches (the option labelled_batches",
        ),
        (found(5, 0, 9), "No label yet for class 1: no image will be predicted to be one."),
        (found(0, 0, 9), "No label yet for class 0 and class 1"),
        (found(40, 2, 9), "Labels are uneven: 40 of class 0, 2 of class 1."),
        (found(5, 5, 9, validation=0), "No holdout label yet: the accuracy stays unknown"),
        (found(5, 5, 9, pool=0), "The pool is empty"),
    ],
)
def test_each_flaw_is_said_in_a_sentence(seen, said) -> None:
    (sentence,) = warnings(seen, can())
    assert said in sentence


def test_images_and_classes_that_came_after_the_snapshot_are_named() -> None:
    told = warnings(found(5, 5), can(classes=3, images=1200), same_as=4)
    assert told == [
        "200 images that came after round 4 will not be predicted.",
        "1 class was added after round 4 and will not be predicted.",
    ]


@pytest.mark.parametrize(
    ("seen", "now", "gear", "said"),
    [
        (found(0, 0), can(images=0), Gear.PIXELS, "There are no images yet"),
        (found(5), can(), Gear.PIXELS, "at least two classes"),
        (found(0, 0), can(), Gear.PIXELS, "label a few images on the Label page"),
        (found(5, 5), can(features=[]), Gear.FEATURES, "needs all 1,000 images embedded, and 0"),
        (found(5, 5), can(features=[EncoderFeatures("b", 900)]), Gear.FEATURES, "and 900 are"),
        (found(5, 5), can(features=[]), Gear.PIXELS, ""),
        (found(5, 5), can(), Gear.FEATURES, ""),
    ],
)
def test_what_keeps_a_round_from_starting_comes_with_its_mend(seen, now, gear, said) -> None:
    told = missing_before_start(seen, now, gear, None)
    assert said in told if said else told == ""


@pytest.mark.parametrize(
    ("seen", "method", "gear", "changed", "said"),
    [
        (found(5, 5, validation=30), "fixmatch", Gear.PIXELS, {}, "on the 30 holdout labels."),
        (
            found(5, 5, validation=29),
            "prototypes",
            Gear.FEATURES,
            {},
            "fitting on 10 labels.",
        ),
        (
            found(9, 9, validation=0),
            "fixmatch",
            Gear.PIXELS,
            {},
            "on all 18 labels by three further trainings",
        ),
        (
            found(5, 4, validation=0),
            "prototypes",
            Gear.FEATURES,
            {},
            "1 more label would mend that",
        ),
        (
            found(50, 40, validation=29),
            "fixmatch",
            Gear.PIXELS,
            {},
            "a third of the 90 labels",
        ),
        (
            *(found(9, 9, validation=25), "fixmatch", Gear.PIXELS),
            {"calibration_trainings": "none"},
            "nothing: its confidence is not calibrated. 5 more holdout labels would mend that, or",
        ),
    ],
)
def test_what_confidence_will_rest_on_is_said_before_the_round(
    seen, method, gear, changed, said
) -> None:
    source = calibrated_on(seen, CARDS[method].options(**changed), gear)
    assert said in calibration_ahead(seen, source)


def test_accepted_pseudo_labels_calibrate_nothing() -> None:
    seen = found(9, 9, validation=0)
    seen.per_class[:, Source.ACCEPTED] = seen.per_class[:, Source.EXPERT]
    seen.per_class[:, Source.EXPERT] = 0
    source = calibrated_on(seen, CARDS["prototypes"].options(), Gear.FEATURES)
    assert source is CalibratedOn.NOTHING


def test_long_lists_are_cut() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcdefg")) == "a, b, c, d and 3 more"


def test_a_second_click_starts_no_second_round(project) -> None:
    newest = choices(project, 1).newest
    start_round(project, None, method="supervised", after=newest)
    with pytest.raises(ValueError, match="Round 1 was started meanwhile"):
        start_round(project, None, method="supervised", after=newest)
    assert rounds.round_status(project, None)["number"] == 1


def test_choices_name_size_and_encoders(project) -> None:
    now = choices(project, 1)
    assert (now.images, now.size, now.flip) == (160, (8, 8, 1), False)
    assert now.features == [EncoderFeatures("pixels", 160)]
    assert now.covered(None) == now.covered("pixels") == 160
    assert now.covered("unknown") == 0
    assert dataclasses.replace(now, features=[]).covered(None) == 0


def test_none_is_shared_with_another_project(project, tmp_path) -> None:
    other = small_project.create_project(project, "Another", ["a", "b"])
    assert choices(project, other).images == 0
    assert preview(project, other).labelled == 0
