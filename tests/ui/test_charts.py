"""What the bars of classes draw: the database's colours, and the total."""

import numpy as np

from sslapp.charts.class_bars import balance
from sslapp.store.label_classes import ClassRow
from sslapp.vocabulary import Source

CLASSES = [
    ClassRow(1, 0, "cat", "#0072B2", "1", False),
    ClassRow(2, 1, "<b>dog</b>", "#E69F00", "2", False),
    ClassRow(5, 3, "hen", "#009E73", "3", False),
]


def test_bars_are_in_class_colours_and_tell_the_total() -> None:
    per_class = np.zeros((3, 4), np.int64)
    per_class[:, Source.EXPERT] = [3, 0, 1]
    per_class[:, Source.ADJUDICATED] = [1, 0, 0]
    per_class[:, Source.ACCEPTED] = [10, 0, 5]
    decided, accepted = balance(CLASSES, per_class, 100).data
    assert decided.x.tolist() == [4, 0, 1]
    assert accepted.x.tolist() == [10, 0, 5]
    assert list(decided.marker.color) == [each.colour for each in CLASSES]
    assert list(accepted.text) == ["14", "0", "6"]
