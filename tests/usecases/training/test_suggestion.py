"""The method that is offered first, and its reason."""

import pytest
from sqlalchemy import update

from sslapp.methods.registry import CARDS
from sslapp.review.trial import Trial
from sslapp.store.database import writing
from sslapp.store.schema import embedding
from sslapp.usecases.training.rounds import round_status, start_round
from sslapp.usecases.training.suggestion import FEW_A_CLASS, Suggestion, suggest, suggested
from sslapp.usecases.training.trials import PastTrials
from sslapp.vocabulary import Gear


def trial(method, gear=Gear.FEATURES, encoders=("efficientnet-lite0",), **counts):
    about = {"judged": 40, "right": 30, "only_this": 0, "only_ensemble": 0, "seconds": 1.0}
    about |= counts
    groups = {f"groups_{each}": about[f"only_{each}"] for each in ("this", "ensemble")}
    return Trial(method=method, gear=gear, encoders=encoders, **about, **groups)


AVERAGE = trial("head-ensemble")
TRIED = [AVERAGE, trial("supervised", only_this=2), trial("prototypes", only_ensemble=9)]
LEARNED = {"labels": 40, "classes": 4, "encoders": ["efficientnet-lite0"]}


def test_what_is_not_better_by_more_than_chance_is_not_named():
    found = suggest(**LEARNED, trials=TRIED)
    assert (found.method, found.encoder) == ("head-ensemble", None)
    assert "40 labels that it was not taught" in found.reason
    assert "75.0 % (58.8 to 87.3 %), n = 40; 2 others are not better" in found.reason
    alone = suggest(**LEARNED, trials=TRIED[:2])
    assert "1 other is not better" in alone.reason


def test_what_is_better_by_more_than_chance_is_named_with_its_encoder():
    found = suggest(**LEARNED, trials=[*TRIED, trial("label-propagation", only_this=10)])
    assert (found.method, found.gear, found.encoder) == (
        "label-propagation",
        Gear.FEATURES,
        "efficientnet-lite0",
    )
    assert "Label propagation on EfficientNet-Lite0 was right about 10" in found.reason


def test_a_method_whose_package_is_gone_is_not_named():
    now = {"labelled": 40, "class_ids": [1, 2, 3, 4], "encoders": ["efficientnet-lite0"]}
    tried = [*TRIED, trial("own-mean", only_this=10), trial("label-propagation", only_this=9)]
    found = suggested(PastTrials(now["class_ids"], 40, tried), **now)
    assert found.suggestion.method == "label-propagation"
    assert [each.method for each in found.trials] == [*(t.method for t in TRIED), tried[-1].method]


def test_the_network_is_named_where_it_was_tried_and_is_better():
    better = trial("fixmatch", Gear.PIXELS, (), judged=13, only_this=9)
    worse = trial("fixmatch", Gear.PIXELS, (), judged=13, only_ensemble=4)
    raw = {**LEARNED, "encoders": ["pixels"]}
    for about in (LEARNED, raw):
        found = suggest(**about, trials=[*TRIED, better])
        assert (found.method, found.gear, found.encoder) == ("fixmatch", Gear.PIXELS, None)
        assert "FixMatch on pixels" in found.reason
        found = suggest(**about, trials=[*TRIED, worse])
        assert found.method == "head-ensemble"
    on_features = suggest(**LEARNED, trials=[*TRIED, better], gear=Gear.FEATURES)
    assert on_features.method == "head-ensemble", "the network is no method of that gear"
    assert suggest(**raw, trials=TRIED).method == "fixmatch", "it was not tried"


def test_the_ensemble_comes_first_while_labels_are_few():
    learned = {"classes": 10, "encoders": ["efficientnet-lite0", "pixels"]}
    most = 10 * FEW_A_CLASS
    first = suggest(labels=most, **learned)
    assert (first.method, first.gear) == ("head-ensemble", Gear.FEATURES)
    assert f"{most:,} labels" in first.reason
    later = suggest(labels=most + 1, **learned)
    assert (later.method, later.gear) == ("fixmatch", Gear.PIXELS)
    assert f"{most:,} labels" in later.reason


@pytest.mark.parametrize("classes", [2, 4, 10])
@pytest.mark.parametrize("labels", [1, 40, 1000])
def test_in_the_features_gear_no_single_method_is_chosen_unseen(classes, labels):
    found = suggest(labels=labels, classes=classes, encoders=["pixels"], gear=Gear.FEATURES)
    assert (found.method, found.gear) == ("head-ensemble", Gear.FEATURES)


@pytest.mark.parametrize("encoders", [[], ["pixels"]])
def test_without_learned_features_the_network_is_trained(encoders):
    found = suggest(labels=5, classes=10, encoders=encoders)
    assert (found.method, found.gear) == ("fixmatch", Gear.PIXELS)
    assert "no features of a learned encoder" in found.reason


def test_in_the_pixels_gear_nothing_else_is_offered():
    found = suggest(labels=5, classes=10, encoders=["efficientnet-lite0"], gear=Gear.PIXELS)
    assert (found.method, found.gear) == ("fixmatch", Gear.PIXELS)


@pytest.mark.parametrize("gear", [None, *Gear])
@pytest.mark.parametrize("labels", [1, 10**6])
@pytest.mark.parametrize("encoders", [[], ["pixels"], ["open_clip", "pixels"]])
@pytest.mark.parametrize("tried", [False, True])
def test_what_is_offered_can_run(gear, labels, encoders, tried):
    found: Suggestion = suggest(
        labels=labels, classes=3, encoders=encoders, gear=gear, trials=TRIED if tried else []
    )
    assert found.gear in CARDS[found.method].gears
    assert gear in (None, found.gear)


def test_a_round_without_a_method_takes_what_is_offered(project):
    numbers = [start_round(project, None), start_round(project, None, gear=Gear.FEATURES)]
    with writing(project.engine) as conn:
        conn.execute(update(embedding).values(encoder="efficientnet-lite0"))
    numbers.append(start_round(project, None))
    rows = [round_status(project, None, number) for number in numbers]
    assert [(row["method"], row["gear"]) for row in rows] == [
        ("fixmatch", "pixels"),
        ("head-ensemble", "features"),
        ("head-ensemble", "features"),
    ]
