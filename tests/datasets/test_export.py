import csv
import hashlib
import io
import json
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_sources import folder_source

from sslapp.datasets.export import (
    Provenance,
    write_csv,
    write_image_folder,
    write_image_zip,
    write_parquet,
    write_workbook,
)
from sslapp.datasets.look import list_source, look
from sslapp.datasets.tables.cells import escape_cell, safe_stem, unescape_cell
from sslapp.datasets.tables.reading import open_table
from sslapp.imaging.decode import decode

FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"]


def labels(**changes):
    columns = {
        "position": [0, 1, 2],
        "name": ["a.png", "b/c.png", "d.png"],
        "class": ["cat", "dog", "cat"],
        "source": ["expert", "accepted", "expert"],
        "confidence": [np.nan, -0.25, np.nan],
        "round": pd.array([None, 3, None], dtype="Int64"),
        "reader": ["ada", "ada", "bob"],
    }
    return pd.DataFrame({**columns, **changes})


@pytest.fixture
def provenance():
    names = ["cat", "dog", "eel"]
    return Provenance(project="pets", snapshot="ab" * 32, head=(7, "cd" * 32), class_names=names)


def read(path):
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))


def test_csv_holds_every_column_and_the_snapshot(tmp_path, provenance):
    write_csv(labels(), tmp_path / "labels.csv", provenance)
    rows = read(tmp_path / "labels.csv")
    assert rows[1] == {
        "position": "1",
        "name": "b/c.png",
        "class": "dog",
        "source": "accepted",
        "confidence": "-0.25",
        "round": "3",
        "reader": "ada",
        "snapshot": "ab" * 32,
    }
    assert rows[0]["confidence"] == rows[0]["round"] == ""


def test_the_manifest_tells_origin_counts_and_hashes(tmp_path, provenance):
    manifest = json.loads(write_csv(labels(), tmp_path / "labels.csv", provenance).read_text())
    content = (tmp_path / "labels.csv").read_bytes()
    assert manifest["snapshot"] == "ab" * 32
    assert manifest["images"] == 3
    assert manifest["classes"] == [
        {"name": "cat", "index": 0, "images": 2},
        {"name": "dog", "index": 1, "images": 1},
        {"name": "eel", "index": 2, "images": 0},
    ]
    assert manifest["sources"] == {"accepted": 1, "expert": 2}
    assert manifest["files"] == {
        "labels.csv": {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    }


def test_the_same_labels_give_the_same_bytes_in_any_order(tmp_path, provenance):
    write_csv(labels(), tmp_path / "a.csv", provenance)
    write_csv(labels().iloc[::-1], tmp_path / "b.csv", provenance)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_parquet_keeps_types_and_values(tmp_path, provenance):
    rows = labels(name=["=1+1", "b", "c"])
    write_parquet(rows, tmp_path / "labels.parquet", provenance)
    back = pd.read_parquet(tmp_path / "labels.parquet")
    assert back["name"].tolist() == ["=1+1", "b", "c"]
    assert back["round"].tolist()[1] == 3
    assert set(back["snapshot"]) == {"ab" * 32}
    assert (tmp_path / "labels.parquet.manifest.json").exists()


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_and_no_heading_starts_a_formula(tmp_path, provenance, formula):
    rows = labels(name=[formula, "'" + formula, "ok"], reader=formula, **{formula: "x"})
    write_csv(rows, tmp_path / "labels.csv", provenance)
    with open(tmp_path / "labels.csv", encoding="utf-8", newline="") as file:
        table = list(csv.reader(file))
    numbers = {"-0.25"}
    for cell in (cell for line in table for cell in line if cell not in numbers):
        assert not cell.startswith(tuple("=+-@\t\r\n＝＋－＠"))
    assert unescape_cell(table[1][1]) == formula
    assert unescape_cell(table[2][1]) == "'" + formula


@given(st.text(alphabet=st.sampled_from("'=+-@\t\rab,\"\n") | st.characters(codec="utf-8")))
def test_escaping_is_undone_exactly(text):
    text = text.replace("\0", "")
    assert unescape_cell(escape_cell(text)) == text
    assert not escape_cell(text).startswith(tuple("=+-@\t\r\n"))


def test_nul_does_not_cut_a_cell_short():
    assert escape_cell("a\0b") == "a\ufffdb"


@given(st.text())
def test_a_safe_stem_is_one_harmless_file_name(name):
    stem = safe_stem(name)
    assert stem
    assert not set(stem) & set('/\\:*?"<>|\0\n\r\t')
    assert not stem.startswith((".", " "))
    assert not stem.endswith((".", " "))
    assert len(stem.encode()) <= 121
    assert safe_stem(stem + ".png") == stem


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../etc/passwd", "passwd"),
        ("..", "_"),
        ("C:\\Windows\\evil.png", "evil"),
        ("%2e%2e%2fx.png", "_2e_2e_2fx"),
        ("a\0.png", "a_"),
        ("CON.png", "_CON"),
        ("nul", "_nul"),
        ("ct 1.2.3.dcm", "ct 1.2.3"),
        ("", "_"),
    ],
)
def test_dangerous_names_become_harmless(name, stem):
    assert safe_stem(name) == stem


def test_an_image_folder_can_be_read_back(tmp_path, provenance, picture):
    pictures = [picture(n, 5, 7, 3) for n in range(3)]
    write_image_folder(labels(), tmp_path / "out", provenance, lambda p: pictures[p])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "README.md",
        "images",
        "labels.csv",
        "manifest.json",
    ]
    assert [row["file"] for row in read(tmp_path / "out" / "labels.csv")] == [
        "images/cat/0_a.png",
        "images/dog/1_c.png",
        "images/cat/2_d.png",
    ]
    source = folder_source(tmp_path / "out" / "images")
    assert source.class_names == ["cat", "dog"]
    assert [(item.name, item.image().tolist()) for item in source.items()] == [
        ("cat/0_a.png", decode(pictures[0], "").tolist()),
        ("cat/2_d.png", decode(pictures[2], "").tolist()),
        ("dog/1_c.png", decode(pictures[1], "").tolist()),
    ]
    # the export itself brings its labels, which name the classes
    found = look(list_source(tmp_path / "out"))
    assert (found.images, found.classes, found.questions) == (3, {"cat": 2, "dog": 1}, [])
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    for name, facts in manifest["files"].items():
        content = (tmp_path / "out" / name).read_bytes()
        assert facts == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    assert len(manifest["files"]) == 6
    assert "turn them by their EXIF orientation" in manifest["pictures"]


@pytest.fixture
def set_with_gaps():
    """A class with a name that no folder can have, one without images, and a test image."""
    names = ["Pleuraerguss (gro\u00df)", "normal", "never"]
    rows = labels(**{"class": [names[0], names[1], names[1]], "split": ["pool", "pool", "test"]})
    about = Provenance(project="# p", snapshot="s", head=(1, "h"), class_names=names)
    return rows, about


def test_numbers_and_folders_of_classes_are_stated(tmp_path, set_with_gaps, picture):
    rows, about = set_with_gaps
    write_image_folder(rows, tmp_path / "out", about, picture)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    stated = [(each["index"], each["name"], each["folder"]) for each in manifest["classes"]]
    assert stated == [
        (0, "Pleuraerguss (gro\u00df)", "Pleuraerguss _gro\u00df_"),
        (1, "normal", "normal"),
        (2, "never", "never"),
    ]
    assert "count those that are there by the alphabet" in manifest["order"]
    readme = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "| 0 | Pleuraerguss \\(gro\u00df\\) | images/Pleuraerguss _gro\u00df_ |" in readme
    assert "| 1 | normal | images/normal, test/normal |" in readme
    assert "| 2 | never | no image has it |" in readme
    assert "- test/ holds the test split.\n" in readme
    assert "none_of_these" not in readme  # there is no such image
    assert "# \\# p\n" in readme


def test_image_folders_hold_no_empty_class_and_the_test_split_apart(
    tmp_path, set_with_gaps, picture
):
    from torchvision.datasets import ImageFolder

    rows, about = set_with_gaps
    write_image_folder(rows, tmp_path / "out", about, picture)
    pool, test = (ImageFolder(tmp_path / "out" / part) for part in ("images", "test"))
    assert (pool.classes, len(pool)) == (["Pleuraerguss _gro\u00df_", "normal"], 2)
    assert (test.classes, len(test)) == (["normal"], 1)
    write_image_zip(rows, tmp_path / "out.zip", about, picture)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        packed = {each: archive.read(each) for each in archive.namelist()}
    there = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert packed == {
        path.relative_to(tmp_path / "out").as_posix(): path.read_bytes() for path in there
    }


def test_readers_of_image_folders_find_the_table_and_the_splits(tmp_path, set_with_gaps, picture):
    rows, about = set_with_gaps
    write_image_folder(rows, tmp_path / "out", about, picture)
    metadata = {
        part: pd.read_json(tmp_path / "out" / part / "metadata.jsonl", lines=True)
        for part in ("images", "test")
    }
    for part, table in metadata.items():
        assert all((tmp_path / "out" / part / name).is_file() for name in table["file_name"])
    assert metadata["images"]["class"].tolist() == ["Pleuraerguss (gro\u00df)", "normal"]
    assert metadata["images"]["label"].tolist() == [0, 1]
    assert metadata["test"]["reader"].tolist() == ["bob"]
    readme = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert readme.startswith(
        "---\nconfigs:\n- config_name: default\n  data_files:\n"
        '  - split: train\n    path: "images/**"\n'
        '  - split: test\n    path: "test/**"\n---\n'
    )


def test_hostile_names_stay_in_the_folder_and_apart(tmp_path, picture):
    classes = ["../up", "a/up", "UP", "<img src=x>"]
    rows = pd.DataFrame(
        {
            "position": range(4),
            "name": ["../../x.png", "/etc/x.png", "x.html", "x.png"],
            "class": classes,
            "source": "expert",
        }
    )
    about = Provenance(project="p", snapshot="s", head=(1, "h"), class_names=classes)
    write_image_folder(rows, tmp_path / "in" / "out", about, picture)
    files = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    assert [path.as_posix() for path in files] == [
        "in/out/README.md",
        "in/out/images/UP_3/2_x.png",
        "in/out/images/_img src_x_/3_x.png",
        "in/out/images/metadata.jsonl",
        "in/out/images/up/0_x.png",
        "in/out/images/up_2/1_x.png",
        "in/out/labels.csv",
        "in/out/manifest.json",
    ]


def test_a_failed_folder_export_leaves_nothing(tmp_path, provenance, picture):
    def content(position):
        if position == 2:
            raise OSError("gone")
        return picture()

    with pytest.raises(OSError, match="gone"):
        write_image_folder(labels(), tmp_path / "out", provenance, content)
    with pytest.raises(ValueError, match="not a readable"):
        write_image_folder(labels(), tmp_path / "out", provenance, lambda p: b"<script>")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_not_touched(tmp_path, provenance, picture):
    with pytest.raises(FileExistsError, match="choose another name"):
        write_image_folder(labels(), tmp_path, provenance, lambda p: picture())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (labels().drop(columns=["class", "name"]), r"lacks the column\(s\) name, class"),
        (labels(position=[0, 1, 1]), "position 1 twice"),
        (labels(**{"class": ["cat", "dgo", "cat"]}), '"dgo", which is not one of cat, dog, eel'),
    ],
)
def test_wrong_rows_are_refused_before_anything_is_written(tmp_path, provenance, rows, message):
    for write in (write_csv, write_parquet):
        with pytest.raises(ValueError, match=message):
            write(rows, tmp_path / "labels", provenance)
    assert list(tmp_path.iterdir()) == []


def test_a_workbook_holds_the_letters_and_no_formula(tmp_path, provenance):
    odd = ["=1+1", "größe\x00.png", "-5"]
    path, again = tmp_path / "labels.xlsx", tmp_path / "again.xlsx"
    rows = labels(name=odd, at=pd.to_datetime(["2026-11-30", None, None], utc=True))
    manifest = json.loads(write_workbook(rows, path, provenance).read_text())
    write_workbook(rows, again, provenance)
    assert path.read_bytes() == again.read_bytes()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert manifest["files"]["labels.xlsx"]["sha256"] == digest
    sheet = openpyxl.load_workbook(path)["labels"]
    cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert cells[0][:3] == ["position", "name", "class"]
    assert [row[:3] for row in cells[1:]] == [
        [0, "=1+1", "cat"],
        [1, "größe\ufffd.png", "dog"],
        [2, "-5", "cat"],
    ]
    assert {cell.data_type for cell in sheet["B"]} == {"s"}
    assert cells[2][4:6] == [-0.25, 3]
    table = open_table(path, "labels.xlsx")
    assert [row[:2] for _, row in table.lines()] == [["0", odd[0]], ["1", cells[2][1]], ["2", "-5"]]
