"""The review map in a real browser: lasso, hover, click, and what travels over the socket."""

import math
import re
import time

import numpy as np
import pytest
import small_project
from reading_page import accept_unproven, tried

from sslapp.review.selection import inside
from sslapp.store.database import reading
from sslapp.store.state import load_state
from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.reviewing.candidates import DEFAULT_THRESHOLD
from sslapp.usecases.reviewing.facets import Facet, coded
from sslapp.vocabulary import EventKind, Source

SECONDS = 1000
MAP = ".st-key-review-map .js-plotly-plot"
SELECTED = ".st-key-review-selected"
WINDOW = {"width": 1440, "height": 1000}
MOST = 10_000
"""Bytes that an interaction after a selection may send."""

# where the browser draws a point of the map; and the outlines it has drawn
AT = f"""([x, y]) => {{
  const chart = document.querySelector("{MAP}")
  const {{ xaxis, yaxis }} = chart._fullLayout
  const edge = chart.getBoundingClientRect()
  return [edge.left + xaxis._offset + xaxis.d2p(x), edge.top + yaxis._offset + yaxis.d2p(y)]
}}"""
POINTS = f"() => document.querySelector('{MAP}')._fullData[0].x.length"
OUTLINES = f"() => document.querySelector('{MAP}').layout.selections?.length"
BOTTOM = "document.querySelector('.st-key-review-room').getBoundingClientRect().bottom"
RINGS = f"() => document.querySelector('{MAP}').layout.selections.map(each => each.path)"


@pytest.fixture(scope="module")
def opened(lasting_review, make_lasting_server, browser):
    """The Review page of the project with one round, for all tests, and its sent frames."""
    page = browser.new_page(viewport=WINDOW)
    page.set_default_timeout(30 * SECONDS)
    frames: list[int] = []
    page.on(
        "websocket", lambda socket: socket.on("framesent", lambda sent: frames.append(len(sent)))
    )
    page.goto(f"{make_lasting_server(lasting_review.workspace.root).address}/review")
    page.get_by_role("button", name=re.compile("^Accept")).first.wait_for()
    yield page, frames
    page.close()


@pytest.fixture
def review(opened, lasting_review):
    """That page with the whole project selected, its map drawn and hooked."""
    page, frames = opened
    page.set_viewport_size(WINDOW)
    back = page.locator(SELECTED).get_by_role("button", name=re.compile("^(Clear|Select all)$"))
    tried(lambda patience: back.click(timeout=patience) if back.count() else None)
    page.locator(SELECTED).get_by_text("the whole project").wait_for()
    page.locator(f"{MAP}[data-hooked=yes]").wait_for(state="attached")
    wait(lambda: not page.evaluate(OUTLINES))
    return page, lasting_review, frames


def lasso(page, corners: list[tuple[float, float]]) -> None:
    """Draw a lasso through places of the map, in its own coordinates, with the mouse."""
    places = [page.evaluate(AT, list(corner)) for corner in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in [*places[1:], places[0]]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()


def drawn(page) -> np.ndarray:
    """The corners of the lasso as plotly has them."""
    (path,) = page.evaluate(RINGS)
    corners = [each.split(",") for each in path.strip("MZ").split("L")]
    return np.array(corners, dtype=np.float64)


def circle(around: np.ndarray, radius: float) -> list[tuple[float, float]]:
    turns = [2 * math.pi * step / 16 for step in range(16)]
    x, y = around.tolist()
    return [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]


def test_a_lasso_selects_what_lies_inside_and_is_accepted_and_undone(review) -> None:
    page, access, frames = review
    board = read_board(access, 1)
    found = board.candidates(DEFAULT_THRESHOLD).positions
    chart = page.locator(MAP).element_handle()
    before = len(frames)
    lasso(page, circle(board.xy[found[0]], 0.2))
    page.locator(SELECTED).get_by_text("inside").wait_for()
    within = inside(drawn(page), board.xy)
    expected = found[within[found]]
    assert 0 < len(expected) < len(found)
    told = page.locator(SELECTED).inner_text()
    assert told.startswith(f"{len(expected)} selected of {within.sum()} inside")

    # an interaction after the selection is as light as one before it, and the chart stays mounted
    page.get_by_role("button", name=f"Accept {len(expected)} unproven…", exact=True).wait_for()
    assert sum(frames[before:]) < MOST
    assert page.evaluate("chart => chart.isConnected", chart)

    accept_unproven(page, len(expected))
    page.get_by_text(f"Accepted {len(expected)} image").wait_for()
    page.locator(SELECTED).get_by_text("Nothing selected").wait_for()
    assert max(frames[before:]) < MOST
    with reading(access.engine) as conn:
        state = load_state(conn, 1)
    accepted = np.flatnonzero(state.source == Source.ACCEPTED)
    assert accepted.tolist() == sorted(expected.tolist())
    made = small_project.log(access)[-1]
    assert made.kind == EventKind.BULK_ACCEPT
    assert made.payload["threshold"] == DEFAULT_THRESHOLD
    (ring,) = made.payload["polygon"]
    np.testing.assert_array_equal(inside(np.array(ring), board.xy), within)
    wait(lambda: not page.evaluate(OUTLINES))

    page.get_by_role("button", name="Undo", exact=True).first.click()
    page.get_by_text(f"Accepted {len(expected)} image").wait_for(state="hidden")
    wait(lambda: len(small_project.log(access)) == made.number + 1)
    assert read_board(access, 1).labels.tolist() == board.labels.tolist()


def test_hover_shows_an_image_with_its_evidence_and_a_click_selects_it(review) -> None:
    page, access, frames = review
    board = read_board(access, 1)
    position = lonely(board)
    card = page.locator(".card")

    def hover(patience: int) -> None:
        x, y = page.evaluate(AT, board.xy[position].tolist())
        page.mouse.move(x - 3, y - 3)
        page.mouse.move(x, y)
        card.get_by_text("Nearest expert labels").wait_for(timeout=patience)

    tried(hover)
    name = board.classes[board.predicted[position]].name
    told = re.search(rf"Proposed\s+{name}\s+([\d.]+) %", card.inner_text())
    assert told
    assert float(told[1]) == pytest.approx(100 * board.confidence[position], abs=0.11)
    picture = card.locator("img")
    assert picture.get_attribute("src") == (
        f"/api/{small_project.WORKSPACE}/projects/1/thumbs/{position}"
    )
    page.wait_for_function("image => image.naturalWidth > 0", arg=picture.element_handle())

    before = len(frames)
    page.mouse.down()
    page.mouse.up()
    page.locator(SELECTED).get_by_text(f"Image {position}").wait_for()
    page.get_by_role("button", name="Accept 1 unproven…", exact=True).wait_for()
    assert sum(frames[before:]) < MOST
    page.locator(SELECTED).get_by_role("button", name="Clear").click()
    page.locator(SELECTED).get_by_text("the whole project").wait_for()


def test_clear_takes_the_outline_off_the_map(review) -> None:
    page, access, _ = review
    board = read_board(access, 1)
    lasso(page, circle(np.zeros(2), 0.5))
    page.locator(SELECTED).get_by_text("inside").wait_for()
    page.locator(SELECTED).get_by_role("button", name="Clear").click()
    page.locator(SELECTED).get_by_text("the whole project").wait_for()
    page.wait_for_function(
        f"() => !(document.querySelector('{MAP}').layout.selections ?? []).length"
    )
    # a click that follows at once is the reader's, not one of those that took the outline off
    position = lonely(board)
    page.mouse.move(*page.evaluate(AT, board.xy[position].tolist()))
    page.locator(".card").wait_for()
    page.mouse.down()
    page.mouse.up()
    page.locator(SELECTED).get_by_text(f"Image {position}").wait_for()
    page.locator(SELECTED).get_by_role("button", name="Clear").click()
    page.locator(SELECTED).get_by_text("the whole project").wait_for()
    # and the next lasso is heard
    lasso(page, circle(np.zeros(2), 0.4))
    page.locator(SELECTED).get_by_text("inside").wait_for()
    assert "the whole project" not in page.locator(SELECTED).inner_text()


def test_the_legend_filters_and_names_and_numbers_are_found(review) -> None:
    page, access, _ = review
    board = read_board(access, 1)
    every = board.drawn.sum()
    name = board.classes[int(board.candidates(DEFAULT_THRESHOLD).columns[0])].name
    of_class = coded(access, 1, board, Facet.CLASS).within((name,))
    shown = of_class & board.drawn
    legend = page.get_by_role("group", name="What the colours mean")
    legend.locator(".name").get_by_text(name, exact=True).click()
    page.locator(SELECTED).get_by_text(f"only {name}").wait_for()
    wait(lambda: page.evaluate(POINTS) == shown.sum())
    found = board.candidates(DEFAULT_THRESHOLD).positions
    assert page.locator(SELECTED).inner_text().startswith(f"{of_class[found].sum()} selected")
    page.get_by_text("Show all").click()
    page.locator(SELECTED).get_by_text("the whole project").wait_for()
    wait(lambda: page.evaluate(POINTS) == every)

    box = page.get_by_placeholder("Name or number")
    box.fill(str(found[0]))
    box.press("Enter")
    page.locator(SELECTED).get_by_text(f"Image {found[0]} selected").wait_for()
    page.locator(f'.tile[data-position="{found[0]}"]').wait_for()


def lonely(board) -> int:
    """The open image that lies farthest from every other, so that a pointer means it alone."""
    open_ = board.proposals.positions
    apart = np.linalg.norm(board.xy[open_, None] - board.xy[None], axis=2)
    apart[np.arange(len(open_)), open_] = np.inf
    return int(open_[apart.min(axis=1).argmax()])


def wait(true, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def test_the_whole_review_is_on_one_screen_and_divided_as_the_reader_likes(review) -> None:
    page, _, _ = review
    parts = {
        "map": MAP,
        "threshold": ".st-key-review-threshold",
        "what is proven": ".st-key-review-bar >> text=would prove",
        "images": ".grid",
        "an image": ".tile",
        "image in focus": ".stage",
        "evidence": ".near",
        "the third likeliest class": ".lines .row >> nth=2",
        "decision": ".judge",
    }
    for width, height in ((1366, 768), (1440, 900), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(f"() => Math.abs({BOTTOM} - innerHeight) < 30")
        for name, place in parts.items():
            box = page.locator(place).first.bounding_box()
            assert min(box["width"], box["height"]) > 20, name
            assert box["y"] >= 0, name
            assert box["x"] + box["width"] <= width, name
            assert box["y"] + box["height"] <= height, name

    assert page.locator(".tile").first.bounding_box()["height"] > 80
    divider = page.get_by_role("separator", name="Width of the map")
    before = page.locator(MAP).bounding_box()["width"]
    divider.focus()
    page.keyboard.press("ArrowRight")
    wait(lambda: page.locator(MAP).bounding_box()["width"] > before + 20)
    wider = divider.get_attribute("aria-valuenow")
    page.reload()
    page.locator(f"{MAP}[data-hooked=yes]").wait_for(state="attached")
    assert divider.get_attribute("aria-valuenow") == wider
    page.get_by_role("button", name="Fold the map").click()
    page.locator(MAP).wait_for(state="hidden")
    page.get_by_role("button", name="Show the map").click()
    page.locator(MAP).wait_for()

    page.set_viewport_size({"width": 820, "height": 1180})
    wait(lambda: page.locator(MAP).bounding_box()["width"] > 700)
    images, drawn_map = (page.locator(each).bounding_box() for each in (".desk", MAP))
    assert images["y"] + images["height"] <= drawn_map["y"]
