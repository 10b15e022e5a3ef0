"""An import with a plan in a real browser: numbered patients, then the same archive again."""

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reading_page import choose

from sslapp.usecases.access import enter
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.workspace import Workspace

SECONDS = 1000
PATIENTS, EACH = ("10231", "10555", "10870"), 4


def archive(path: Path) -> Path:
    """A zip in a zip, of patients whose folders are numbers."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as file:
        for patient in PATIENTS:
            for number in range(EACH):
                buffer = io.BytesIO()
                rng = np.random.default_rng(int(patient) + number)
                Image.fromarray(rng.integers(0, 256, (16, 16), dtype=np.uint8)).save(buffer, "PNG")
                file.writestr(f"{patient}/images/{number}.png", buffer.getvalue())
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("ward/scans.zip", inner.getvalue())
    return path


@pytest.mark.timeout(120)
def test_patients_are_made_groups_by_the_plan_and_nothing_comes_twice(
    tmp_path: Path, serve, browser
) -> None:
    root = tmp_path / "workspace"
    access = enter(Workspace(workspace=root), "Ann")
    create_project(access, "Ward", ["sick", "well"])
    source = archive(tmp_path / "ward.zip")
    page = browser.new_page()
    page.set_default_timeout(40 * SECONDS)
    refused: list[str] = []
    page.on("console", lambda told: refused.append(told.text) if "Policy" in told.text else None)
    page.goto(serve(root, worker=True))

    page.get_by_text("or drop it here").wait_for()
    page.locator("input[type=file]").set_input_files(source)
    page.get_by_text("Import of ward").wait_for()
    page.get_by_text(re.compile("patients \\(groups\\) or classes")).wait_for()
    assert page.get_by_role("button", name="Import 12 images").is_disabled()
    choose(page, page.get_by_role("combobox", name="Folders, level 3"), "are patients or groups")
    page.locator("[data-testid=stMetric]", has_text="Groups").get_by_text("3").wait_for()
    page.get_by_role("button", name="Import 12 images").click()
    page.get_by_text("12 images · 2 classes").wait_for()

    form = page.locator("details", has=page.locator("summary", has_text="Import images"))
    if form.get_attribute("open") is None:
        form.locator("summary").click()
    form.get_by_text("or drop it here").wait_for()
    form.locator("input[type=file]").set_input_files(source)
    page.locator("[data-testid=stMetric]", has_text="Here already").get_by_text("12").wait_for()
    assert page.get_by_role("button", name="Nothing new to import").is_disabled()
    assert refused == []
    page.close()
    found = status(access)
    assert (found.counts["images"], [each.name for each in found.classes]) == (12, ["sick", "well"])
    access.engine.dispose()
