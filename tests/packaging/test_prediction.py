"""Predicting a folder: what is in the file, what is put down as unread, what a spreadsheet runs."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sslapp.imaging.intensities import IntensityMapping
from sslapp.packaging.graph import ModelGraph
from sslapp.packaging.inputs import ImageInput
from sslapp.packaging.prediction import predict
from sslapp.training.calibration.modules import module_of
from sslapp.training.calibration.scaling import Temperature
from sslapp.vocabulary import Intensities

CLASSES = ["=dark", "light"]


class Brightness(torch.nn.Module):
    """Logits -4 m and 4 m of the mean brightness m, from -1 to 1."""

    def forward(self, images):
        m = 2 * images.mean(dim=(1, 2, 3)) - 1
        return torch.stack([-4 * m, 4 * m], dim=1)


@pytest.fixture
def model() -> ModelGraph:
    return ModelGraph(
        inputs=[ImageInput.of(4, 1)],
        encoders=[],
        head=Brightness(),
        calibration=module_of(Temperature(1.0)),
    )


@pytest.fixture
def folder(tmp_path) -> Path:
    """Forty grey pictures, and what is no picture."""
    place = tmp_path / "pictures"
    (place / "more").mkdir(parents=True)
    for level in range(40):
        Image.new("L", (9, 9), level * 6).save(place / f"{level:02d}.png")
    Image.new("L", (4, 4), 255).save(place / "more" / "=1+1.png")
    (place / "more" / "broken.png").write_bytes(b"nothing")
    (place / "notes.txt").write_text("not a picture")
    (place / ".hidden.png").write_bytes(b"nothing")
    return place


def rows(path: Path) -> list[list[str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_every_picture_has_a_row(model, folder, tmp_path) -> None:
    seen: list[tuple[int, int]] = []
    target = tmp_path / "out.csv"
    progress = lambda *at: seen.append(at)  # noqa: E731
    said = predict(model, CLASSES, folder, target, threshold=0.9, progress=progress)
    head, *found = rows(target)
    assert head == ["file", "class", "confidence", "p(=dark)", "p(light)"]
    assert [each[0] for each in found] == [f"{i:02d}.png" for i in range(40)] + ["more/=1+1.png"]
    for level, (_, chosen, confidence, *p) in enumerate(found[:40]):
        light = 1 / (1 + np.exp(-8 * (2 * level * 6 / 255 - 1)))
        np.testing.assert_allclose([float(each) for each in p], [1 - light, light], atol=1e-6)
        sure = max(light, 1 - light)
        assert float(confidence) == pytest.approx(sure, abs=1e-6)
        assert chosen == ("none" if sure < 0.9 else "light" if light > 0.5 else "'=dark")
    assert said.rows == 41
    assert said.none == sum(each[1] == "none" for each in found) > 3
    assert list(said.unread) == ["more/broken.png"]
    assert "not a readable" in said.unread["more/broken.png"]
    assert seen == [(32, 42), (42, 42)]


def test_names_that_are_formulas_are_disarmed(model, tmp_path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    Image.new("L", (4, 4)).save(place / "=cmd.png")
    predict(model, CLASSES, place, tmp_path / "out.csv")
    assert rows(tmp_path / "out.csv")[1][:2] == ["'=cmd.png", "'=dark"]


def test_without_a_threshold_nothing_is_none(model, folder, tmp_path) -> None:
    said = predict(model, CLASSES, folder, tmp_path / "out.csv")
    assert said.none == 0
    assert {each[1] for each in rows(tmp_path / "out.csv")[1:]} == {"'=dark", "light"}


def test_what_cannot_be_done_is_refused(model, folder, tmp_path) -> None:
    target = tmp_path / "out.csv"
    with pytest.raises(ValueError, match="is no folder"):
        predict(model, CLASSES, folder / "00.png", target)
    (tmp_path / "bare").mkdir()
    with pytest.raises(ValueError, match="holds no picture"):
        predict(model, CLASSES, tmp_path / "bare", target)
    target.write_text("kept")
    with pytest.raises(ValueError, match="exists already"):
        predict(model, CLASSES, folder, target)
    assert target.read_text() == "kept"


def test_a_model_that_fails_leaves_no_file(folder, tmp_path) -> None:
    class Failing:
        inputs = (ImageInput.of(4, 1),)

        def probabilities(self, images):
            raise MemoryError

    with pytest.raises(MemoryError):
        predict(Failing(), CLASSES, folder, tmp_path / "out.csv")
    assert [each.name for each in tmp_path.iterdir()] == ["pictures"]


def test_deep_pictures_are_mapped_as_the_project_does(model, tmp_path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    deep = np.full((4, 4), 40_000, dtype=np.uint16)
    Image.fromarray(deep).save(place / "deep.png")
    for name, limits in (("dark", (0.0, 400_000.0)), ("light", (0.0, 40_001.0))):
        mapping = IntensityMapping(Intensities.SET, limits)
        predict(model, ["dark", "light"], place, tmp_path / name, intensities=mapping)
        assert rows(tmp_path / name)[1][1] == name
