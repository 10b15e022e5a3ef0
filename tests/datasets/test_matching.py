"""Which image a line means: by every spelling of its name, and only when one alone is meant."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslapp.datasets.tables.matching import ImageNames, Rule, match_lines
from sslapp.datasets.tables.other_columns import other_columns
from sslapp.datasets.tables.reading import open_table
from sslapp.datasets.tables.table import ListError

NAMES = [
    "train/p1/s1/view.jpg",
    "train/p2/s1/view.jpg",
    "scans/00000042_001.png",
    "scans/Zoë.png",
    "ISIC_0024306.jpg",
    "7.png",
    "1.2.840.113.png",
]


@pytest.mark.parametrize(
    ("cell", "position", "rule"),
    [
        ("train/p2/s1/view.jpg", 1, Rule.NAME),
        (r"train\p2\s1\view.jpg", 1, Rule.PATH),
        ("./train/p2/s1/view.jpg", 1, Rule.PATH),
        ("CheXpert-v1.0/train/p2/s1/view.jpg", 1, Rule.END),
        (r"C:\Users\ann\p1\s1\view.jpg", 0, Rule.END),
        ("p2/s1/view.jpg", 1, Rule.END),
        ("00000042_001.png", 2, Rule.FILE),
        ("00000042_001", 2, Rule.STEM),
        ("00000042_001.jpeg", 2, Rule.STEM),
        ("42_1", 2, Rule.ZEROS),
        ("000007", 5, Rule.ZEROS),
        ("7.0", 5, Rule.ZEROS),
        ("7", 5, Rule.STEM),
        ("1.2.840.113", 6, Rule.STEM),
        ("ISIC_0024306", 4, Rule.STEM),
        ("isic_0024306.JPG", 4, Rule.CASE),
        ("SCANS/zoë.png", 3, Rule.CASE),
        (unicodedata.normalize("NFD", "scans/Zoë.png"), 3, Rule.PATH),
        (unicodedata.normalize("NFD", "Zoë.png"), 3, Rule.FILE),
    ],
)
def test_a_name_is_understood_as_people_write_it(cell, position, rule):
    assert ImageNames(NAMES).find(cell) == ([position], rule)


def test_letters_of_every_script_are_names():
    names = ["猫/照片一.png", "狗/照片二.png", "Ärzte/Übersicht.png"]
    found = ImageNames(names)
    assert found.find("照片二")[0] == [1]
    assert found.find("D:\\ärzte\\übersicht.PNG")[0] == [2]


@pytest.mark.parametrize(
    ("names", "cell", "found"),
    [
        (["a/1.png", "b/1.png"], "1.png", [0, 1]),
        (["a/1.png", "b/1.png"], "c/1.png", [0, 1]),
        (["a/1.png", "b/1.png"], "x/b/1.png", [1]),
        (["1.png", "01.png"], "1", [0]),
        (["1.png", "01.png"], "001", [0, 1]),
        (["a.png", "a.jpg"], "a", [0, 1]),
        (["a.png", "a.jpg"], "a.gif", [0, 1]),
        (["a.png", "A.png"], "a.png", [0]),
        (["a.png", "A.png"], r"c:\A.png", [1]),
        (["a/1.jpg", "b/1.png"], "a/1.png", [0]),
        (["a.png"], "b.png", []),
        (["a.png"], "/", []),
        ([], "a.png", []),
    ],
)
def test_what_agrees_most_comes_first_and_several_stay_several(names, cell, found):
    assert ImageNames(names).find(cell)[0] == found


PARTS = st.text(st.sampled_from("abAB01éß ._-"), min_size=1, max_size=6).filter(
    lambda text: text.strip(". ") and text == text.strip()
)
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


@given(
    st.lists(PATHS, min_size=1, max_size=6, unique=True),
    st.sampled_from(["as it is", "Windows", "folders before", "NFD"]),
    st.data(),
)
def test_an_image_is_found_by_its_path_whoever_wrote_it(names, spelling, data):
    wanted = data.draw(st.sampled_from(names))
    cell = {
        "as it is": wanted,
        "Windows": "C:\\data\\" + wanted.replace("/", "\\"),
        "folders before": "/home/ann/set/" + wanted,
        "NFD": unicodedata.normalize("NFD", wanted),
    }[spelling]
    found, _ = ImageNames(names).find(cell)
    # never another one alone; its own may be one of several
    assert names.index(wanted) in found


@pytest.mark.slow
@given(st.lists(PATHS, max_size=6, unique=True), PATHS)
def test_a_name_means_one_image_only_where_no_other_is_called_as_like_it(names, cell):
    found, rule = ImageNames(names).find(cell)
    if cell in names:
        assert (found, rule) == ([names.index(cell)], Rule.NAME)
    elif "/" not in cell:
        called = [each for each, name in enumerate(names) if name.endswith(f"/{cell}")]
        assert not called or found == called


def test_a_name_that_thousands_share_is_answered_at_once():
    names = [f"p{number}/view.jpg" for number in range(3000)]
    found = ImageNames(names)
    assert found.find("x/p77/view.jpg") == ([77], Rule.END)
    assert len(found.find("view.jpg")[0]) == 3000


def test_lines_are_matched_and_their_other_columns_read():
    content = (
        "Patient,path,age,class\nP1,C:\\x\\7.png,60,\nP2,nothing.png,61,a\n"
        "P3,Zoë.png,,b\nP4,7.png,9,b\n"
    ).encode()
    table = open_table(content, "a.csv")
    found = match_lines(table, names=NAMES, hashes=[""] * len(NAMES))
    assert found.positions == {2: 5, 4: 3}
    assert found.rules == {Rule.FILE: 2}
    assert found.unmatched == 2
    assert found.why == [
        'a.csv line 3: no image is called "nothing.png". Correct or remove the line.',
        "a.csv line 5: its image is on line 2 too.",
    ]
    others = other_columns(table, found.positions, without=found.used)
    assert others.names == ["Patient", "age", "class"]
    assert np.array_equal(others.positions, [5, 3])
    assert others.text == [["P1", "P3"], ["60", ""], ["", "b"]]


def test_a_list_that_names_no_image_is_refused():
    with pytest.raises(ListError, match=r"are age, class\. None of them says which image"):
        match_lines(open_table(b"age,class\n1,a\n", "a.csv"), names=NAMES, hashes=NAMES)
