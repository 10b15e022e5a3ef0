"""Studies from a folder to the first label in a real browser: a plan, a question, a picture."""

import re
import zipfile
from pathlib import Path

import pytest
from reading_page import all_saved, press, ready, tried, turn_to
from ward import PATIENTS, ward

from sslapp.store.database import reading
from sslapp.store.images import groups
from sslapp.usecases.access import enter
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.workspace import Workspace

SECONDS = 1000


@pytest.mark.timeout(120)
def test_studies_are_planned_imported_by_series_and_labelled(
    tmp_path: Path, serve, browser
) -> None:
    root = tmp_path / "workspace"
    access = enter(Workspace(workspace=root), "Ann")
    create_project(access, "Ward", ["normal", "other"])
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
    access.engine.dispose()
    told = b"".join(heard)
    for secret in (*PATIENTS, "WARD-"):
        assert secret.encode() not in told.replace(sent.name.encode(), b"")


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
