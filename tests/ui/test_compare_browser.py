"""Compare in a real browser: two rounds of one snapshot, a cell of a matrix, and its images."""

from pathlib import Path

import numpy as np
import pytest
import small_project
from reading_page import tried

from sslapp.usecases.access import enter
from sslapp.usecases.comparing.comparison import Measure, read_comparison
from sslapp.usecases.comparing.maps import LinkedMaps, linked_maps
from sslapp.workspace import Workspace

pytestmark = pytest.mark.timeout(120)  # a dozen charts, drawn in software

SECONDS = 1000

CELL = """([key, place]) => {
  const cell = document.querySelectorAll(`.st-key-${key} .scatterlayer .points .point`)[place]
  cell.scrollIntoView({ block: "center" })
  const box = cell.getBoundingClientRect()
  return [box.x + box.width / 2, box.y + box.height / 2]
}"""
# where the browser draws a place of a linked map; its outline; which points it shows as selected
AT = """([place, x, y]) => {
  const chart = document.querySelector(`.st-key-compare-maps-${place} .js-plotly-plot`)
  const { xaxis, yaxis } = chart._fullLayout
  const edge = chart.getBoundingClientRect()
  return [edge.left + xaxis._offset + xaxis.d2p(x), edge.top + yaxis._offset + yaxis.d2p(y)]
}"""
OUTLINE = """place => document.querySelector(`.st-key-compare-maps-${place} .js-plotly-plot`)
  .layout.selections?.[0]?.path"""
CHOSEN = """place => {
  const chart = document.querySelector(`.st-key-compare-maps-${place} .js-plotly-plot`)
  return chart?.data[0].selectedpoints
}"""
FIRST_POINT = """() => {
  const points = document.querySelector(".st-key-compare-film .scatterlayer .point")
  return points.getAttribute("transform")
}"""


def test_two_rounds_are_compared_and_a_cell_opens_its_images(
    tmp_path: Path, with_two_rounds, serve, browser
) -> None:
    root = tmp_path / "workspace"
    small_project.copy(with_two_rounds, root).engine.dispose()
    access = enter(Workspace(workspace=root), "Ann")
    found = read_comparison(access, 1, [1, 2])
    counts = found.confusion(1, Measure.TEST)
    np.fill_diagonal(counts, 0)
    true, predicted = np.unravel_index(counts.argmax(), counts.shape)  # the commonest mistake
    positions = found.cell(1, Measure.TEST, true, predicted).tolist()
    linked = linked_maps(access, 1, found, (1, 2))
    access.engine.dispose()

    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(30 * SECONDS)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda message: (
            faults.append(message.text) if "Content Security Policy" in message.text else None
        ),
    )
    page.goto(f"{serve(root)}/compare")
    page.get_by_text("Same labels, same holdout: Rounds 1 and 2").wait_for()
    page.locator(".st-key-compare-film .scatterlayer .point").first.wait_for()
    page.locator(".st-key-compare-confusion-chart .textpoint").first.wait_for()

    outline_on_the_first_selects_on_both(page, linked)

    def hover(patience: int) -> None:
        x, y = page.evaluate(CELL, ["compare-confusion-chart", int(10 * true + predicted)])
        page.mouse.move(x - 3, y - 3)
        page.mouse.move(x, y)
        page.locator(".hovertext").first.wait_for(timeout=patience)

    tried(hover)
    page.mouse.down()
    page.mouse.up()
    page.get_by_text(f"True {true}, predicted {predicted}: {len(positions)} image").wait_for()
    pictures = page.locator(".st-key-compare-confusion-pictures .pictures img")
    pictures.first.wait_for()
    assert pictures.evaluate_all("all => all.map(each => each.alt)") == [
        f"image {position}" for position in positions
    ]
    assert all(pictures.evaluate_all("all => all.map(each => each.naturalWidth > 0)"))

    with page.expect_popup() as opened:
        pictures.first.click()
    assert opened.value.url.endswith(
        f"/projects/1/images/{positions[0]}/{small_project.image_hash(positions[0])}"
    )

    at_the_end = page.evaluate(FIRST_POINT)
    page.locator(".st-key-compare-film .slider-rail-touch-rect").click(position={"x": 2, "y": 5})
    page.wait_for_function(f"before => ({FIRST_POINT})() !== before", arg=at_the_end)
    assert faults == []
    page.close()


def outline_on_the_first_selects_on_both(page, linked: LinkedMaps) -> None:
    """A lasso on the first map; both then show the same images as selected."""
    hooked = ".st-key-compare-maps-{} .js-plotly-plot[data-hooked=yes]"
    for place in (0, 1):
        page.locator(hooked.format(place)).wait_for(state="attached")
    page.locator(hooked.format(0)).scroll_into_view_if_needed()
    middle, far = np.quantile(linked.maps[0].xy, (0.5, 0.8), axis=0)
    corners = [(middle[0], middle[1]), (far[0], middle[1]), (far[0], far[1]), (middle[0], far[1])]
    places = [page.evaluate(AT, [0, *map(float, each)]) for each in (*corners, corners[0])]
    page.mouse.move(*places[0])
    page.mouse.down()
    for each in places[1:]:
        page.mouse.move(*each, steps=3)
    page.mouse.up()
    page.wait_for_function(CHOSEN, arg=1)
    path = page.evaluate(OUTLINE, 0)
    ring = [[float(at) for at in each.split(",")] for each in path.strip("MZ").split("L")]
    chosen = np.flatnonzero(linked.inside(0, [ring]))
    assert 0 < len(chosen) < len(linked.positions)
    for place in (0, 1):
        assert page.evaluate(CHOSEN, place) == chosen.tolist()
    page.get_by_text(f"{len(chosen)} images outlined").wait_for()
