import re
import subprocess
import sys

import pytest

from sslapp.methods.card import MethodCard
from sslapp.methods.registry import CARDS, method_class
from sslapp.training.configuration import MethodConfig
from sslapp.vocabulary import Gear


def test_every_card_has_its_code_and_the_code_its_card():
    for name, card in CARDS.items():
        assert card.name == name
        assert method_class(name).Config is card.options
        assert card.gears


def test_methods_that_compare_one_weak_and_one_strong_view_alone_run_on_features_too():
    found = {name: card.gears for name, card in CARDS.items() if card.compares_views}
    both = {name for name, gears in found.items() if gears == (Gear.PIXELS, Gear.FEATURES)}
    relatives = {"flexmatch", "freematch", "softmatch", "uda", "pseudo-label", "dash"}
    assert both == {"fixmatch", *relatives}
    assert all(gears == (Gear.PIXELS,) for name, gears in found.items() if name not in both)


@pytest.mark.parametrize("name", sorted(CARDS))
def test_every_option_has_a_description_and_survives_json(name):
    options = CARDS[name].options()
    for field in options.model_json_schema()["properties"].values():
        assert field["description"]
    assert type(options).model_validate_json(options.model_dump_json()) == options


def test_reading_the_cards_brings_no_torch():
    script = "import sys, sslapp.methods.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_first_sentence_stands_for_a_card_in_a_list():
    assert CARDS["supervised"].summary == "The network, or a linear probe, on labels alone."
    told = MethodCard("x", "X", "One sentence alone.", (Gear.PIXELS,), MethodConfig)
    assert told.summary == "One sentence alone." and told.formula == "" and told.relatives == ()


@pytest.mark.parametrize("name", sorted(CARDS))
def test_every_card_tells_three_sentences_a_formula_and_relatives(name):
    card = CARDS[name]
    assert len(re.findall(r"[.!?](?= [A-Z]|$)", card.about)) == 3
    assert card.formula.strip()
    assert card.relatives
    assert len(set(card.relatives)) == len(card.relatives)
    assert set(card.relatives) <= CARDS.keys() - {name}
    for equation in card.formula.splitlines():
        assert equation == equation.strip()
        assert equation.count("{") == equation.count("}")
