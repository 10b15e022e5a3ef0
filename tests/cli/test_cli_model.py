"""`sslapp model` and `sslapp predict` as they are typed."""

import csv
import shutil
from pathlib import Path

import pytest
import small_project
from PIL import Image


@pytest.fixture
def root(with_ensemble, tmp_path) -> Path:
    return Path(shutil.copytree(with_ensemble, tmp_path / "workspace"))


@pytest.mark.slow
def test_export_card_predict(command, ask, refusal, root, tmp_path) -> None:
    model, pictures = tmp_path / "model.zip", tmp_path / "pictures"
    result = ask(root, "model", "export", 1, "--to", model)
    assert (result["target"], result["round"]) == (str(model), 1)
    assert "exists already" in refusal(root, "model", "export", 1, "--to", model)
    assert command(root, "model", "card", 1).stdout.startswith("# Digits: the model of round 1\n")

    pictures.mkdir()
    for position, image in enumerate(small_project.digits(5)[0]):
        Image.fromarray(image).save(pictures / f"{position}.png")
    (pictures / "broken.png").write_bytes(b"")
    nowhere = tmp_path / "no-workspace"
    out = tmp_path / "out.csv"
    done = command(nowhere, "predict", model, pictures, "--to", out, "--threshold", ".2")
    assert done.exit_code == 0, done.stderr
    assert "broken.png: not read: not a readable" in done.stderr
    assert done.stdout.startswith("Wrote 5 rows to")
    assert "1 files could not be read" in done.stdout
    assert not nowhere.exists()
    with open(out, newline="") as file:
        rows = list(csv.reader(file))
    assert [len(each) for each in rows] == [13] * 6
    found = ask(nowhere, "predict", model, pictures, "--to", tmp_path / "all.csv", "--threshold", 1)
    assert (found["rows"], found["none"], list(found["unread"])) == (5, 5, ["broken.png"])
    assert "not a model of sslapp" in refusal(
        nowhere, "predict", out, pictures, "--to", tmp_path / "more.csv"
    )
