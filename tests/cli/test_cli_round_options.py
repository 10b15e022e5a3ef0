"""`sslapp round options`: a method's options as a table and as JSON."""

import pytest

from sslapp.methods.registry import CARDS
from sslapp.usecases.training.options import method_options


@pytest.mark.parametrize("name", list(CARDS))
def test_every_option_has_its_line(name, tmp_path, command, ask) -> None:
    about, _, listed = command(tmp_path, "round", "options", name).stdout.rpartition("\n\n")
    known = list(CARDS[name].options.model_fields)
    assert [line.split()[0] for line in listed.splitlines()[1:]] == known
    assert about.startswith(f"{CARDS[name].title}. {CARDS[name].about}")
    assert all(each in about for each in CARDS[name].relatives)
    assert [each["name"] for each in ask(tmp_path, "round", "options", name)] == known


def test_a_line_says_type_default_range_and_what_automatic_chooses(tmp_path, command, ask) -> None:
    found = command(tmp_path, "round", "options", "fixmatch").stdout
    (line,) = [each for each in found.splitlines() if each.startswith("steps ")]
    assert line.split("  ", 1)[1].split() == (
        [
            "whole",
            "number",
            "0",
            "at",
            "least",
            "0",
            "and",
            "at",
            "most",
            "1,048,576",
            "0:",
            "by",
            "the",
            "number",
            "of",
            "images",
            "and",
            "the",
            "network",
            "Optimiser",
            "steps.",
        ]
    )
    (steps,) = [
        each for each in ask(tmp_path, "round", "options", "fixmatch") if each["name"] == "steps"
    ]
    assert (steps["type"], steps["default"], steps["at_least"], steps["at_most"]) == (
        "whole number",
        0,
        0,
        2**20,
    )
    assert steps["automatic"] == {"chooses": "by the number of images and the network", "at": 0}


def test_with_a_gear_only_what_counts_there_is_listed(tmp_path, ask) -> None:
    found = ask(tmp_path, "round", "options", "supervised", "--gear", "features")
    assert [each["name"] for each in found] == ["penalty"]


def test_no_description_says_itself_what_automatic_means() -> None:
    for name in CARDS:
        for option in method_options(name):
            assert "0 chooses" not in option.description and "0 takes" not in option.description
            assert option.automatic is None or option.default == option.automatic.at


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nomatch"], 'There is no method "nomatch"; choose one of fixmatch,'),
        (["layermatch", "--gear", "features"], "layermatch runs in the gear pixels"),
    ],
)
def test_a_refusal_says_what_there_is(tmp_path, refusal, words, expected) -> None:
    assert expected in refusal(tmp_path, "round", "options", *words)
