"""A method in a file outside of every package: what is read, and what is refused."""

import hashlib
import sys

import pytest
from own_methods import CARD, FILE, METHOD, write_plugin

from sslapp.methods.plugin import read_planned, read_plugin
from sslapp.methods.registry import CARDS
from sslapp.training.method import Method
from sslapp.vocabulary import Gear


def test_a_file_brings_card_and_class_and_its_hash(tmp_path, monkeypatch):
    path = write_plugin(tmp_path)
    monkeypatch.chdir(tmp_path)
    found = read_plugin(path.relative_to(tmp_path))
    assert found.path == path
    assert found.sha256 == hashlib.sha256(FILE.encode()).hexdigest()
    assert (found.card.name, found.card.title, found.card.gears) == (
        *("own-mean", "Own mean"),
        (Gear.FEATURES,),
    )
    assert issubclass(found.method, Method)
    assert found.method(found.method.Config(lean="3")).config.lean == 3
    assert "own-mean" not in CARDS


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("import torch\nclass Own(:", ", line 2, cannot be used: SyntaxError"),
        ("import math\n\nmath.sqrt(-1)", ", line 3, cannot be used: math domain error. Mend"),
        ("import nowhere", ", line 1, cannot be used: ModuleNotFoundError: No module named 'now"),
        ("raise SystemExit(3)", ", line 1, cannot be used: SystemExit: 3"),
        ("CARD = {}", "it is a dict and has to be a MethodCard"),
        ("", "it is a NoneType and has to be a MethodCard"),
        (FILE.replace('"own-mean"', '"fixmatch"'), 'there is a method "fixmatch" already'),
        (FILE.replace('"own-mean"', '"../own"'), 'its name "../own" has to be of a-z'),
        (FILE.replace("(Gear.FEATURES,)", '("features",)'), "its gears have to be a tuple"),
        (FILE.replace("(Gear.FEATURES,)", "()"), "its gears have to be a tuple"),
        (FILE.replace("OwnConfig)", "dict)"), "its options have to be a subclass of MethodConfig"),
        (FILE.replace("lean: float", "lean: list[float]"), "its option lean has to be a bool,"),
        (FILE.replace("lean: float = Field(1.0", "lean: float = Field(..."), "Field required"),
        (FILE.replace('description="How', 'title="How'), "its option lean needs a description"),
        (CARD.format(code=""), "0 of its classes have Config = OwnConfig"),
        (FILE + METHOD.replace("OwnMean", "Other"), "2 of its classes have Config = OwnConfig"),
        (FILE.replace("OwnMean(Method)", "OwnMean"), "is no subclass of Method"),
    ],
)
def test_a_file_that_holds_no_method_is_refused_with_the_reason(tmp_path, content, expected):
    path = write_plugin(tmp_path, content)
    before = set(sys.modules)
    with pytest.raises(ValueError, match=r"^The plugin .*own_mean\.py") as refused:
        read_plugin(path)
    assert expected in str(refused.value)
    assert "Mend the file" in str(refused.value)
    assert not [each for each in set(sys.modules) - before if each.startswith("sslapp_plugin")]


def test_no_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"nothing\.py cannot be read: No such file.* Name the"):
        read_plugin(tmp_path / "nothing.py")


def test_what_was_planned_is_run_again_and_nothing_else_is(tmp_path):
    ran = tmp_path / "ran"
    path = write_plugin(tmp_path)
    row = read_plugin(path).row()
    assert read_planned(row).row() == row
    path.write_text(f"open({str(ran)!r}, 'w')\n{FILE}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"was changed after the round.* Put it back"):
        read_planned(row)
    assert not ran.exists()
    path.unlink()
    with pytest.raises(ValueError, match=r"cannot be read: No such file.* Put it back"):
        read_planned(row)
    write_plugin(tmp_path)
    assert read_planned(row).row() == row
