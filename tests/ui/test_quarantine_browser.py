"""A rectangle is drawn over a name in a real browser, and the name is gone from the project."""

from pathlib import Path

import pytest
import small_project
from burned_in import TEXT, ultrasounds
from reading_page import tried

from sslapp.datasets.pictures.reading import Reading, TextChoice
from sslapp.imaging.decode import decode
from sslapp.usecases.access import enter
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.incoming.quarantine import screening
from sslapp.usecases.images.pictures import picture
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.workspace import Workspace

SECONDS = 1000


@pytest.mark.timeout(120)
def test_a_rectangle_is_drawn_over_a_name(tmp_path: Path, serve, browser, monkeypatch) -> None:
    monkeypatch.setattr(screening, "is_installed", lambda: False)
    root = tmp_path / "workspace"
    access = enter(Workspace(workspace=root), "Ann")
    create_project(access, "Ward", ["normal", "other"])
    folder = ultrasounds(tmp_path / "in", series=1)
    back = Reading(burned_in=TextChoice.HOLD_BACK)
    small_project.finish(access, import_images(access, None, str(folder), reading=back))
    page = browser.new_page(viewport={"width": 1440, "height": 1200})
    page.set_default_timeout(30 * SECONDS)
    page.goto(serve(root, worker=True))
    page.get_by_role("heading", name="Held back: 3 images of 1 series").wait_for()
    page.get_by_text("3 pictures at once: the brightest").wait_for()
    slider = page.get_by_role("slider", name="Picture")
    slider.press("End")
    page.get_by_text("Picture 3 of 3").wait_for()

    canvas = page.locator("canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    scale = box["width"] / 128
    x, y, width, height = TEXT
    page.mouse.move(box["x"] + (x + 0.5) * scale, box["y"] + (y + 0.5) * scale)
    page.mouse.down()
    to = box["x"] + (x + width - 0.5) * scale, box["y"] + (y + height - 0.5) * scale
    page.mouse.move(*to, steps=4)
    page.mouse.up()
    field = page.get_by_label("width of rectangle 1")
    assert field.input_value() == str(width)

    # without a mouse: another rectangle, by its numbers
    page.get_by_role("button", name="Add a rectangle").click()
    page.get_by_label("height of rectangle 2").fill("3")
    page.get_by_label("height of rectangle 2").press("Enter")
    tried(lambda patience: _taken(page, patience))
    page.get_by_text("3 images · 2 classes").wait_for()
    page.close()
    assert status(access).counts["images"] == 3
    for position in range(3):
        shown = decode(picture(access, None, position).content, "shown")
        assert not shown[y : y + height, x : x + width].any()
        assert not shown[:3].any()
        assert shown[y + height :].min() >= 30
    access.engine.dispose()


def _taken(page, patience: int) -> None:
    page.get_by_role("button", name="Black out and take").click(timeout=patience)
    page.get_by_role("heading", name="Held back").wait_for(state="hidden", timeout=patience)
