"""Lists of predictions: a class and how sure it is, or a probability for each class."""

import numpy as np
import pytest

from sslapp.datasets.tables.class_cells import ClassReading
from sslapp.datasets.tables.label_list import ListReading, read_labels
from sslapp.datasets.tables.reading import open_table

NAMES = ["a.png", "b.png", "c.png", "d.png"]
CLASSES = ["cat", "dog", "emu"]


def read(text, classes=CLASSES, confidence=None, **how):
    reading = ListReading(
        classes=ClassReading(**how), predictions=True, confidence_column=confidence
    )
    table = open_table(text.encode(), "l.csv")
    hashes = [f"{each:064x}" for each in range(len(NAMES))]
    return read_labels(table, names=NAMES, hashes=hashes, class_names=classes, reading=reading)


def said(found):
    assert found.errors == []
    return {row.position: (row.class_name, row.shares.tolist()) for row in found.rows}


def test_a_class_leaves_what_it_is_not_sure_of_evenly_to_the_others():
    found = said(read("image,class,confidence\na,dog,0.7\nb,emu,1\nc,,0.9\nd,cat,0.3333\n"))
    assert found[0] == ("dog", pytest.approx([0.15, 0.7, 0.15]))
    assert found[1] == ("emu", [0, 0, 1])
    assert 2 not in found
    (share,) = {*found[3][1]}  # no more than chance: all of them alike, bit for bit
    assert share == pytest.approx(1 / 3)


@pytest.mark.parametrize("headings", ["cat,dog,emu", "p_cat,P dog,prob-emu", "CAT,Dog,EMU"])
def test_a_column_for_each_class_is_found_as_it_is_called(headings):
    found = read(f"image,{headings}\na,0.2,.5,0.3\nb,0,1e-3,0.999\n")
    assert {name for use, name in found.columns if use != "image"} == {*headings.split(",")}
    assert said(found)[0] == ("dog", pytest.approx([0.2, 0.5, 0.3]))
    assert said(found)[1] == ("emu", pytest.approx([0, 0.001, 0.999]))


def test_numbers_are_classes_where_a_person_says_so():
    text = "image,p_0,p_1\na,0.25,0.75\n"
    assert said(read(text, by_order=True))[0] == ("dog", [0.25, 0.75, 0])
    assert said(read(text, classes_of={"0": "emu", "1": "cat"}))[0][1] == [0.75, 0, 0.25]


def test_rounded_probabilities_are_made_whole_and_others_are_refused():
    found = said(read("image,cat,dog,emu\na,0.33,0.33,0.33\nb,0.335,0.335,0.34\n"))
    assert np.sum(found[0][1]) == pytest.approx(1, abs=1e-6)
    (error,) = read("image,cat,dog,emu\na,0.9,0.8,0.1\n").errors
    assert error.startswith("l.csv line 2: its probabilities sum up to 1.8")


@pytest.mark.parametrize(
    "cell", ["87 %", "87%", '"0,87"', "1.2", "87", "-0.3", "nan", "inf", "x", "", "1e3", "٠.٥"]
)
def test_what_is_no_number_from_0_to_1_is_refused_by_its_line(cell):
    (error,) = read(f"image,class,confidence\na,dog,0.5\nb,cat,{cell}\n").errors
    assert error.startswith("l.csv line 3: ")
    assert "is no number from 0 to 1 with a point, such as 0.87" in error
    (error,) = read(f"image,cat,dog\na,0.5,0.5\nb,0.1,{cell}\n").errors
    assert error.startswith("l.csv line 3: dog: ")


def test_a_confidence_below_chance_contradicts_its_class():
    (error,) = read("image,class,confidence\na,dog,0.2\n").errors
    assert "leaves every other class more than" in error and "line 2" in error


def test_a_prediction_comes_before_a_label_beside_it_and_a_choice_before_both():
    text = "image,label,prediction,prob,sure\na,cat,dog,0.6,0.9\n"
    assert said(read(text))[0][0] == "dog"
    assert said(read(text, column="label", confidence="sure"))[0] == (
        "cat",
        pytest.approx([0.9, 0.05, 0.05]),
    )


def test_a_list_that_does_not_say_how_sure_it_is_is_refused():
    (error,) = read("image,class\na,dog\n").errors
    assert "None of them says how sure a class is" in error and "--confidence-column" in error
    (error,) = read("image,cat,p_cat,dog\na,0.5,0.5,0\n").errors
    assert '"cat" and "p_cat" are the same class' in error
    (error,) = read("image,class,confidence\na,dog,1\n", finding="dog").errors
    assert "is for labels" in error
