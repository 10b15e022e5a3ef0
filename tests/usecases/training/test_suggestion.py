"""The method that is offered first, and its reason."""

import pytest
from sqlalchemy import update

from sslapp.methods.registry import CARDS
from sslapp.store.database import writing
from sslapp.store.schema import embedding
from sslapp.usecases.training.rounds import round_status, start_round
from sslapp.usecases.training.suggestion import FEW_A_CLASS, Suggestion, suggest
from sslapp.vocabulary import Gear


def test_the_ensemble_comes_first_while_labels_are_few():
    learned = {"classes": 10, "encoder": "efficientnet-lite0"}
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
    found = suggest(labels=labels, classes=classes, encoder="pixels", gear=Gear.FEATURES)
    assert (found.method, found.gear) == ("head-ensemble", Gear.FEATURES)


@pytest.mark.parametrize("encoder", [None, "pixels"])
def test_without_learned_features_the_network_is_trained(encoder):
    found = suggest(labels=5, classes=10, encoder=encoder)
    assert (found.method, found.gear) == ("fixmatch", Gear.PIXELS)
    assert "no features of a learned encoder" in found.reason


def test_in_the_pixels_gear_nothing_else_is_offered():
    found = suggest(labels=5, classes=10, encoder="efficientnet-lite0", gear=Gear.PIXELS)
    assert (found.method, found.gear) == ("fixmatch", Gear.PIXELS)


@pytest.mark.parametrize("gear", [None, *Gear])
@pytest.mark.parametrize("labels", [1, 10**6])
@pytest.mark.parametrize("encoder", [None, "pixels", "open_clip"])
def test_what_is_offered_can_run(gear, labels, encoder):
    found: Suggestion = suggest(labels=labels, classes=3, encoder=encoder, gear=gear)
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
