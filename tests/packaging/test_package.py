"""Packages: written whole or not at all, and foreign or damaged ones refused in one sentence."""

import json
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sslapp.packaging import package
from sslapp.packaging.description import (
    AgreementPart,
    CalibrationPart,
    InputPart,
    IntensityPart,
    ModelDescription,
)
from sslapp.packaging.graph import ModelGraph
from sslapp.packaging.model import graph_of, open_model
from sslapp.packaging.package import RefusedPackage, opened, write
from sslapp.training.predictor import NetworkPredictor, networks
from sslapp.vocabulary import Gear, Intensities


def network() -> NetworkPredictor:
    made = networks.build("small-cnn", num_classes=2, channels=1, size=8, seed=3)
    return NetworkPredictor(
        name="small-cnn",
        shape=(1, 8, 8),
        num_classes=2,
        state=made.state_dict(),
        mean=torch.tensor([0.5]),
        std=torch.tensor([0.25]),
    )


def description() -> ModelDescription:
    return ModelDescription(
        format="sslapp model",
        version=1,
        sslapp="0",
        project="Scans",
        round=3,
        snapshot="0" * 64,
        seed=0,
        method="supervised",
        gear=Gear.PIXELS,
        options={},
        network="small-cnn",
        encoders=(),
        joined=False,
        inputs=(InputPart(name="images_8", size=8, channels=1, aspect="pad", resample="bicubic"),),
        preparation="",
        intensities=IntensityPart(choice=Intensities.IMAGE, limits=None),
        normalisation=None,
        classes=("cat", "dog"),
        calibration=CalibrationPart(calibrated=True, rests_on="", temperature=2.0, scaling=None),
        onnx=False,
        why_no_onnx="not asked for.",
        agreement=AgreementPart(
            images=1,
            exact=True,
            largest_difference=0,
            largest_from_round=0,
            mean_from_round=0,
            same_class=1,
        ),
        files={},
    )


def fill(folder: Path) -> ModelDescription:
    network().save(folder / package.PREDICTOR)
    return description()


@pytest.fixture(params=["model.zip", "model"])
def written(request, tmp_path) -> Path:
    """A package, as a zip and as a folder."""
    path = tmp_path / request.param
    write(path, fill)
    return path


def test_what_was_written_is_read(written) -> None:
    assert [each.name for each in written.parent.iterdir()] == [written.name]
    images = np.random.default_rng(0).integers(0, 256, (4, 1, 8, 8)).astype(np.uint8)
    with opened(written) as (folder, found):
        assert found.classes == ("cat", "dog")
        assert set(found.files) == {f"predictor/predictor.{end}" for end in ("json", "safetensors")}
        model = open_model(folder, found)
        assert isinstance(model, ModelGraph)
        said = model.probabilities([images])
    logits = network().module()(torch.from_numpy(images).float() / 255) / 2
    np.testing.assert_allclose(said, torch.softmax(logits, dim=1).detach().numpy(), atol=1e-6)


def test_the_same_content_is_the_same_zip(tmp_path) -> None:
    for name in ("a.zip", "b.zip"):
        write(tmp_path / name, fill)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize("name", ["model.zip", "model"])
def test_a_failure_leaves_nothing(name, tmp_path) -> None:
    def broken(folder: Path) -> ModelDescription:
        (folder / "half").write_bytes(b"1")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write(tmp_path / name, broken)
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_not_written_over(written) -> None:
    with pytest.raises(ValueError, match="exists already"):
        write(written, fill)
    with pytest.raises(ValueError, match=r"end it in .zip"):
        write(written.parent / "model.onnx", fill)


def refused(path: Path) -> str:
    with pytest.raises(RefusedPackage) as caught, opened(path) as (folder, found):
        graph_of(folder, found)
    said = str(caught.value)
    assert said.endswith(".")
    assert "\n" not in said
    return said


def test_foreign_files_are_refused(tmp_path) -> None:
    pickled = tmp_path / "model.pkl"
    pickled.write_bytes(pickle.dumps({"a": 1}))
    torch.save({"a": torch.zeros(2)}, tmp_path / "model.pt")
    save_file({"a": torch.zeros(2)}, tmp_path / "model.safetensors")
    (tmp_path / "model.onnx").write_bytes(b"\x08\x07\x12\x00")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    for each in sorted(tmp_path.iterdir()):
        assert "not a model of sslapp" in refused(each), each.name
    assert "there is no such file" in refused(tmp_path / "absent")


@pytest.mark.parametrize("extra", ["../evil.json", "/etc/evil", "predictor/../../x", "data.pkl"])
def test_no_other_name_is_unpacked(extra, tmp_path) -> None:
    path = tmp_path / "model.zip"
    write(path, fill)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(extra, "x")
    assert "not a model of sslapp" in refused(path)


def test_a_zip_that_unfolds_is_refused_before_it_does(tmp_path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.onnx", b"\0" * 50_000_000)
    assert path.stat().st_size < 100_000
    assert "compressed" in refused(path)


def test_a_damaged_zip_is_refused(tmp_path) -> None:
    path = tmp_path / "model.zip"
    write(path, fill)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "not a model of sslapp" in refused(path)
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    assert "the zip is damaged" in refused(path)


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "model"
    write(path, fill)
    return path


def changed(folder: Path, **values: object) -> Path:
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **values}))
    return folder


def test_a_folder_that_was_tampered_with_is_refused(folder, tmp_path) -> None:
    weights = folder / "predictor" / "predictor.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert "predictor.safetensors is not what was written" in refused(folder)
    weights.unlink()
    assert "predictor.safetensors is missing" in refused(folder)
    outside = tmp_path / "outside"
    outside.write_bytes(b"")
    weights.symlink_to(outside)
    assert "predictor.safetensors is missing" in refused(folder)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"format": "other"}, "not a model of sslapp"),
        ({"version": 2}, "this sslapp reads version 1"),
        ({"classes": ["one"]}, "config.json: classes"),
        ({"inputs": []}, "config.json: inputs"),
        ({"files": {"../x": "0"}}, "is not of a model"),
        ({"files": {"data.pkl": "0"}}, "is not of a model"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(values, said, folder) -> None:
    assert said in refused(changed(folder, **values))


def test_json_that_is_none_is_refused(folder) -> None:
    (folder / "config.json").write_text("[" * 100_000)
    assert "config.json is damaged" in refused(folder)
    (folder / "config.json").write_bytes(b"\xff\xfe")
    assert "config.json is damaged" in refused(folder)


def test_weights_of_another_network_are_refused(folder) -> None:
    predictor = folder / "predictor"
    save_file({"a": torch.zeros(2)}, predictor / "predictor.safetensors")
    assert "do not fit" in refused(changed(folder, files={}))
    (predictor / "predictor.safetensors").write_bytes(b"x" * 64)
    assert "do not fit" in refused(folder)
    (predictor / "predictor.json").write_text('{"kind": "other"}')
    with pytest.raises(ValueError, match='kind is "other"'), opened(folder) as (place, found):
        graph_of(place, found)


def test_an_onnx_file_that_is_none_is_refused(folder) -> None:
    pytest.importorskip("onnxruntime")
    (folder / "model.onnx").write_bytes(b"x" * 64)
    changed(folder, onnx=True)
    with pytest.raises(ValueError, match="onnxruntime cannot read it"), opened(folder) as opened_:
        open_model(*opened_)


def test_an_onnx_file_of_another_model_is_refused(folder) -> None:
    pytest.importorskip("onnxruntime")
    from sslapp.packaging import onnx_graph

    with opened(folder) as opened_:
        content = onnx_graph.write(graph_of(*opened_))
    (folder / "model.onnx").write_bytes(content)
    changed(folder, onnx=True, inputs=[{**description().inputs[0].model_dump(), "size": 16}])
    with pytest.raises(ValueError, match="its inputs are not those"), opened(folder) as opened_:
        open_model(*opened_)
    shutil.rmtree(folder)
