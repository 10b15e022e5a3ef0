"""The Review page before the first round in a real browser: images are labelled as a grid."""

import re

import numpy as np
import pytest
import small_project
from keyboard import stroke
from playwright.sync_api import Page, expect
from reading_page import choose

from sslapp.store.database import reading
from sslapp.store.state import load_state
from sslapp.usecases.reviewing.bulk_decisions import bulk_label
from sslapp.vocabulary import EventKind, Sight, Source

PATIENCE = 30_000
POSITIONS = "tiles => tiles.map(each => Number(each.dataset.position))"


@pytest.fixture
def desk(project, serve, browser):
    """The Review page of the project without a round, with its tiles on screen."""
    address = serve(project.workspace.root)
    expect.set_options(timeout=PATIENCE)
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.set_default_timeout(PATIENCE)
    page.goto(f"{address}/review?project=1")
    page.locator(".tile.can-be-marked").first.wait_for()
    yield page
    page.close()


def tile(page: Page, position: int):
    return page.locator(f'.tile[data-position="{position}"]')


def labels(access) -> tuple[np.ndarray, np.ndarray]:
    with reading(access.engine) as conn:
        state = load_state(conn, 1)
    return state.labels, state.source


def test_a_decision_is_taken_back_in_the_history_and_one_about_marked_images_by_backspace(
    project, desk
) -> None:
    first = bulk_label(project, None, [50, 51, 52], "3", seen_in_grid=3)
    desk.get_by_role("button", name="Decisions").click()
    dialog = desk.get_by_role("dialog")
    choose(desk, dialog.get_by_label("Kind"), "In bulk")
    expect(dialog.get_by_role("button", name="Show")).to_have_count(1)
    dialog.get_by_role("button", name="Show").click()
    expect(desk.locator(".tile")).to_have_count(3)
    expect(desk.locator(".tile.can-be-marked")).to_have_count(0)
    desk.get_by_role("button", name="Decisions").click()
    dialog.get_by_role("button", name="Undo").first.click()
    expect(desk.locator(".tile.can-be-marked")).to_have_count(3)
    undo = small_project.log(project)[-1]
    assert (undo.kind, undo.target) == (EventKind.UNDO, first.number)
    desk.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    desk.locator(".st-key-review-selected").get_by_role("button", name="Clear").click()
    expect(desk.locator(".tile.can-be-marked")).to_have_count(72)

    since = small_project.log(project)[-1].number
    pool = [each for each in range(small_project.POOL) if labels(project)[0][each] < 0]
    sheet = desk.locator(".tile").evaluate_all(POSITIONS)
    assert sheet == pool[:72]
    for name in ("Accept", "Withhold", "Check a sample"):
        expect(desk.get_by_role("button", name=re.compile(f"^{name}"))).to_have_count(0)
    tile(desk, sheet[1]).click()
    tile(desk, sheet[4]).click(modifiers=["Shift"])
    tile(desk, sheet[2]).click()  # takes its mark off
    expect(desk.locator(".aside")).to_have_text("3 of 72 on this sheet marked")
    expect(desk.get_by_role("button", name="Label 3 as…")).to_be_visible()
    desk.keyboard.press("7")
    meant = [sheet[1], sheet[3], sheet[4]]
    for each in meant:
        expect(tile(desk, each).locator(".stamp")).to_have_text("labelled")
    expect(desk.locator(".tile.is-marked")).to_have_count(0)
    expect(desk.get_by_text("Labelled 3 images as 7")).to_be_visible()
    (made,) = [each for each in small_project.log(project) if each.number > since]
    assert (made.kind, made.members.tolist()) == (EventKind.BULK_LABEL, meant)
    assert (made.payload["sight"], made.payload["seen"]) == (Sight.GRID, 3)
    now, source = labels(project)
    assert (now[meant] == 7).all()
    assert (source[meant] == Source.ACCEPTED).all()
    desk.keyboard.press("Backspace")
    expect(tile(desk, sheet[1]).locator(".stamp")).to_have_text("")
    expect(desk.locator(".tile.can-be-marked")).to_have_count(72)
    assert (labels(project)[0][meant] < 0).all()
    # one marked image is a single decision, about the image that was seen large
    tile(desk, sheet[0]).click()
    expect(desk.locator(".stage")).to_have_attribute("data-ready", str(sheet[0]))
    desk.keyboard.press("3")
    expect(desk.locator("span.saved")).to_have_text("")
    expect(tile(desk, sheet[0]).locator(".stamp")).to_have_text("labelled")
    last = small_project.log(project)[-1]
    assert (last.kind, last.position) == (EventKind.LABEL, sheet[0])
    assert last.payload["sight"] == Sight.GRID
    # what was not on screen cannot be marked
    stroke(desk, "*", "Digit8", shiftKey=True)
    expect(desk.locator(".tile.is-marked").first).to_be_visible()
    marked = desk.locator(".tile.is-marked").count()
    assert 0 < marked < 71
    assert not tile(desk, sheet[-1]).get_attribute("class").count("is-marked")
    desk.keyboard.press("?")
    desk.keyboard.press("Escape")
    desk.keyboard.press("Escape")
    expect(desk.locator(".tile.is-marked")).to_have_count(0)
    assert small_project.damage(project) is None
