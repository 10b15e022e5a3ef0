"""One mapping of deep images for readers, training store, thumbnails and encoders."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import small_project
from PIL import Image
from sqlalchemy import select, update

from sslapp.imaging.decode import decode
from sslapp.imaging.intensities import IntensityMapping
from sslapp.imaging.pixels import PixelStore
from sslapp.store import images, projects
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.projects import ProjectSettings
from sslapp.store.schema import project as project_table
from sslapp.usecases.access import enter
from sslapp.usecases.images.encoder_jobs import pixels_for
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.intensities import in_words
from sslapp.usecases.images.pictures import picture, thumbnail
from sslapp.usecases.labelling.worksheets import write_worksheet
from sslapp.usecases.projects.settings import change_settings, create_project
from sslapp.vocabulary import Aspect, Intensities
from sslapp.workspace import Workspace

COUNT, SIDE = 6, 32


@pytest.fixture
def access(tmp_path):
    opened = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    yield opened
    opened.engine.dispose()


@pytest.fixture
def scans(tmp_path):
    """A folder of 16-bit PNGs, each brighter than the one before, all with a hot pixel."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(COUNT):
        ramp = np.linspace(0, 500, SIDE * SIDE).reshape(SIDE, SIDE) + 200 * number
        ramp[3, 3] = 65_535
        Image.fromarray(ramp.astype(np.uint16)).save(folder / f"{number}.png")
    return folder


def stored(access):
    with reading(access.engine) as conn:
        sets = images.image_sets(conn, 1)
    store = PixelStore([access.workspace.path(each.pixels) for each in sets])
    return store.take(np.arange(len(store)))


def settings_of(access):
    with reading(access.engine) as conn:
        return projects.find_project(conn, 1).settings


@pytest.mark.parametrize("choice", list(Intensities))
def test_readers_store_thumbnails_and_encoders_see_the_same(access, scans, choice) -> None:
    create_project(access, "Scans", ["a", "b"], ProjectSettings(intensities=choice))
    import_images(access, None, str(scans))
    small_project.run_jobs(access)
    rows = stored(access)
    with reading(access.engine) as conn:
        encoder = SimpleNamespace(side=SIDE, aspect=Aspect.PAD, resample="bicubic")
        encoded = pixels_for(conn, access.workspace, 1, encoder).take(np.arange(COUNT))
    for position in range(COUNT):
        seen = decode(picture(access, None, position).content, "seen")
        assert np.array_equal(seen, rows[position, :, :, 0])
        assert np.array_equal(seen, encoded[position, :, :, 0])
        small = np.array(Image.open(io.BytesIO(thumbnail(access, None, position).content)))
        assert np.array_equal(small[::3, ::3], seen)
    shades = [len(np.unique(row)) for row in rows]
    if choice is Intensities.EXTREMES:
        assert max(shades) <= 8  # the hot pixel has all others
    if choice is Intensities.IMAGE:
        assert min(shades) > 200
        assert len({row.mean().round() for row in rows}) == 1
    if choice is Intensities.SET:
        means = [row.mean() for row in rows]
        assert np.diff(means).min() > 20  # brighter images stay brighter


def test_a_worksheet_has_the_pictures_of_the_label_page(access, scans, tmp_path) -> None:
    create_project(access, "Scans", ["a", "b"])
    Image.fromarray(np.full((SIDE, SIDE, 3), 90, np.uint8)).save(scans / "plain.png")
    import_images(access, None, str(scans))
    small_project.run_jobs(access)
    every = range(COUNT + 1)
    write_worksheet(access, None, every, tmp_path / "todo")
    for position in every:
        given = (tmp_path / "todo" / f"{position}.png").read_bytes()
        assert given == picture(access, None, position).content
        assert Image.open(io.BytesIO(given)).mode in ("L", "RGB")  # 8 bits a sample


def test_the_limits_of_a_set_are_frozen_by_the_first_import(access, scans, tmp_path) -> None:
    wanted = ProjectSettings(intensities=Intensities.SET)
    create_project(access, "Scans", ["a", "b"], wanted)
    import_images(access, None, str(scans))
    small_project.run_jobs(access)
    low, high = settings_of(access).intensity_limits
    assert (low, high) == (pytest.approx(15, abs=2), pytest.approx(1485, abs=5))
    assert f"{low:g} and {high:g}" in in_words(settings_of(access))
    brighter = tmp_path / "brighter"
    brighter.mkdir()
    Image.fromarray(np.full((SIDE, SIDE), 30_000, np.uint16)).save(brighter / "1.png")
    import_images(access, None, str(brighter))
    small_project.run_jobs(access)
    assert settings_of(access).intensity_limits == (low, high)
    assert (stored(access)[-1] == 255).all()


def test_arrays_of_16_bits_are_kept_whole_and_seen_by_the_mapping(access, tmp_path) -> None:
    values = np.random.default_rng(0).integers(0, 4096, (COUNT, 100, 80)).astype(np.uint16)
    np.savez(tmp_path / "set.npz", train_images=values)
    create_project(access, "Arrays", ["a", "b"])
    import_images(access, None, str(tmp_path / "set.npz"))
    small_project.run_jobs(access)
    for position in range(COUNT):
        seen = decode(picture(access, None, position).content, "seen")
        assert np.array_equal(seen, IntensityMapping().eight_bits(values[position]))


def test_a_project_from_before_keeps_the_extremes_and_says_so(access) -> None:
    create_project(access, "Old", ["a", "b"])
    assert settings_of(access).intensities is Intensities.IMAGE
    with writing(access.engine) as conn:
        before = dict(conn.execute(select(project_table.c.settings)).scalar_one())
        del before["intensities"], before["intensity_limits"]
        conn.execute(update(project_table).values(settings=before))
    assert settings_of(access).intensities is Intensities.EXTREMES
    assert "before there was a choice" in in_words(settings_of(access))


def test_intensities_change_with_the_training_store_once_there_are_images(access, scans) -> None:
    create_project(access, "Scans", ["a", "b"])
    assert change_settings(access, None, intensities=Intensities.SET)
    import_images(access, None, str(scans))
    small_project.run_jobs(access)
    with pytest.raises(Refused, match="sslapp pixels --intensities image"):
        change_settings(access, None, intensities=Intensities.IMAGE)
