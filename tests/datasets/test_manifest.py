"""Manifests: what the columns mean, and that no line reads outside the allowed folders."""

import json
import os
import zipfile

import pandas as pd
import pytest

from sslapp.datasets.pictures.manifest import manifest_source
from sslapp.datasets.registry import open_source
from sslapp.vocabulary import Split


@pytest.fixture
def manifest(tree, picture):
    """manifest(text, files) writes a manifest beside these files and returns its path."""

    def write(text, files=("a.png", "b.png", "in/c.png")):
        root = tree({name: picture(seed) for seed, name in enumerate(files)})
        path = root / "list.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def reasons(source):
    return {refusal.name: refusal.reason for refusal in source.refused}


def test_columns_are_found_by_their_headings_in_the_order_of_the_lines(manifest, picture):
    path = manifest("class;Split;path;group;note\ncat;train;in/c.png;p1;x\n;TEST;a.png;;\n")
    source = open_source(str(path))
    first, second = source.items()
    assert source.name == "list"
    assert source.class_names == ["cat"]
    assert (first.name, first.split, first.true_class, first.group) == (
        "in/c.png",
        Split.POOL,
        0,
        "p1",
    )
    assert (second.name, second.split, second.true_class, second.group) == (
        "a.png",
        Split.TEST,
        None,
        None,
    )
    assert second.content == picture(0)


def test_cells_escaped_by_our_own_export_are_understood(manifest):
    source = manifest_source(manifest("path,class\na.png,'=cat\n"))
    assert source.class_names == ["=cat"]


def test_lines_that_cannot_be_used_are_refused_with_their_number(manifest):
    long = "g" * 201
    path = manifest(
        "path,split,group\na.png,,\nnone.png,,\na.png,,\nb.png,holdout,\nin,,\nnotes.txt,,\n"
        f"in/c.png,,{long}\n\n,train,\n"
    )
    assert reasons(manifest_source(path)) == {
        "line 3: none.png": "there is no such file",
        "line 4: a.png": "it is on an earlier line too",
        "line 5: b.png": 'its split is "holdout"; write pool, train, val or test',
        "line 6: in": "not a plain file",
        "line 7: notes.txt": ".txt is not a picture type that is read",
        "line 8: in/c.png": "its group has more than 200 letters",
        "line 10: ": "it names no file",
    }


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("../secret.png", "it lies outside the folders that may be imported"),
        ("in/../../secret.png", "it lies outside the folders that may be imported"),
        ("link.png", "it lies outside the folders that may be imported"),
        ("folder/secret.png", "it lies outside the folders that may be imported"),
        ("/etc/passwd", "an absolute path; write it relative to the manifest"),
        ("..\\secret.png", "its path has a backslash in it; write / between folders"),
        ("%2e%2e/secret.png", "there is no such file"),
        ("a.png\0", "its name has a NUL in it"),
        ("pipe.png", "not a plain file"),
        ("loop.png", "there is no such file"),
        ("file:///etc/passwd", "there is no such file"),
        ("http://127.0.0.1/a.png", "there is no such file"),
        ("dev.png", "it lies outside the folders that may be imported"),
    ],
)
def test_nothing_outside_the_allowed_folders_is_read(manifest, picture, tmp_path, cell, reason):
    path = manifest(f"path\na.png\n{cell}\n")
    (tmp_path / "secret.png").write_bytes(picture(9))
    (path.parent / "link.png").symlink_to(tmp_path / "secret.png")
    (path.parent / "loop.png").symlink_to("loop.png")
    (path.parent / "dev.png").symlink_to("/dev/zero")
    (path.parent / "folder").symlink_to(tmp_path)
    os.mkfifo(path.parent / "pipe.png")
    source = manifest_source(path)
    assert [item.name for item in source.items()] == ["a.png"]
    assert list(reasons(source).values()) == [reason]


def test_other_folders_can_be_allowed(manifest, picture, tmp_path):
    path = manifest("path\n../beside/x.png\n../set-secret/y.png\n")
    for name in ("beside/x.png", "set-secret/y.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(picture())
    source = manifest_source(path, within=[path.parent, tmp_path / "beside"])
    assert [item.name for item in source.items()] == ["../beside/x.png"]
    assert len(source.refused) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name_of_it,class\na,b\n", "the headings are name_of_it, class"),
        ("", "the headings are missing"),
        ("path,image\na,b\n", '"path" and "image" may be the image'),
        ("path\n", "no picture file in it"),
        (b"path\n\x81\n", "not UTF-8"),
        ('path\n"a\n', "not valid CSV"),
    ],
)
def test_what_is_no_manifest_is_an_error_that_names_the_mend(manifest, text, words):
    with pytest.raises(ValueError, match=f"list.csv.*: .*{words}"):
        manifest_source(manifest(text))


@pytest.mark.parametrize("headings", ["path,image,class", "path,diagnosis,target"])
def test_two_columns_for_one_thing_are_mended_in_the_list_where_no_option_chooses(
    manifest, headings
):
    with pytest.raises(ValueError, match=r"Keep one of them in the list") as caught:
        manifest_source(manifest(f"{headings}\na.png,cat,dog\n"))
    assert "--" not in str(caught.value) and "on the page" not in str(caught.value)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "xlsx"])
def test_a_list_of_any_format_is_a_manifest(tree, picture, kind):
    root = tree({f"{each}.png": picture(each) for each in range(2)})
    frame = pd.DataFrame(
        {"Image Index": ["0.png", "1.png"], "dx": ["cat", None], "Patient ID": [7, 8]}
    )
    path = root / f"list.{kind}"
    if kind == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        {"csv": frame.to_csv, "parquet": frame.to_parquet, "xlsx": frame.to_excel}[kind](
            path, index=False
        )
    first, second = open_source(str(path)).items()
    assert (first.name, first.true_class, first.group) == ("0.png", 0, "7")
    assert (second.name, second.true_class, second.group) == ("1.png", None, "8")


def test_several_findings_are_no_class(manifest):
    path = manifest("Image Index,Finding Labels\na.png,A\nb.png,A|B\n")
    with pytest.raises(ValueError, match=r"line 3: it has several findings .*one finding an image"):
        manifest_source(path)


@pytest.fixture
def image_folder(tree, picture):
    """A folder as the case x20 has it."""
    lists = {"train/metadata.csv": b"file_name,label\n1.png,cat\n2.png,dog\n"}
    return tree(lists | {f"train/{each}.png": picture(each) for each in (1, 2, 3)}) / "train"


def test_the_list_of_an_image_folder_gives_its_classes_and_so_does_the_folder(image_folder):
    source = open_source(str(image_folder / "metadata.csv"))
    assert source.class_names == ["cat", "dog"]
    assert len(source) == 2
    source = open_source(str(image_folder))
    assert source.class_names == ["cat", "dog"]
    assert [each.true_class for each in source.items()] == [0, 1, None]
    assert source.refused == []


def test_lists_lie_in_archives_and_folders_below_too(image_folder, picture):
    (image_folder / "in").mkdir()
    (image_folder / "in/a.png").write_bytes(picture(9))
    told = {"file_name": "a.png", "split": "test", "patient_id": 4}
    (image_folder / "in/metadata.jsonl").write_text(json.dumps(told))
    path = image_folder.parent / "set.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for each in sorted(image_folder.rglob("*.*")):
            packed.write(each, each.relative_to(image_folder))
    for source in (open_source(str(image_folder)), open_source(str(path))):
        (inner,) = (each for each in source.items() if each.name.endswith("a.png"))
        assert (inner.split, inner.group) == (Split.TEST, "4")


def test_a_list_that_contradicts_its_folders_is_refused(tree, picture):
    root = tree(
        {
            "cat/1.png": picture(),
            "dog/2.png": picture(1),
            "metadata.csv": b"file_name,class\ncat/1.png,dog\n",
        }
    )
    with pytest.raises(
        ValueError, match=r"metadata.csv line 2 says \"dog\" of cat/1.png, and its folder"
    ):
        open_source(str(root))


def test_lists_of_another_kind_stay_refused_and_links_are_not_followed(tree, picture, tmp_path):
    root = tree({"1.png": picture(), "metadata.csv": b"patient,age\n1,60\n"})
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "1.png", "label": "secret"}')
    (root / "metadata.jsonl").symlink_to(tmp_path / "metadata.jsonl")
    source = open_source(str(root))
    assert source.class_names is None
    assert len(source.refused) == 2


def test_a_line_whose_picture_is_missing_is_refused(image_folder, picture):
    (image_folder / "in").mkdir()
    (image_folder / "in/a.png").write_bytes(picture(9))
    (image_folder / "in/metadata.csv").write_text("file_name,patient\n3.png,p3\na.png,p1\n")
    source = open_source(str(image_folder))
    assert reasons(source) == {"in/metadata.csv line 2: in/3.png": "no such picture"}
    groups = {each.name: each.group for each in source.items()}
    assert (groups["3.png"], groups["in/a.png"]) == (None, "p1")
