"""Labels that travel, in a real browser: a grid before any round, an archive, a fresh project."""

import re
from pathlib import Path

import numpy as np
import pytest
import small_project
from downloads import fetch
from playwright.sync_api import expect

from sslapp.store.database import reading
from sslapp.store.images import names_and_hashes
from sslapp.store.labels import current_labels
from sslapp.store.state import load_state
from sslapp.usecases.projects.listing import known_projects
from sslapp.vocabulary import Source

SECONDS = 1000
pytestmark = pytest.mark.timeout(120)  # several sides of one page, and what they need is started


@pytest.fixture
def page(browser):
    window = browser.new_context(accept_downloads=True, viewport={"width": 1440, "height": 1200})
    page = window.new_page()
    page.set_default_timeout(30 * SECONDS)
    expect.set_options(timeout=30 * SECONDS)
    yield page
    window.close()


def said_of(access, project_id: int) -> dict[str, tuple]:
    """Image hash -> class name, source and reader of its label, and whether it measures."""
    with reading(access.engine) as conn:
        state = load_state(conn, project_id)
        _, hashes = names_and_hashes(conn, project_id)
        labelled = np.flatnonzero(state.labels >= 0)
        labels = current_labels(conn, project_id, labelled)
    told: dict[str, tuple] = {
        hashes[each]: (label.class_name, label.source, label.reader)
        for each, label in labels.items()
    }
    told |= {hashes[each]: ("none of these",) for each in state.none_of_these.tolist()}
    drawn = {hashes[each] for each in np.flatnonzero(state.holdout)}
    return {image: (*said, image in drawn) for image, said in told.items()}


def test_labels_of_a_grid_survive_an_archive_and_a_fresh_project(
    project, serve, page, tmp_path: Path
) -> None:
    page.goto(f"{serve(project.workspace.root, worker=True)}/review?project=1")
    page.locator(".tile.can-be-marked").first.wait_for()
    tiles = page.locator(".tile")
    tiles.nth(1).click()
    tiles.nth(3).click(modifiers=["Shift"])
    page.keyboard.press("7")
    page.get_by_text("Labelled 3 images as 7").wait_for()
    tiles.nth(6).click()
    at = tiles.nth(6).get_attribute("data-position")
    expect(page.locator(".stage")).to_have_attribute("data-ready", at)
    page.keyboard.press("n")
    expect(tiles.nth(6).locator(".stamp")).to_have_text("none of these")
    expect(page.locator("span.saved")).to_have_text("")

    page.get_by_role("link", name="Export", exact=True).click()
    page.get_by_role("radio", name="Images").or_(
        page.get_by_role("button", name="Images", exact=True)
    ).first.click()
    page.get_by_role("button", name=re.compile(r"^Export \d+ labels$")).click()
    page.get_by_role("link", name="Download").first.wait_for()
    packed = fetch(page, tmp_path)

    page.get_by_role("link", name="Projects", exact=True).click()
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name", exact=True).fill("Fresh")
    page.get_by_role("radio", name="Upload").or_(
        page.get_by_role("button", name="Upload", exact=True)
    ).first.click()
    page.get_by_text("or drop it here").wait_for()  # from here on somebody listens
    page.locator("input[type=file]").set_input_files(packed)
    page.get_by_text(re.compile(r"has arrived\.$")).wait_for()
    page.get_by_role("button", name="Create project").click()
    page.get_by_role("button", name="Embed again").wait_for()

    fresh = next(each.id for each in known_projects(project) if each.name == "Fresh")
    before, after = said_of(project, 1), said_of(project, fresh)
    assert after == before
    assert ("none of these", False) in after.values()
    assert len([each for each in after.values() if each[:2] == ("7", Source.ACCEPTED)]) == 3
    assert any(each[-1] for each in after.values())
    assert small_project.damage(project) is None
