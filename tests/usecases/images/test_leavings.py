"""What an import that fails or is cancelled leaves: nothing, and a sentence why."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import small_project
from PIL import Image

from sslapp.usecases.access import enter
from sslapp.usecases.exporting.exports import export
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.labelling.decisions import label
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.vocabulary import JobState
from sslapp.workspace import Workspace

SMALL = 8


@pytest.fixture
def access(tmp_path: Path):
    made = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(made, "Scans", ["a", "b"])
    yield made
    made.engine.dispose()


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder of small pictures, and one of some megabytes."""
    folder = tmp_path / "scans"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(SMALL):
        noise = rng.integers(0, 256, (16, 16), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    noise = rng.integers(0, 256, (2000, 2000), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "large.png", compress_level=0)
    return folder


@contextmanager
def full_beyond(size: int) -> Iterator[None]:
    """No file may become larger, which the system refuses as it refuses on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def originals(access) -> list[Path]:
    folder = access.workspace.project(1) / "originals"
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_full_disk_fails_the_import_in_a_sentence_and_the_next_one_finds_room(
    access, scans
) -> None:
    failing = import_images(access, None, str(scans))
    with full_beyond(3_000_000):
        row = small_project.finish(access, failing)
    assert row["state"] == JobState.FAILED
    assert row["error"].startswith("The disk is full")
    assert originals(access) == []
    (scans / "large.png").unlink()
    small_project.finish(access, import_images(access, None, str(scans)))
    assert status(access, None).counts["images"] == SMALL
    small_project.finish(access, failing)
    assert len(originals(access)) == SMALL  # what images have stays


def test_an_import_that_the_project_refuses_leaves_no_original(access, scans) -> None:
    for name in ("cat", "dog"):  # classes that the project has not
        (scans / name).mkdir()
    large, *others = [each for each in scans.iterdir() if each.is_file()]
    large.rename(scans / "cat" / large.name)
    for each in others:
        each.rename(scans / "dog" / each.name)
    row = small_project.finish(access, import_images(access, None, str(scans)))
    assert row["state"] == JobState.FAILED
    assert 'The set has the class "cat"' in row["error"]
    assert originals(access) == []


@pytest.mark.slow
def test_a_missing_file_is_named_with_what_to_do(access, scans, tmp_path) -> None:
    (scans / "large.png").unlink()
    small_project.finish(access, import_images(access, None, str(scans)))
    label(access, None, 0, "a")
    (pixels,) = access.workspace.jobs.rglob("pixels.npy")
    pixels.rename(tmp_path / "pixels.npy")
    error = small_project.finish(access, embed(access, None))["error"]
    assert error.startswith(f"{pixels} is missing. `sslapp verify` says what else is")
    (tmp_path / "pixels.npy").rename(pixels)
    for path in originals(access):
        path.unlink()
    error = small_project.finish(access, export(access, None, tmp_path / "folder"))["error"]
    assert " is missing. `sslapp verify`" in error
    assert str(access.workspace.project(1) / "originals") in error
    assert not (tmp_path / "folder").exists()
