"""What the charts draw: the numbers they were given, with their intervals, and names as text."""

import json

import numpy as np
import pytest

from sslapp.charts import look
from sslapp.charts.class_bars import balance
from sslapp.charts.confusion import confusion
from sslapp.charts.curves import CurveLine, curves
from sslapp.charts.reliability import reliability, short
from sslapp.charts.trajectory import trajectory
from sslapp.review.bounds import clopper_pearson
from sslapp.store.label_classes import ClassRow
from sslapp.training.calibration.table import calibration_table

HOSTILE = '<b>cat</b><a href="http://x">'
COUNTS = np.array([[8, 2, 0], [0, 5, 0], [0, 0, 0]])


def test_every_cell_of_the_matrix_can_be_clicked_and_tells_its_count() -> None:
    cells, points = confusion(COUNTS, ["cat", "dog", "hen"]).data
    assert (points.x.tolist(), points.y.tolist()) == ([0, 1, 2] * 3, [0] * 3 + [1] * 3 + [2] * 3)
    assert list(points.text) == ["8", "2", "", "", "5", "", "", "", ""]
    assert points.hovertext[1] == "True cat, predicted dog<br>2 of 10"
    np.testing.assert_allclose(cells.z, [[0.8, 0.2, 0], [0, 1, 0], [0, 0, 0]])


def test_a_matrix_of_many_classes_has_no_numbers_and_stays_on_the_page() -> None:
    classes = 60
    figure = confusion(np.ones((classes, classes), int), [f"class {c}" for c in range(classes)])
    assert figure.data[1].mode == "markers"
    assert figure.layout.height < 1000


def test_names_in_charts_are_text() -> None:
    row = ClassRow(1, 0, HOSTILE, "#0072B2", "1", False)
    figures = [
        confusion(np.array([[1]]), [HOSTILE], rows="True"),
        balance([row], np.array([[0, 1, 0, 2]]), 100),
        curves([CurveLine(HOSTILE, 0, [1, 2], [1.0, 0.5])]),
    ]
    for figure in figures:
        assert "<b>" not in figure.to_json().replace("\\u003c", "<")
        assert "&lt;b&gt;cat" in json.dumps(figure.to_plotly_json(), default=str)


def test_reliability_bars_are_accuracies_with_exact_intervals_and_their_n() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.5, 1, 200)
    right = rng.uniform(size=200) < confidence
    table = calibration_table(confidence, right, 10)
    bars, diagonal, numbers = reliability(table).data
    for place, (centre, accuracy) in enumerate(zip(bars.x, bars.y, strict=True)):
        inside = (confidence > centre - 0.05) & (confidence <= centre + 0.05)
        assert accuracy == pytest.approx(right[inside].mean())
        low, high = clopper_pearson(int(right[inside].sum()), int(inside.sum()))
        assert accuracy - bars.error_y.arrayminus[place] == pytest.approx(low)
        assert accuracy + bars.error_y.array[place] == pytest.approx(high)
        assert numbers.text[place] == str(inside.sum())
    assert (list(diagonal.x), list(diagonal.y)) == ([0, 1], [0, 1])


def test_reliability_without_images_is_an_empty_chart() -> None:
    bars, *_ = reliability(calibration_table(np.zeros(0), np.zeros(0, bool))).data
    assert len(bars.x) == 0


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (999, "999"), (1000, "1.0k"), (9_649, "9.6k"), (45_600, "46k")]
)
def test_counts_fit_above_a_bar(count, text) -> None:
    assert short(count) == text


def test_each_round_keeps_its_line_and_a_single_report_is_a_point() -> None:
    figure = curves(
        [CurveLine("a", 0, [1, 2], [0.5, 1.0]), CurveLine("c", 2, [7], [0.9])],
        share=True,
        across="Seconds",
    )
    first, second = figure.data
    assert (first.mode, second.mode) == ("lines", "markers")
    assert (first.line.color, second.marker.color) == (look.LINES[0], look.LINES[2])
    assert figure.layout.xaxis.title.text == "Seconds"
    assert "seconds %{x" in first.hovertemplate
    assert figure.layout.yaxis.tickformat == ".0%"


def test_a_film_has_a_frame_a_step_on_one_pair_of_axes() -> None:
    xy = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
    figure = trajectory(xy, [1, 10, 100], ["#000000"] * 5)
    assert [frame.name for frame in figure.frames] == ["1", "10", "100"]
    for frame, each in zip(figure.frames, xy, strict=True):
        np.testing.assert_array_equal(frame.data[0].x, each[:, 0])
        np.testing.assert_array_equal(frame.data[0].y, each[:, 1])
    np.testing.assert_array_equal(figure.data[0].x, xy[-1, :, 0])
    low, high = figure.layout.xaxis.range
    assert low < xy[:, :, 0].min() and xy[:, :, 0].max() < high
    assert [step.label for step in figure.layout.sliders[0].steps] == ["1", "10", "100"]


def test_charts_leave_the_background_to_the_page() -> None:
    figure = confusion(COUNTS, ["a", "b", "c"])
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0, 0, 0, 0)"
    assert figure.layout.font.color is None
