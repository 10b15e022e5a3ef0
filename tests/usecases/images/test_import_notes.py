"""What an import tells of files that it refused, or took a part of."""

import csv
import io

import numpy as np
import small_project
from PIL import Image

from sslapp.usecases.access import enter
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.incoming.notes import by_reason, refusals_csv
from sslapp.usecases.projects.settings import create_project
from sslapp.workspace import Workspace


def test_refusals_are_put_together_by_reason_and_safe_in_a_spreadsheet() -> None:
    refused = [
        {"name": "a.txt", "reason": "no picture"},
        {"name": "=HYPERLINK(1)", "reason": "damaged"},
        {"name": "b.txt", "reason": "damaged"},
    ]
    assert by_reason(refused) == [
        ("damaged", ["=HYPERLINK(1)", "b.txt"]),
        ("no picture", ["a.txt"]),
    ]
    rows = list(csv.reader(io.StringIO(refusals_csv(refused).decode())))
    assert rows[0] == ["name", "reason"]
    assert rows[2] == ["'=HYPERLINK(1)", "damaged"]


def test_files_of_which_the_first_image_was_taken_are_named_with_their_number(tmp_path) -> None:
    folder = tmp_path / "stacks"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (3, 16, 16), dtype=np.uint8)
    first, *others = map(Image.fromarray, noise)
    for name in ("moving.gif", "moving.png", "moving.webp", "pages.tif"):
        first.save(folder / name, save_all=True, append_images=others)
    first.save(folder / "one.png")
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(access, "Stacks", ["a", "b"])
    row = small_project.finish(access, import_images(access, None, str(folder)))
    access.engine.dispose()
    assert (
        "Of files with several images the first was taken: moving.gif (3), moving.png (3), "
        "moving.webp (3), pages.tif (3)."
    ) in row["result"]["notes"]
