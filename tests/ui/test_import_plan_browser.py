"""From an archive to the first label in a real browser: a plan, a list, an embedding, a key."""

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reading_page import all_saved, choose, press, ready, tried, turn_to

from sslapp.usecases.access import enter
from sslapp.usecases.images.embeddings import newest_embedding
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.workspace import Workspace

SECONDS = 1000
LOW = {"width": 1366, "height": 768}
PATIENTS, EACH = ("10231", "10555", "10870"), 12
CLASSES = [
    *("normal", "effusion", "pneumothorax", "cardiomegaly", "consolidation"),
    *("atelectasis", "oedema", "nodule", "fracture", "other"),
]
READ = 6
"""Images of a patient that the list has a class for; it has a view for all."""


def archive(path: Path) -> Path:
    """A zip in a zip, of patients whose folders are numbers and whose files have the same names."""
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


def label_list(path: Path) -> Path:
    """What a spreadsheet of another machine writes: a byte order mark, semicolons, its paths."""
    lines = ["Image Path;Diagnosis;View"]
    for patient in PATIENTS:
        for number in range(EACH):
            said = CLASSES[number % 3] if number < READ else ""
            lines.append(rf"{patient}\images\{number}.png;{said};PA")
    path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8-sig", newline="")
    return path


def opened(page, title: str):
    """The form of that name, which is open then."""
    form = page.locator("details", has=page.locator("summary", has_text=title))
    if form.get_attribute("open") is None:
        form.locator("summary").click()
    form.get_by_text("or drop it here").wait_for()
    return form


def figure(page, name: str, value: int) -> None:
    page.locator("[data-testid=stMetric]", has_text=name).get_by_text(str(value)).wait_for()


@pytest.mark.timeout(120)
def test_an_archive_of_patients_becomes_labelled_images_and_nothing_comes_twice(
    tmp_path: Path, serve, browser
) -> None:
    root = tmp_path / "workspace"
    access = enter(Workspace(workspace=root), "Ann")
    project = create_project(access, "Ward", CLASSES)
    source, labels = archive(tmp_path / "ward.zip"), label_list(tmp_path / "findings.csv")
    images, read = len(PATIENTS) * EACH, len(PATIENTS) * READ
    page = browser.new_page(viewport=LOW)
    page.set_default_timeout(40 * SECONDS)
    refused: list[str] = []
    page.on("console", lambda told: refused.append(told.text) if "Policy" in told.text else None)
    page.goto(serve(root, worker=True))

    # patients look like classes until somebody says what they are
    page.get_by_text("or drop it here").wait_for()
    page.locator("input[type=file]").set_input_files(source)
    page.get_by_text("Import of ward").wait_for()
    page.get_by_text(re.compile("patients \\(groups\\) or classes")).wait_for()
    assert page.get_by_role("button", name=f"Import {images} images").is_disabled()
    choose(page, page.get_by_role("combobox", name="Folders, level 3"), "are patients or groups")
    figure(page, "Groups", 3)
    page.get_by_role("button", name=f"Import {images} images").click()
    page.get_by_text(f"{images} images · 10 classes").wait_for()

    # the list of another machine, with a column that is kept
    form = opened(page, "Import labels")
    form.locator("input[type=file]").first.set_input_files(labels)
    form.get_by_text("A list of labels, yours from now on").wait_for()
    kept = form.get_by_text(re.compile("^Metadata: ")).first

    def keep(patience: int) -> None:
        if not kept.is_visible():
            box = form.get_by_role("combobox", name="Keep as metadata")
            choose(page, box, "View", typed="View")
            page.keyboard.press("Escape")  # the list stays open for further columns
        kept.wait_for(timeout=patience)

    tried(keep)
    form.get_by_role("button", name="Import labels").click()
    form.get_by_text(f"{read} labels").wait_for()
    metadata = opened(page, "Metadata")
    metadata.get_by_text("On Label").click()
    page.get_by_role("button", name="Embed", exact=True).click()
    page.get_by_role("button", name="Embed again").wait_for()
    embedding = newest_embedding(access, project)
    assert embedding is not None
    assert embedding.count == images

    # ten classes and what the list tells, in a low window
    turn_to(page, "Label")
    ready(page)
    page.get_by_role("group", name="Metadata").get_by_text("PA", exact=True).wait_for()
    press(page, "2")
    all_saved(page)
    place = page.get_by_label("Next images").bounding_box()
    assert place["y"] + place["height"] < LOW["height"]

    turn_to(page, "Projects")
    again = opened(page, "Import images")
    again.locator("input[type=file]").set_input_files(source)
    figure(page, "Here already", images)
    assert page.get_by_role("button", name="Nothing new to import").is_disabled()
    assert refused == []
    page.close()
    found = status(access)
    assert (found.counts["images"], [each.name for each in found.classes]) == (images, CLASSES)
    assert found.counts["expert"] == read + 1
    access.engine.dispose()
