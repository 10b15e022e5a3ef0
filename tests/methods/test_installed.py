"""Methods of other packages, found by their entry points."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from own_methods import CARD, install, install_own_mean

from sslapp.methods.installed import find_installed
from sslapp.methods.registry import BUILT_IN

ROOT = Path(__file__).parents[2]

REGISTRY = """
import json, sys
from sslapp.methods.registry import BUILT_IN, CARDS, PROBLEMS
from sslapp.methods.challengers import CHALLENGERS
light = "torch" not in sys.modules
print(json.dumps([light, [*CARDS], [*PROBLEMS], "own-mean" in CHALLENGERS]))
"""


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A folder that is on the path; what its packages load is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def test_the_registry_has_what_is_installed_and_does_without_what_is_broken(tmp_path):
    install_own_mean(tmp_path)
    install(tmp_path, "a-broken-one", "broken = broken_card:CARD", broken_card="1 / 0")
    done = subprocess.run(
        [sys.executable, "-c", REGISTRY],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])},
        capture_output=True,
        text=True,
        check=True,
    )
    light, cards, problems, compared = json.loads(done.stdout)
    assert light, "reading the cards loaded torch"
    assert cards == [*BUILT_IN, "own-mean"]
    (problem,) = problems
    assert problem.startswith("The package a-broken-one 1.5 offers the method broken = broken_card")
    assert "ZeroDivisionError: division by zero. Update or uninstall that package" in problem
    assert compared


def test_a_method_is_called_by_its_card_and_known_by_its_package(packages):
    install_own_mean(packages)
    found, problems = find_installed(BUILT_IN)
    assert problems == []
    (method,) = found.values()
    assert (method.card.name, method.offered_by) == ("own-mean", "own-mean 1.5")
    assert method.method_class().Config is method.card.options


@pytest.mark.parametrize(
    ("entry", "content", "expected"),
    [
        ("own = nowhere:CARD", "", "ModuleNotFoundError: No module named 'nowhere'"),
        ("own = own_card:NOTHING", CARD.format(code=""), "AttributeError"),
        ("own = own_card:OwnConfig", CARD.format(code=""), "has to be a MethodCard"),
        ("own = own_card:CARD", CARD.format(code=""), 'by code="module:Class" where'),
        ("own = own_card:CARD", "raise SystemExit", "SystemExit"),
        (
            "own = own_card:CARD",
            CARD.format(code=', code="a:B"').replace("own-mean", "supervised"),
            'there is a method "supervised" already',
        ),
    ],
)
def test_what_cannot_be_used_is_left_out_and_named(packages, entry, content, expected):
    install(packages, "own-thing", entry, own_card=content)
    found, (problem,) = find_installed(BUILT_IN)
    assert found == {}
    assert f"The package own-thing 1.5 offers the method {entry}, which cannot be used" in problem
    assert expected in problem


def test_of_two_of_one_name_the_first_is_taken(packages):
    install_own_mean(packages)
    install(packages, "another", "z-mean = own_card:CARD")
    found, (problem,) = find_installed(BUILT_IN)
    assert [each.offered_by for each in found.values()] == ["own-mean 1.5"]
    assert "The package another 1.5" in problem
    assert 'there is a method "own-mean" already' in problem


@pytest.mark.parametrize(
    ("code", "expected"),
    [("own_code:OwnMean", "No module named 'own_code'"), ("own_card:OwnConfig", "no subclass of")],
)
def test_code_that_cannot_be_loaded_is_named_with_its_package(packages, code, expected):
    install(
        *(packages, "own-thing", "own = own_card:CARD"),
        own_card=CARD.format(code=f', code="{code}"'),
    )
    found, _ = find_installed(BUILT_IN)
    with pytest.raises(
        ValueError, match=r'"own-mean" of own-thing 1\.5 cannot be loaded'
    ) as refused:
        found["own-mean"].method_class()
    assert expected in str(refused.value)
