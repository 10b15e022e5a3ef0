"""Things of several pictures: what readers, encoders, rounds and exports make of them."""

import io
import zipfile

import numpy as np
import pytest
import small_project
from dicom_files import data_set, written
from PIL import Image
from ward import SLICES, ward

from sslapp import durable
from sslapp.datasets.pictures.reading import Reading, TextChoice
from sslapp.rounds.project_pixels import pictures_of, training_store
from sslapp.store.database import reading
from sslapp.store.embeddings import latest_embedding
from sslapp.store.errors import Unknown
from sslapp.store.images import contents
from sslapp.store.projects import find_project
from sslapp.usecases.access import enter
from sslapp.usecases.exporting.exports import export
from sslapp.usecases.images import pictures
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.incoming.quarantine.looking_through import held_series
from sslapp.usecases.images.incoming.quarantine.releasing import Rectangle, release
from sslapp.usecases.labelling import decisions
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import Gear, JobState, Slices, StackRule, Thing
from sslapp.workspace import Workspace

STACKS = Reading(thing=Thing.SERIES, slices=Slices.ALL)
PATIENTS = Reading(thing=Thing.PATIENT)


@pytest.fixture
def access(ward_access):
    return ward_access


def imported(access, source, wanted: Reading | None) -> dict:
    row = small_project.finish(access, import_images(access, None, str(source), reading=wanted))
    assert row["state"] == JobState.DONE, row["error"]
    return row["result"]


def seen(picture: pictures.Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.content)))


def stacks(access) -> list[int]:
    return [at for at in range(4) if pictures.parts(access, None, at).count == SLICES]


def test_a_reader_sees_the_middle_slice_first_and_turns_to_the_others(access, tmp_path) -> None:
    imported(access, ward(tmp_path), STACKS)
    assert pictures.has_parts(access, None)
    at, _ = stacks(access)
    assert pictures.parts(access, None, at).first == 2
    first = pictures.picture(access, None, at)
    parts = [pictures.part_of(access, None, at, each) for each in range(SLICES)]
    assert parts[2].content == first.content
    assert len({each.content for each in parts}) == len({each.tag for each in parts}) == SLICES
    with pytest.raises(Unknown, match="has no picture 6"):
        pictures.part_of(access, None, at, SLICES)


def test_an_image_of_one_picture_has_no_others(access, tmp_path) -> None:
    imported(access, ward(tmp_path), STACKS)
    (film, _) = [each for each in range(4) if each not in stacks(access)]
    assert pictures.parts(access, None, film) == pictures.Parts(1, 0)
    with pytest.raises(Unknown):
        pictures.part_of(access, None, film, 0)


def test_pictures_of_a_patient_are_first_seen_side_by_side(access, tmp_path) -> None:
    imported(access, ward(tmp_path), PATIENTS)
    assert pictures.parts(access, None, 0) == pictures.Parts(2, None)
    assert seen(pictures.picture(access, None, 0)).shape == (20, 40)
    shapes = {seen(pictures.part_of(access, None, 0, each)).shape for each in range(2)}
    assert shapes == {(16, 16), (20, 14)}


def test_networks_see_of_a_stack_what_its_rule_says(access, tmp_path) -> None:
    imported(access, ward(tmp_path), Reading(**{**vars(STACKS), "rule": StackRule.MAXIMUM}))
    at, _ = stacks(access)
    with reading(access.engine) as conn:
        row = training_store(conn, access.workspace, 1).image(at)[:, :, 0]
        assert pictures_of(conn, access.workspace, 1) is None
    slices = [seen(pictures.part_of(access, None, at, each)) for each in range(SLICES)]
    brightest = np.maximum.reduce(slices)
    assert row.shape[0] >= 16
    assert abs(float(row.mean()) - float(brightest.mean())) < 12
    assert float(row.mean()) > float(np.mean(slices)) + 30


def test_a_later_import_is_of_the_same_slices_or_refused(access, tmp_path) -> None:
    folder = ward(tmp_path)
    imported(access, folder, STACKS)
    again = imported(access, folder, Reading())
    assert (again["images"], again["here"]) == (0, 4)
    wanted = Reading(thing=Thing.SERIES, slices=Slices.THREE)
    wrong = small_project.finish(access, import_images(access, None, str(folder), reading=wanted))
    assert "a DICOM series (slices: all, trained on: middle), and not three" in wrong["error"]


def test_a_series_that_comes_again_with_more_slices_is_refused(access, tmp_path) -> None:
    folder = ward(tmp_path)
    (missing, *_) = sorted(folder.rglob("IM0003"))
    content = missing.read_bytes()
    missing.unlink()
    imported(access, folder, STACKS)
    missing.write_bytes(content)
    again = imported(access, folder, Reading())
    assert (again["images"], again["here"]) == (0, 3)
    (refused,) = [each for each in again["refused"] if "series" in each["reason"]]
    assert "with other pictures" in refused["reason"]


def test_features_of_a_patient_are_the_mean_of_the_pictures(access, tmp_path) -> None:
    imported(access, ward(tmp_path), PATIENTS)
    small_project.finish(access, embed(access, None, "efficientnet-lite0"))
    with reading(access.engine) as conn:
        row = latest_embedding(conn, 1)
        rows = pictures_of(conn, access.workspace, 1)
    features = durable.read_array(access.workspace.path(row["features"]))
    assert features.shape == (2, 1280)
    assert rows.counts.tolist() == [2, 2]
    other = enter(Workspace(workspace=tmp_path / "other", secrets=tmp_path / "secrets"), "Ann")
    create_project(other, "Ward", ["normal", "other"])
    (tmp_path / "films").mkdir()
    each = [seen(pictures.part_of(access, None, 0, part)) for part in range(2)]
    for number, picture in enumerate(each):
        Image.fromarray(picture).save(tmp_path / "films" / f"{number}.png")
    imported(other, tmp_path / "films", Reading())
    small_project.finish(other, embed(other, None, "efficientnet-lite0"))
    with reading(other.engine) as conn:
        row = latest_embedding(conn, 1)
    alone = durable.read_array(other.workspace.path(row["features"]))
    np.testing.assert_allclose(features[0], alone.mean(axis=0), atol=2e-2)
    other.engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("gear", [Gear.PIXELS, Gear.FEATURES])
def test_a_round_on_patients_says_one_thing_of_each(access, tmp_path, gear) -> None:
    imported(access, ward(tmp_path), PATIENTS)
    small_project.finish(access, embed(access, None))
    decisions.label(access, None, 0, "normal")
    decisions.label(access, None, 1, "other")
    if gear is Gear.PIXELS:
        start_round(access, None, method="supervised", gear=gear, config={"steps": 4})
    else:
        start_round(access, None, method="label-propagation")
    small_project.run_jobs(access)
    probabilities, _ = small_project.published(access)
    assert probabilities.shape == (2, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("wanted", "archives", "kept"),
    [
        (Reading(**{**vars(STACKS), "rule": StackRule.THREE}), 2, Thing.SERIES),
        (PATIENTS, 2, Thing.PATIENT),
    ],
)
def test_an_export_holds_archives_of_files_and_becomes_the_same_images_elsewhere(
    access, tmp_path, wanted, archives, kept
) -> None:
    number = imported(access, ward(tmp_path), wanted)["images"]
    for at in range(number):
        decisions.label(access, None, at, "normal")
    done = small_project.finish(access, export(access, None, tmp_path / "out"))
    assert done["state"] == JobState.DONE, done["error"]
    packed = sorted((tmp_path / "out").rglob("*.zip"))
    assert len(packed) == archives
    with zipfile.ZipFile(packed[0]) as archive:
        held = sorted(archive.namelist())
    assert held[-1] == "bundle.json"
    count = len(held) - 1
    other = enter(Workspace(workspace=tmp_path / "other", secrets=tmp_path / "secrets"), "Ann")
    create_project(other, "Back", ["normal", "other"])
    assert imported(other, tmp_path / "out", None)["images"] == number
    assert pictures.has_parts(other, None)
    with reading(other.engine) as conn:
        image_of = find_project(conn, 1).settings.image_of
        hashes = [sha256 for _, _, sha256 in contents(conn, 1)]
    with reading(access.engine) as conn:
        assert sorted(hashes) == sorted(sha256 for _, _, sha256 in contents(conn, 1))
        assert image_of.thing is kept is find_project(conn, 1).settings.thing
        assert image_of.rule is find_project(conn, 1).settings.rule
    assert count in [pictures.parts(other, None, at).count for at in range(number)]
    other.engine.dispose()


def test_a_stack_that_may_show_text_is_held_back_and_black_in_every_slice(access, tmp_path) -> None:
    (tmp_path / "set").mkdir()
    for at in range(3):
        sent = data_set(
            np.full((12, 12), 200 + at, np.uint8),
            SOPInstanceUID=f"1.2.{at}",
            InstanceNumber=at,
            BurnedInAnnotation="YES",
        )
        (tmp_path / "set" / f"{at}").write_bytes(written(sent))
    wanted = Reading(thing=Thing.SERIES, slices=Slices.ALL, burned_in=TextChoice.HOLD_BACK)
    assert imported(access, tmp_path / "set", wanted)["images"] == 0
    (series,) = held_series(access, None)
    assert (series.images, len(series.pictures)) == (1, 3)
    black = Rectangle(x=2, y=3, width=4, height=5)
    done = small_project.finish(access, release(access, None, [series.label], [black]))
    assert done["state"] == JobState.DONE, done["error"]
    assert pictures.parts(access, None, 0).count == 3
    for at in range(3):
        shown = seen(pictures.part_of(access, None, 0, at))
        assert (shown[3:8, 2:6] == 0).all()
        assert (shown == 0).sum() == 20
    again = imported(access, tmp_path / "set", wanted)
    assert (again["images"], again["here"]) == (0, 1)
