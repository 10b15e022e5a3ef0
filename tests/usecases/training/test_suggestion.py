"""The method that is offered first, and its reason."""

import pytest
from sqlalchemy import update

from sslapp.methods.registry import CARDS
from sslapp.store.database import writing
from sslapp.store.schema import embedding
from sslapp.usecases.training.rounds import round_status, start_round
from sslapp.usecases.training.suggestion import FEW_A_CLASS, Suggestion, suggest
from sslapp.vocabulary import Gear


def test_prototypes_come_first_up_to_the_labels_that_were_measured():
    learned = {"classes": 10, "encoder": "efficientnet-lite0"}
    most = 10 * FEW_A_CLASS
    first = suggest(labels=most, **learned)
    assert (first.method, first.gear) == ("prototypes", Gear.FEATURES)
    assert first.reason == (
        f"Prototypes: the best of the features gear up to about {most:,} labels."
    )
    later = suggest(labels=most + 1, **learned)
    assert (later.method, later.gear) == ("fixmatch", Gear.PIXELS)
    assert f"{most:,} labels" in later.reason


def test_in_the_features_gear_the_probe_follows_on_prototypes():
    asked = {"classes": 3, "encoder": "pixels", "gear": Gear.FEATURES}
    assert suggest(labels=3 * FEW_A_CLASS, **asked).method == "prototypes"
    later = suggest(labels=3 * FEW_A_CLASS + 1, **asked)
    assert (later.method, later.gear) == ("supervised", Gear.FEATURES)
    assert f"up to {3 * FEW_A_CLASS} labels" in later.reason


@pytest.mark.parametrize("labels", [1, 2 * FEW_A_CLASS])
def test_with_two_classes_the_probe_comes_first(labels):
    found = suggest(labels=labels, classes=2, encoder="efficientnet-lite0")
    assert (found.method, found.gear) == ("supervised", Gear.FEATURES)
    assert "with two classes" in found.reason


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
        ("prototypes", "features"),
        ("prototypes", "features"),
    ]
