"""The review map: what colours mean, which points are drawn, and what a browser may send."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sslapp.charts.raster import Box
from sslapp.review.candidates import Candidates
from sslapp.store.label_classes import ClassRow
from sslapp.ui.common.map import hook
from sslapp.ui.common.map.hook import Area, Cleared, Picked, parse
from sslapp.ui.review.map import figure
from sslapp.ui.review.map.colours import NOTHING, Coding, coding, gradient
from sslapp.usecases.reviewing import facets
from sslapp.usecases.reviewing.board import Board
from sslapp.usecases.reviewing.facets import Facet, of_board
from sslapp.vocabulary import Source

ROOT = Path(__file__).parents[2]

CLASSES = (
    ClassRow(1, 0, "cat", "#0072B2", "1", False),
    ClassRow(2, 1, "<b>dog</b>", "#E69F00", "2", False),
    ClassRow(5, 3, "hen", "#009E73", "3", False),
)


def board(count: int = 12, **other) -> Board:
    """Even images are predicted 0, odd ones 1; every sixth is an expert's 2, every fifth blind."""
    random = np.random.default_rng(0)
    predicted = (np.arange(count) % 2).astype(np.int16)
    source = np.where(np.arange(count) % 6 == 0, Source.EXPERT, Source.NONE).astype(np.uint8)
    blind = np.arange(count) % 5 == 4
    predicted[blind] = -1
    open_ = np.flatnonzero(~blind & (source == Source.NONE))
    confidence = np.linspace(0.4, 1, count).astype(np.float32)
    values = {
        "event_number": 7,
        "round_id": 3,
        "round_number": 2,
        "classes": CLASSES,
        "known": 2,
        "encoder": "pixels",
        "xy": random.uniform(-1, 1, (count, 2)).astype(np.float32),
        "predicted": predicted,
        "confidence": np.where(blind, 0, confidence).astype(np.float32),
        "members": None,
        "forbidden": np.zeros((count, 2), bool),
        "doubts": "",
        "labels": np.where(source == Source.EXPERT, 2, -1).astype(np.int16),
        "source": source,
        "blind": blind,
        "withheld": np.zeros(0, np.int64),
        "proposals": Candidates(open_, predicted[open_].astype(np.int64), confidence[open_]),
    }
    return Board(**{**values, **other})


def coded(shown: Board, facet: Facet, before=None) -> Coding:
    of_change = facets.of_change(shown, before)
    return coding(shown, facet, of_change if facet is Facet.CHANGE else of_board(shown, facet))


def colours(shown: Board, facet: Facet, before=None) -> list[str]:
    found = coded(shown, facet, before)
    assert len(found.colours) == len(found.names)
    return [found.colours[code] for code in found.codes.tolist()]


def test_classes_are_predictions_and_experts_labels_as_they_are() -> None:
    found = colours(board(), Facet.CLASS)
    cat, dog, hen = (each.colour for each in CLASSES)
    assert found[:6] == [hen, dog, cat, dog, NOTHING, dog]


def test_confidence_is_a_scale_from_a_guess_to_sure() -> None:
    shown = board(3, confidence=np.array([0.5, 0.75, 1.0], np.float32))
    found = coded(shown, Facet.CONFIDENCE)
    assert found.codes.tolist() == [1, len(found.colours) // 2 + 1, len(found.colours) - 1]
    assert found.ends == ("50 %", "100 %")
    blind = colours(board(), Facet.CONFIDENCE)[4]
    assert blind == NOTHING


def test_sources_have_a_colour_each() -> None:
    shown = board(4, source=np.array(list(Source), np.uint8))
    found = colours(shown, Facet.SOURCE)
    assert len(set(found)) == 4
    assert found[Source.NONE] == NOTHING


def test_change_tells_images_that_only_one_round_predicted_from_those_that_stayed() -> None:
    before = np.array([0, 1, 1, 1, 0, -1], np.int16)
    same, other = "#5B9BC7", "#D55E00"
    found = colours(board(6), Facet.CHANGE, before)
    assert found == [same, same, other, same, NOTHING, NOTHING]
    assert set(colours(board(6), Facet.CHANGE, None)) == {NOTHING}


def test_a_gradient_begins_and_ends_with_its_anchors() -> None:
    assert gradient(("#000000", "#FF8000"), 3) == ("#000000", "#804000", "#FF8000")


def test_up_to_the_limit_every_image_is_a_point_with_experts_on_top() -> None:
    shown = board(60)
    points = figure.drawn(shown, None, points=60)
    assert points.whole
    assert sorted(points.positions) == list(range(60))
    top = points.positions[len(points.positions) - points.experts :]
    assert sorted(top) == np.flatnonzero(shown.expert).tolist()


def test_past_the_limit_some_candidates_and_the_experts_labels_lie_on_density(
    monkeypatch,
) -> None:
    monkeypatch.setattr(figure, "CHALLENGERS", 9)
    shown = board(60)
    points = figure.drawn(shown, None, points=59)
    assert not points.whole
    below = points.positions[: len(points.positions) - points.experts]
    assert len(below) == 9
    assert set(below) <= set(shown.proposals.positions)
    assert points.experts == 10
    # what is decided leaves the sample, the others stay where they are
    gone = shown.proposals.positions != below[0]
    left = Candidates(*(each[gone] for each in vars(shown.proposals).values()))
    later = figure.drawn(board(60, proposals=left), None, points=59)
    assert set(below[1:]) <= set(later.positions)


def test_a_zoomed_map_draws_points_of_its_box_alone() -> None:
    shown = board(400)
    box = Box(0.0, 0.0, 1.0, 0.5)
    points = figure.drawn(shown, box, points=10)
    xy = shown.xy[points.positions]
    assert len(xy) > 10
    assert ((xy >= [0, 0]) & (xy <= [1, 0.5])).all()


def test_the_figure_is_light_and_the_same_while_nothing_changes() -> None:
    shown = board(10_000)
    found = coded(shown, Facet.CLASS)

    def made(**other) -> str:
        points = figure.drawn(shown, None)
        box = figure.whole(shown)
        return figure.figure(shown, found, points, box, None, **other).to_json()

    assert made() == made()
    box = figure.whole(shown)
    seen = [float(f"{each:.6g}") for each in (box.left, box.right, box.bottom, box.top)]
    assert made(ranges=seen) == made()  # the reader did not zoom
    assert made(ranges=[-1, 0, -1, 0]) != made()
    # 4 + 4 + 4 + 2 + 1 + 4 bytes a point, times 4/3 for base64, and some of it escaped
    assert len(made()) < 34 * 10_000


def test_the_picture_lies_edge_to_edge_below_the_points() -> None:
    shown = board(500)
    found = coded(shown, Facet.CLASS)
    box = Box(-1.0, -0.5, 1.0, 0.5)
    url = figure.picture(shown, found, box)
    kind, _, content = url.partition(",")
    assert kind == "data:image/png;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    assert picture.mode == "RGBA"
    assert picture.width == 2 * picture.height == figure.LONGEST[0]
    points = figure.drawn(shown, box, points=10)
    chart = figure.figure(shown, found, points, box, url)
    (image,) = chart.layout.images
    assert (image.x, image.y, image.sizex, image.sizey) == (-1.0, 0.5, 2.0, 1.0)
    assert image.layer == "below"
    assert chart.data[0].customdata.tolist() == points.positions.tolist()


def test_what_the_legend_leaves_out_is_no_point() -> None:
    shown = board(60)
    within = shown.predicted == 1
    points = figure.drawn(shown, None, points=60, within=within)
    assert sorted(points.positions) == np.flatnonzero(within).tolist()
    some = figure.drawn(shown, None, points=9, within=within)
    assert not some.whole
    assert set(some.positions) <= set(points.positions)


def test_gestures_of_a_browser() -> None:
    ring = [[0, 0], [1, 0.5], [1, 1]]
    area = {"kind": "area", "rings": [ring], "ranges": [-1, 1, -2, 2]}
    assert parse(area) == Area((((0.0, 0.0), (1.0, 0.5), (1.0, 1.0)),), (-1.0, 1.0, -2.0, 2.0))
    assert parse({"kind": "image", "position": 5}) == Picked(5)
    assert parse({"kind": "clear"}) == Cleared()


NAN = float("nan")


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "area",
        {"kind": "drop"},
        {"kind": "image"},
        {"kind": "image", "position": -1},
        {"kind": "image", "position": True},
        {"kind": "image", "position": "3"},
        {"kind": "area"},
        {"kind": "area", "rings": [[[0, 0], [1, 1]]]},
        {"kind": "area", "rings": [[[0, 0], [1, NAN], [1, 1]]]},
        {"kind": "area", "rings": [[[0, 0], [1], [1, 1]]]},
        {"kind": "area", "rings": [[[0, 0], ["1", 2], [1, 1]]]},
        {"kind": "area", "rings": [[[0, 0]] * (hook.CORNERS + 1)]},
        {"kind": "area", "rings": "abc"},
    ],
)
def test_what_is_no_gesture_is_nothing(sent) -> None:
    assert parse(sent) is None


def test_too_many_polygons_are_cut_and_unknown_ranges_left_out() -> None:
    ring = [[0, 0], [1, 0], [1, 1]]
    found = parse({"kind": "area", "rings": [ring] * 40, "ranges": [1, "x", 2, 3]})
    assert isinstance(found, Area)
    assert len(found.rings) == hook.RINGS
    assert found.ranges == ()


def test_data_reaches_the_browsers_page_as_text_only() -> None:
    for name in ("common/map_hook.js", "review/tally.js"):
        source = (ROOT / "sslapp" / "ui" / "components" / name).read_text()
        assert "innerHTML" not in source
        assert "insertAdjacentHTML" not in source
