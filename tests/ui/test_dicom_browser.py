"""Studies from a folder to the first label in a real browser: a plan, a question, a picture."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from mortal_server import wait_for
from reading_page import all_saved, press, ready, tried, turn_to
from small_project import draw_holdout, finish
from ward import PATIENTS, SLICES, ward

from sslapp.datasets.pictures.reading import Reading
from sslapp.rounds.data import build_task
from sslapp.store import snapshots
from sslapp.store.database import reading
from sslapp.store.images import groups
from sslapp.store.labels import current_labels
from sslapp.usecases.access import enter
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.jobs import job_status
from sslapp.usecases.labelling import decisions
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import JobState, Slices, Source, Thing
from sslapp.workspace import Workspace

SECONDS = 1000
EACH = 31
"""Images of each patient: enough of the holdout to calibrate a round."""


@pytest.fixture
def access(tmp_path):
    """A project for the images of a ward."""
    made = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(made, "Ward", ["normal", "other"])
    yield made
    made.engine.dispose()


@pytest.mark.timeout(120)
def test_studies_are_planned_imported_by_series_and_labelled(
    tmp_path: Path, access, serve, browser
) -> None:
    root = access.workspace.root
    folder, sent = ward(tmp_path / "disc", text=True), tmp_path / f"{PATIENTS[0]}.zip"
    with zipfile.ZipFile(sent, "w") as file:
        for each in sorted(folder.rglob("*")):
            file.write(each, each.relative_to(tmp_path / "disc"))
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(30 * SECONDS)
    heard: list[bytes] = []
    page.on("response", lambda answer: heard.append(_body(answer)))
    page.on(
        "websocket", lambda socket: socket.on("framereceived", lambda it: heard.append(_bytes(it)))
    )
    page.goto(serve(root, worker=True))
    page.get_by_text("or drop it here").wait_for()
    page.locator("input[type=file]").set_input_files(sent)

    page.get_by_text("Import of DICOM, 2 patients").wait_for()
    assert page.get_by_role("button", name="Import 12 images").is_disabled()
    tried(lambda patience: _chosen(page, "each series", "Import 4 images", patience))
    tried(lambda patience: _chosen(page, "take them: I saw", "Import 5 images", patience))
    page.get_by_role("button", name="Import 5 images").click()
    page.get_by_text("5 images · 2 classes").wait_for()

    turn_to(page, "Label")
    ready(page)
    press(page, "1")
    all_saved(page)
    page.close()
    with reading(access.engine) as conn:
        assert len(set(groups(conn, 1))) == 2
    assert status(access).counts["expert"] == 1
    assert sum(map(len, heard)) > 100_000
    told = b"".join(heard)
    for secret in (*PATIENTS, "WARD-"):
        assert secret.encode() not in told.replace(sent.name.encode(), b"")


@pytest.mark.timeout(120)
def test_a_folder_comes_by_file_and_a_round_and_its_review_keep_patients_whole(
    tmp_path: Path, access, serve, browser
) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(30 * SECONDS)
    page.goto(address := serve(access.workspace.root, worker=True))
    page.get_by_text("or drop it here").wait_for()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(ward(tmp_path / "disc", slices=EACH - 1))
    page.get_by_text("Import of DICOM, 2 patients").wait_for()
    page.get_by_role("button", name=f"Import {2 * EACH} images").click()
    page.get_by_text(f"{2 * EACH} images · 2 classes").wait_for()
    page.get_by_text("Left out of the files: ").wait_for()
    page.get_by_text("4 files refused").click()
    page.get_by_text("a structured report, in which no picture is").wait_for()
    page.get_by_text("40 bytes too early").wait_for()

    with reading(access.engine) as conn:
        patients = groups(conn, 1)
    is_apart = patients == patients[0]
    apart, rest = np.flatnonzero(is_apart), np.flatnonzero(~is_apart)
    for position in map(int, apart):
        draw_holdout(access, position)
    for position in map(int, (*apart, *rest[: EACH // 2])):
        decisions.label(access, None, position, ("normal", "other")[position % 2])
    job = embed(access, None, "pixels")
    wait_for(lambda: job_status(access, job)["state"] == JobState.DONE)
    start_round(access, None, method="label-propagation")
    page.goto(f"{address}/train")
    page.get_by_text("Round 1 is done.").wait_for()
    turn_to(page, "Review")
    turn_to(page, "Review")
    page.locator(".st-key-review-show").get_by_text("All", exact=True).click()
    page.locator(".stage[data-ready]").wait_for()
    position = int(page.locator(".stage").get_attribute("data-ready"))
    page.keyboard.press("2")
    wait_for(lambda: _source(access, position) is Source.EXPERT)
    page.close()
    with reading(access.engine) as conn:
        frozen = snapshots.load(access.workspace, snapshots.find_snapshot(conn, 1))
        task = build_task(frozen, pixels=None, features=None, groups=patients)
    assert patients[0] not in patients[task.labelled]
    assert len(task.labelled) == EACH // 2
    assert set(task.validation) == set(apart)


@pytest.mark.timeout(120)
def test_slices_of_a_series_are_turned_and_one_label_is_given_to_it(
    tmp_path: Path, access, serve, browser
) -> None:
    wanted = Reading(thing=Thing.SERIES, slices=Slices.ALL)
    finish(access, import_images(access, None, str(ward(tmp_path / "disc")), reading=wanted))
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(30 * SECONDS)
    page.goto(f"{serve(access.workspace.root)}/label")
    turner = page.locator(".parts")
    while not turner.is_visible():  # a film is one picture
        ready(page)
        page.wait_for_load_state("networkidle")
        if not turner.is_visible():
            press(page, " ")
    place = turner.locator("output")
    assert place.inner_text() == f"3 / {SLICES}"
    first = page.locator(".box img").get_attribute("src")
    page.keyboard.press("PageDown")
    _shows(page, f"4 / {SLICES}", "/parts/3")
    page.locator(".box").hover()
    page.mouse.wheel(0, 60)
    _shows(page, f"5 / {SLICES}", "/parts/4")
    assert turner.get_by_role("button", name="›").is_disabled()
    turner.get_by_role("slider").fill("2")
    _shows(page, f"3 / {SLICES}", first.rpartition("/")[2])
    page.locator(".box").click()
    page.keyboard.press("ArrowUp")
    _shows(page, f"2 / {SLICES}", "/parts/1")
    page.keyboard.press("1")
    all_saved(page)
    assert status(access).counts["expert"] == 1

    turn_to(page, "Review")
    page.locator(".stage[data-ready]").wait_for()
    page.close()


def _source(access, position: int) -> Source | None:
    with reading(access.engine) as conn:
        found = current_labels(conn, 1, [position]).get(position)
    return None if found is None else found.source


def _shows(page, words: str, address: str) -> None:
    page.locator(".parts output").get_by_text(words, exact=True).wait_for()
    page.locator(f".box img[src$='{address}']").wait_for()


def _chosen(page, name: str, leads_to: str, patience: int) -> None:
    button = page.get_by_role("button", name=leads_to)
    if not button.is_visible():
        page.get_by_text(re.compile(f"^{name}")).click(timeout=patience)
    button.wait_for(timeout=patience)


def _bytes(frame: str | bytes) -> bytes:
    return frame if isinstance(frame, bytes) else frame.encode()


def _body(answer) -> bytes:
    try:
        return answer.body()
    except Exception:
        return b""
