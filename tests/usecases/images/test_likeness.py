"""New images that show the same as a test image: few are compared closely, many cheaply."""

import numpy as np
import pytest
import small_project
from PIL import Image

from sslapp.datasets.pictures.reading import Reading
from sslapp.usecases.access import enter
from sslapp.usecases.images.incoming import likeness
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.projects.settings import create_project
from sslapp.vocabulary import JobState, Split
from sslapp.workspace import Workspace

SIDE = 64


def picture(seed: int) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 240, (16, 16), dtype=np.uint8)
    return Image.fromarray(small).resize((SIDE, SIDE))


@pytest.fixture
def access(tmp_path):
    """A project of ten pictures, of which two are test images."""
    made = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(made, "Ward")
    for seed in range(10):
        path = tmp_path / "old" / ("test" if seed < 2 else "train") / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(seed).save(path)
    imported(made, tmp_path / "old", splits={"test": Split.TEST, "train": Split.POOL})
    yield made
    made.engine.dispose()


def imported(access, source, project="Ward", **reading) -> list[str]:
    """What the import says that is to be known of it."""
    job = import_images(
        access, project, str(source), reading=Reading(**reading) if reading else None
    )
    row = small_project.finish(access, job)
    assert row["state"] == JobState.DONE, row["error"]
    return row["result"]["notes"]


@pytest.fixture
def new(tmp_path):
    """Two of the pictures, one of them a test image, brighter and compressed; and three others."""
    folder = tmp_path / "new"
    folder.mkdir()
    for seed in (1, 5):
        picture(seed).point(lambda value: min(value + 9, 255)).save(folder / f"again {seed}.jpg")
    for seed in (20, 21, 22):
        picture(seed).save(folder / f"{seed}.png")
    return folder


def test_a_copy_of_a_test_image_is_named(access, new) -> None:
    (said,) = imported(access, new)
    assert "as a holdout or test image (1): again 1.jpg as" in said
    assert "1.png. Whatever is trained on them" in said


def test_a_copy_of_a_test_image_of_the_same_import_is_named(access, new, monkeypatch) -> None:
    create_project(access, "Other")
    for seed in (30, 31):
        path = new / "test" / f"{seed}.png"
        path.parent.mkdir(exist_ok=True)
        picture(seed).save(path)
    picture(31).point(lambda value: min(value + 9, 255)).save(new / "again 31.jpg")
    pool = new / "train"
    pool.mkdir()
    for path in new.glob("*.*"):
        path.rename(pool / path.name)
    splits = {"test": Split.TEST, "train": Split.POOL}
    (said,) = imported(access, new, project="Other", splits=splits)
    shown = "as a test image of this import (1): train/again 31.jpg as test/31.png."
    assert shown in said
    create_project(access, "Many")
    monkeypatch.setattr(likeness, "MOST_APART", 1)
    monkeypatch.setattr(likeness, "_AT_ONCE", 2)
    (said,) = imported(access, new, project="Many", splits=splits)
    assert shown in said


def test_it_is_found_among_many_as_well(access, new, monkeypatch) -> None:
    monkeypatch.setattr(likeness, "MOST_APART", 1)
    monkeypatch.setattr(likeness, "_AT_ONCE", 2)
    (said,) = imported(access, new)
    assert "as a holdout or test image (1): again 1.jpg as" in said


def test_what_is_not_looked_at_is_said(access, new, monkeypatch) -> None:
    monkeypatch.setattr(likeness, "MOST_NEW", 0)
    (said,) = imported(access, new)
    assert said.startswith("1 more new image may show nearly the same")


def test_so_is_where_even_that_would_take_minutes(access, new, monkeypatch) -> None:
    monkeypatch.setattr(likeness, "MOST_PAIRS", 9)
    (said,) = imported(access, new)
    assert "was not looked for: 5 new ones and 2 of those are more than" in said
