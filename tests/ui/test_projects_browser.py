"""The Projects page in a real browser: a person makes a project of a zip."""

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sslapp.usecases.access import enter
from sslapp.usecases.projects.status import status
from sslapp.workspace import Workspace

SECONDS = 1000
pytestmark = pytest.mark.timeout(120)  # several sides of one page, and what they need is started


def png(seed: int) -> bytes:
    """A picture of 16 x 16 pixels."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def archive(path: Path) -> Path:
    """A zip of two classes with one file that is no picture and one that leads out of it."""
    with zipfile.ZipFile(path, "w") as file:
        for number in range(12):
            file.writestr(f"pets/{'cat' if number % 2 else 'dog'}/{number}.png", png(number))
        file.writestr("pets/cat/broken.png", png(99)[:60])
        file.writestr("pets/../../../evil.png", png(98))
    return path


def open_page(browser, address: str):
    """A page that collects what the browser's content policy refused."""
    page = browser.new_page()
    page.set_default_timeout(30 * SECONDS)
    page.refused = []
    page.on(
        "console",
        lambda message: (
            page.refused.append(message.text) if "Content Security Policy" in message.text else None
        ),
    )
    page.goto(address)
    return page


def test_uploads_are_refused_given_up_and_imported_and_a_class_is_edited(
    tmp_path: Path, serve, browser, monkeypatch
) -> None:
    monkeypatch.setenv("SSLAPP_UPLOAD_LIMIT", "3000000")
    root = tmp_path / "workspace"
    access = enter(Workspace(workspace=root), "Ann")
    page = open_page(browser, serve(root, worker=True))
    page.get_by_label("Name", exact=True).fill("Pets")
    page.get_by_role("radio", name="Upload").or_(
        page.get_by_role("button", name="Upload", exact=True)
    ).first.click()
    page.get_by_text("or drop it here").wait_for()
    control = page.locator("input[type=file]")

    wrong = tmp_path / "fake.zip"
    wrong.write_bytes(b"<script>alert(1)</script>")
    control.set_input_files(wrong)
    page.get_by_text("fake.zip: its content is no zip file. Pack it again.").wait_for()
    large = tmp_path / "large.zip"
    large.write_bytes(b"PK" + bytes(3_000_000))
    control.set_input_files(large)
    page.get_by_text("large.zip has 3.0 MB; 3.0 MB are allowed.").wait_for()

    # a connection that takes long enough to press the button
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    link = {"offline": False, "latency": 0, "downloadThroughput": -1}
    session.send("Network.emulateNetworkConditions", {**link, "uploadThroughput": 100_000})
    slow = tmp_path / "slow.zip"
    slow.write_bytes(b"PK" + bytes(2_000_000))
    control.set_input_files(slow)
    page.get_by_text(re.compile(r"^slow\.zip: .* of 2\.0 MB$")).wait_for()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_text("or drop it here").wait_for()
    assert [*(root / "uploads").glob("*")] == []
    session.send("Network.emulateNetworkConditions", {**link, "uploadThroughput": -1})

    control.set_input_files(archive(tmp_path / "pets.zip"))
    page.get_by_text(re.compile(r"^pets\.zip, .* has arrived\.$")).wait_for()
    page.get_by_role("button", name="Create project").click()

    # a worker looks, imports and embeds; the page follows without a reload
    page.get_by_role("button", name="Import 13 images").click()
    page.get_by_role("button", name="Embed again").wait_for()
    page.get_by_text("12 images · 2 classes").wait_for()
    page.get_by_text("2 files refused").click()
    page.get_by_text("its path leads out of the archive (1)").wait_for()
    page.get_by_text("cat/broken.png").wait_for()

    page.get_by_text("Edit classes").click()
    name = page.get_by_role("textbox", name="Name", exact=True)
    name.fill("wild cat")
    name.press("Enter")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator('input[aria-label="Class"][value="1 · wild cat"]').wait_for()
    assert [each.name for each in status(access).classes] == ["wild cat", "dog"]

    page.get_by_role("button", name="Go to Label").click()
    page.get_by_role("heading", name="Label", exact=True).wait_for()
    assert page.refused == []
    page.close()
    access.engine.dispose()
