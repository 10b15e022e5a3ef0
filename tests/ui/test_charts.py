"""What the charts draw: the database's colours, the labels on top, in one light trace."""

import numpy as np
import pytest

from sslapp.charts.class_bars import balance
from sslapp.store.projects import ClassRow
from sslapp.ui.common import embedding_map
from sslapp.ui.common.embedding_map import UNLABELLED
from sslapp.usecases.images.maps import Map
from sslapp.vocabulary import Source

CLASSES = [
    ClassRow(1, 0, "cat", "#0072B2", "1", False),
    ClassRow(2, 1, "<b>dog</b>", "#E69F00", "2", False),
    ClassRow(5, 3, "hen", "#009E73", "3", False),
]


def colour_of(figure, column: int) -> str:
    """The colour that the trace's stepped scale gives to a column."""
    marker = figure.data[0].marker
    place = (column + 1 - marker.cmin) / (marker.cmax - marker.cmin)
    below = [colour for edge, colour in marker.colorscale if edge <= place]
    above = [colour for edge, colour in marker.colorscale if edge >= place]
    assert below[-1] == above[0]
    return below[-1]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_class_has_its_own_colour_on_the_map(count: int) -> None:
    found = Map(
        xy=np.zeros((count + 1, 2), np.float32),
        columns=np.arange(-1, count, dtype=np.int16),
        left_out=0,
        not_embedded=0,
        encoder="pixels",
    )
    figure = embedding_map.figure(found, CLASSES[:count], 400)
    assert len(figure.data) == 1
    assert colour_of(figure, -1) == UNLABELLED
    assert [colour_of(figure, c) for c in range(count)] == [c.colour for c in CLASSES[:count]]


def test_the_map_travels_as_small_numbers() -> None:
    count = 10_000
    found = Map(
        xy=np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32),
        columns=np.full(count, -1, np.int16),
        left_out=0,
        not_embedded=0,
        encoder="pixels",
    )
    figure = embedding_map.figure(found, CLASSES, 400)
    # 4 + 4 + 2 + 1 + 1 bytes a point, times 4/3 for base64, and a sixth of it escaped
    assert len(figure.to_json()) < 20 * count


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
