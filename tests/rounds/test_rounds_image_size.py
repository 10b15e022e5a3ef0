"""Rounds that see images at a size of their own, read from the originals."""

from pathlib import Path

import numpy as np
import pytest
import small_project

from sslapp.imaging.pixels import PixelStore
from sslapp.rounds.loading import RESIZED, load_task, stored_images
from sslapp.store.database import reading
from sslapp.store.projects import ProjectSettings
from sslapp.store.snapshots import freeze
from sslapp.usecases.access import enter
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.pixels_again import WantedPixels, make_pixels_again
from sslapp.usecases.labelling import decisions
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.training.rounds import round_status, start_round
from sslapp.vocabulary import Aspect, JobState
from sslapp.workspace import Workspace

SIDE, COUNT = 96, 24
CONFIG = {"image_size": SIDE, "steps": 2, "batch_size": 4, "calibration_trainings": "none"}


@pytest.fixture
def fine(tmp_path: Path):
    """24 images of 96 pixels whose classes are two patterns that the store's 32 pixels blur."""
    columns = np.arange(SIDE) % 2 * 255
    patterns = np.stack([np.tile(columns, (SIDE, 1)), np.tile(columns[:, None], (1, SIDE))])
    classes = np.arange(COUNT) % 2
    images = patterns[classes].astype(np.uint8)
    images[:, 0, 0] = np.arange(COUNT)  # no two are equal
    np.savez(tmp_path / "fine.npz", train_images=images, train_labels=classes)
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    project = create_project(access, "Fine", settings=ProjectSettings(image_size=32, grey=True))
    import_images(access, project, str(tmp_path / "fine.npz"))
    small_project.run_jobs(access)
    for position in range(8):
        decisions.label(access, project, position, str(classes[position]))
    return access, images


def folder(access) -> Path:
    return access.workspace.project(1) / RESIZED


def test_a_round_sees_detail_that_the_store_has_lost(fine) -> None:
    access, images = fine
    with access.engine.begin() as conn:
        snapshot = freeze(conn, access.workspace, 1)
    stored = load_task(access.workspace, access.engine, 1, snapshot.id).pixels
    seen = load_task(access.workspace, access.engine, 1, snapshot.id, image_size=SIDE).pixels
    assert stored.shape == (COUNT, 1, 32, 32) and seen.shape == (COUNT, 1, SIDE, SIDE)
    rows = np.array([3, 0, 23])
    np.testing.assert_array_equal(seen.take(rows).numpy()[:, 0], images[rows])
    lost = stored.take(rows).numpy()[:, 0, 4:-4, 4:-4]
    assert np.ptp(lost.astype(int)) < 40, "nothing of the pattern is left"


@pytest.mark.slow
def test_a_round_at_a_size_of_its_own_ends_and_makes_its_images_once(fine) -> None:
    access, _ = fine
    for number in (1, 2):
        start_round(access, None, method="supervised", gear="pixels", config=CONFIG)
        small_project.run_jobs(access)
        row = round_status(access, None)
        assert (row["number"], row["state"]) == (number, JobState.DONE), row["error"]
        files = {path: path.stat().st_mtime_ns for path in folder(access).iterdir()}
        if number == 1:
            first = files
    assert files == first
    assert PixelStore(sorted(files)).shape == (COUNT, SIDE, SIDE, 1)
    one, other = (small_project.published(access, number)[0] for number in (1, 2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_pretrained_network_is_trained_in_a_round(fine) -> None:
    access, _ = fine
    config = {**CONFIG, "network": "efficientnet-lite0", "train": "last-blocks"}
    start_round(access, None, method="supervised", gear="pixels", config=config)
    small_project.run_jobs(access)
    row = round_status(access, None)
    assert row["state"] == JobState.DONE, row["error"]
    assert row["config"]["network"] == "efficientnet-lite0"
    found = small_project.published(access)[0]
    assert found.shape == (COUNT, 2) and np.isfinite(found).all()


def test_a_round_of_the_features_gear_reads_no_originals(project) -> None:
    start_round(project, None, method="label-propagation")
    small_project.run_jobs(project)
    assert round_status(project, None)["state"] == JobState.DONE
    with reading(project.engine):
        assert not folder(project).exists()


@pytest.mark.slow
def test_images_become_square_as_the_project_says(tmp_path: Path) -> None:
    wide = np.zeros((3, SIDE, 2 * SIDE), dtype=np.uint8)
    wide[:, :, SIDE // 2 : -SIDE // 2] = 200
    np.savez(tmp_path / "wide.npz", train_images=wide)
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    project = create_project(access, "Wide", settings=ProjectSettings(image_size=32))
    import_images(access, project, str(tmp_path / "wide.npz"))
    small_project.run_jobs(access)
    seen = {}
    for aspect in (Aspect.PAD, Aspect.CROP):
        small_project.finish(
            access, make_pixels_again(access, project, WantedPixels(aspect=aspect))
        )
        images = stored_images(access.workspace, access.engine, project, image_size=SIDE)
        seen[aspect] = images.take(np.array([1]))[0, :, :, 0]
    assert (seen[Aspect.CROP] == 200).all(), "the centre"
    assert (seen[Aspect.PAD][:10] == 0).all(), "a black border"
    access.engine.dispose()
