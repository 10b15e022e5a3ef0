"""DICOM files come in de-identified, by patient, and under a secret outside the workspace."""

import shutil

import numpy as np
import pytest
import small_project
from dicom_files import data_set, run_lengths, written
from lossless_jpeg import lossless_jpeg
from PIL import Image
from pydicom import uid
from ward import PATIENTS, ward

from sslapp.datasets.pictures.reading import Reading, TextChoice
from sslapp.jobs import history
from sslapp.rounds.data import build_task
from sslapp.store import snapshots
from sslapp.store.database import reading
from sslapp.store.images import contents, groups
from sslapp.store.labels import current_labels
from sslapp.store.projects import find_project
from sslapp.usecases.access import enter
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.incoming.looking import (
    import_looked_at,
    open_look,
    put_away,
    start_look,
)
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.usecases.images.incoming.plan import plan_of_scan, plan_source
from sslapp.usecases.images.incoming.plan_words import in_words
from sslapp.usecases.images.incoming.scan import Scan
from sslapp.usecases.images.metadata import metadata_columns
from sslapp.usecases.labelling import decisions
from sslapp.usecases.labelling.duplicates import duplicates
from sslapp.usecases.labelling.label_lists import ListReading, import_list, plan_list
from sslapp.usecases.labelling.lists import ListChoice
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import JobKind, JobState, Thing
from sslapp.workspace import Workspace


@pytest.fixture
def access(ward_access):
    return ward_access


def finished(access, source, wanted: Reading | None = None) -> dict:
    return small_project.finish(access, import_images(access, None, str(source), reading=wanted))


def imported(access, source, wanted: Reading | None = None) -> dict:
    row = finished(access, source, wanted)
    assert row["state"] == JobState.DONE, row["error"]
    return row["result"]


def test_patients_are_groups_facts_are_metadata_and_nothing_comes_twice(access, tmp_path) -> None:
    folder = ward(tmp_path)
    result = imported(access, folder)
    assert result["images"] == 12
    (report,) = [each for each in result["notes"] if each.startswith("Left out of the files: ")]
    assert "PatientName (12)" in report
    assert PATIENTS[0] not in report
    with reading(access.engine) as conn:
        assert len(set(groups(conn, 1))) == 2
        settings = find_project(conn, 1).settings
        kept = [row["params"] for row in history.newest_jobs(conn, 1)]
    assert settings.thing is Thing.INSTANCE
    assert [each["source"] for each in kept] == ["DICOM, 2 patients"]
    assert {each.name for each in metadata_columns(access, None)} == {
        *("Modality", "View", "Body part", "Age", "Sex", "Scanner")
    }
    again = imported(access, folder)
    assert (again["images"], again["here"]) == (0, 12)
    assert small_project.damage(access) is None


@pytest.mark.parametrize(("kind", "top"), [(np.uint8, 256), (np.uint16, 4096)])
def test_one_picture_in_every_transfer_syntax_is_found_equal(access, tmp_path, kind, top) -> None:
    folder = tmp_path / "same"
    folder.mkdir()
    values = np.random.default_rng(0).integers(0, top, (12, 10)).astype(kind)
    frames = {
        uid.ExplicitVRLittleEndian: None,
        uid.ImplicitVRLittleEndian: None,
        uid.DeflatedExplicitVRLittleEndian: None,
        uid.RLELossless: [run_lengths(values)],
        uid.JPEGLosslessSV1: [lossless_jpeg(values, 8 * values.itemsize)],
    }
    for number, (syntax, coded) in enumerate(frames.items()):
        made = data_set(values, SOPInstanceUID=f"1.2.3.{number}")
        (folder / f"{number}.dcm").write_bytes(written(made, syntax, frames=coded))
    assert imported(access, folder)["images"] == len(frames)
    (equal,) = duplicates(access, None)
    assert equal.positions.tolist() == list(range(len(frames)))


def test_an_image_stays_what_the_first_import_made_it(access, tmp_path) -> None:
    folder = ward(tmp_path)
    assert imported(access, folder, Reading(thing=Thing.SERIES))["images"] == 4
    other = ward(tmp_path / "more", text=True)
    wrong = finished(access, other, Reading(thing=Thing.FRAME))
    assert (
        "An image of this project is a DICOM series (slices: one), and not frame" in wrong["error"]
    )
    more = imported(access, other, Reading(burned_in=TextChoice.TAKE))
    assert (more["images"], more["here"]) == (1, 4)


def test_without_the_secret_nothing_further_comes_in(access, tmp_path) -> None:
    folder = ward(tmp_path)
    imported(access, folder)
    (secret,) = (tmp_path / "secrets").iterdir()
    assert secret.stat().st_mode & 0o077 == 0
    content = secret.read_text()
    for given in (None, "", "00" * 32):
        secret.unlink() if given is None else secret.write_text(given)
        wrong = finished(access, folder)
        assert wrong["state"] == JobState.FAILED
        assert "SSLAPP_SECRETS" in wrong["error"]
    secret.write_text(content)
    assert imported(access, folder)["here"] == 12


def test_the_secret_lies_in_no_workspace(tmp_path) -> None:
    root = tmp_path / "workspace"
    access = enter(Workspace(workspace=root, secrets=root / "secrets"), "Ann")
    create_project(access, "Ward", ["normal", "other"])
    wrong = finished(access, ward(tmp_path))
    assert wrong["state"] == JobState.FAILED
    assert "Name a folder elsewhere in SSLAPP_SECRETS" in wrong["error"]
    access.engine.dispose()


def test_a_plan_says_what_lies_there_and_the_import_follows_it(access, tmp_path) -> None:
    folder = ward(tmp_path, text=True)
    look = start_look(access, 1, Origin(source=str(folder)))
    small_project.run_jobs(access)
    seen = open_look(access, 1)
    assert seen is not None
    assert seen.name == "DICOM, 2 patients"
    plan = plan_of_scan(access, 1, Scan.load(seen.folder))
    words = "\n".join(in_words(plan))
    assert "2 patients, 5 studies, 5 series, 13 files, 1 of them with several frames." in words
    assert [each.about for each in plan.questions] == ["burned_in"]
    shutil.rmtree(tmp_path / "secrets")
    (tmp_path / "secrets").mkdir()
    wanted = Reading(thing=Thing.SERIES, burned_in=TextChoice.LEAVE_OUT)
    failed = small_project.finish(access, import_looked_at(access, look, wanted))
    assert "is not there" in failed["error"]


def test_a_plan_says_what_is_here_already_and_how_long_the_rest_takes(access, tmp_path) -> None:
    folder = ward(tmp_path)
    imported(access, folder, Reading(thing=Thing.SERIES))
    later = ward(tmp_path / "later", text=True)
    start_look(access, 1, Origin(source=str(later)))
    small_project.run_jobs(access)
    found = Scan.load(open_look(access, 1).folder)
    plan = plan_of_scan(access, 1, found, Reading(burned_in=TextChoice.TAKE))
    assert (plan.look.images, plan.here, plan.new) == (5, 4, 1)
    assert 0 < plan.seconds < 60
    direct = plan_source(access, None, Origin(source=str(folder)), lambda done, total, what: None)
    assert (direct.here, direct.new, direct.seconds) == (4, 0, 0)


def test_a_look_and_its_import_keep_no_name(access, tmp_path) -> None:
    folder = ward(tmp_path)
    look = start_look(access, 1, Origin(source=str(folder)))
    small_project.run_jobs(access)
    done = small_project.finish(access, import_looked_at(access, look, Reading()))
    assert done["state"] == JobState.DONE, done["error"]
    with reading(access.engine) as conn:
        rows = [*history.newest_jobs(conn, 1)]
        named = [name for name, _, _ in contents(conn, 1)]
    assert {row["kind"] for row in rows} == {JobKind.LOOK, JobKind.IMPORT}
    told = repr([(row["params"], row["result"], row["error"]) for row in rows] + named)
    for secret in (*PATIENTS, "WARD-"):
        assert secret not in told
        for path in access.workspace.root.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_a_look_that_was_put_away_keeps_no_name(access, tmp_path) -> None:
    look = start_look(access, 1, Origin(source=str(ward(tmp_path))))
    small_project.run_jobs(access)
    put_away(access, look)
    for path in access.workspace.root.rglob("*"):
        assert not path.is_file() or PATIENTS[0].encode() not in path.read_bytes(), path


def test_an_import_that_failed_keeps_no_path_once_its_plan_is_discarded(access, tmp_path) -> None:
    folder = ward(tmp_path / "Mueller_Anna", text=True)
    failed = finished(access, folder)
    assert failed["state"] == JobState.FAILED
    assert "Mueller_Anna" not in failed["error"]
    assert "Mueller_Anna" in failed["params"]["source"]
    look = start_look(access, 1, Origin(source=str(folder)))
    small_project.run_jobs(access)
    put_away(access, look)
    for path in access.workspace.root.rglob("*"):
        assert not path.is_file() or b"Mueller_Anna" not in path.read_bytes(), path


def test_one_that_is_tried_again_keeps_none(access, tmp_path) -> None:
    folder = ward(tmp_path / "Mueller_Anna", text=True)
    assert finished(access, folder)["state"] == JobState.FAILED
    imported(access, folder, Reading(burned_in=TextChoice.TAKE))
    for path in access.workspace.root.rglob("*"):
        assert not path.is_file() or b"Mueller_Anna" not in path.read_bytes(), path


@pytest.mark.slow
def test_a_round_runs_on_what_came_and_a_patient_of_the_holdout_is_not_trained_on(
    access, tmp_path
) -> None:
    imported(access, ward(tmp_path))
    small_project.finish(access, embed(access, None))
    small_project.draw_holdout(access, 0)
    for position in range(12):
        decisions.label(access, None, position, ("normal", "other")[position % 2])
    start_round(access, None, method="label-propagation")
    small_project.run_jobs(access)
    probabilities, _ = small_project.published(access)
    assert probabilities.shape == (12, 2)
    with reading(access.engine) as conn:
        frozen = snapshots.load(access.workspace, snapshots.find_snapshot(conn, 1))
        task = build_task(frozen, pixels=None, features=None, groups=groups(conn, 1))
    (apart,) = {int(each) for each in task.groups[task.validation]}
    assert apart not in set(task.groups[task.labelled])
    assert len(task.labelled) == 6


@pytest.mark.parametrize(
    ("thing", "column", "rows"),
    [
        (Thing.INSTANCE, "SOPInstanceUID", ["1.2.3.0.1.2,normal", "1.2.4.1.1.1,other"]),
        (Thing.SERIES, "SeriesInstanceUID", ["1.2.3.0.1,normal", "1.2.4.1.1,other"]),
    ],
)
def test_a_list_may_call_images_by_their_uids(access, tmp_path, thing, column, rows) -> None:
    imported(access, ward(tmp_path), Reading(thing=thing))
    path = tmp_path / "list.csv"
    path.write_text("\n".join([f"{column},class", *rows]))
    how = ListReading(image_column=column)
    plan = plan_list(access, None, path, path.name, how)
    assert dict(plan.rules) == {"identifier of DICOM": 2}
    import_list(access, None, path, path.name, how)
    assert status(access).counts["expert"] == 2
    (secret,) = (tmp_path / "secrets").iterdir()
    secret.unlink()
    assert plan_list(access, None, path, path.name, how).refused


def test_a_patient_with_several_images_is_not_one_of_them(access, tmp_path) -> None:
    imported(access, ward(tmp_path))
    path = tmp_path / "list.csv"
    path.write_text("image,class\nWARD-0,normal\nWARD-7,normal\n")
    plan = plan_list(access, None, path, path.name, ListReading())
    assert plan.wrong["image"].count == 2
    assert "6 images" in plan.wrong["image"].first[0]
    assert plan.wrong["image"].first[0].endswith("(--all-of; on the page under More choices).")


def test_a_line_may_label_all_images_of_a_patient(access, tmp_path) -> None:
    imported(access, ward(tmp_path))
    path = tmp_path / "list.csv"
    path.write_text("image,class\nWARD-0,normal\n1.2.4.1.1.1,other\n")
    how = ListReading(all_of=True)
    plan = plan_list(access, None, path, path.name, how)
    assert (dict(plan.rules), plan.wrong) == ({"identifier of DICOM": 7}, {})
    import_list(access, None, path, path.name, how)
    with reading(access.engine) as conn:
        given = current_labels(conn, 1, range(12))
    assert sorted(each.class_name for each in given.values()) == ["normal"] * 6 + ["other"]
    with pytest.raises(ValueError, match="Metadata is kept of lines that mean one image"):
        ListChoice(reading=how, metadata=("age",))
    path.write_text("image,class\nWARD-0,normal\n1.2.3.0.1.2,other\n")
    plan = plan_list(access, None, path, path.name, how)
    assert "its image is on line 2 too" in plan.wrong["repeated"].first[0]


def test_what_is_said_of_dicom_files_is_refused_where_there_is_none(access, tmp_path) -> None:
    (tmp_path / "set").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "set" / "1.png")
    for wanted in (Reading(thing=Thing.FRAME), Reading(burned_in=TextChoice.TAKE)):
        wrong = finished(access, tmp_path / "set", wanted)
        assert "are of DICOM files, and none is there" in wrong["error"]
