"""A look at a source before its import: the import then reads exactly what was shown."""

import io
import zipfile
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from sslapp.datasets.header_sample import sample
from sslapp.datasets.ingest import ingest
from sslapp.datasets.look import list_source, look, same_bytes, suggest
from sslapp.datasets.pictures import copies
from sslapp.datasets.pictures.arranged import OpenQuestions
from sslapp.datasets.pictures.described import opened
from sslapp.datasets.pictures.listing import Listing, ScanStopped
from sslapp.datasets.pictures.reading import FrameChoice, Meaning, Reading
from sslapp.datasets.pictures.watch import Watch
from sslapp.datasets.registry import open_source
from sslapp.vocabulary import Split


@pytest.fixture
def both(tree, tmp_path):
    """both(files) writes them as a folder and as an archive of it, and returns both paths."""

    def build(files):
        folder = tree(files)
        path = tmp_path / "set.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return folder, path

    return build


def looked(path, reading=None):
    listing = list_source(path)
    return look(listing, reading or Reading(), same_bytes(listing))


def test_an_import_reads_what_was_shown_of_a_folder_and_of_an_archive_alike(both, picture):
    files = {
        "set/train/cat/10.png": picture(1),
        "set/train/cat/2.png": picture(2),
        "set/train/dog/1.png": picture(3),
        "set/test/cat/1.png": picture(4),
        "set/test/dog/1.png": picture(5),
        "set/notes.txt": b"x",
    }
    seen = []
    for path in both(files):
        found = looked(path)
        source = open_source(str(path), reading=found.reading)
        items = list(source.items())
        assert len(items) == len(source) == found.images == 5
        assert found.bytes == sum(len(item.content) for item in items)
        assert Counter(source.class_names[item.true_class] for item in items) == found.classes
        assert Counter(item.split for item in items) == found.splits
        assert [each.count for each in found.left_out] == [1]
        seen.append((found.classes, found.splits, [item.name for item in items]))
    assert seen[0] == seen[1]
    assert seen[0][2] == [
        "test/cat/1.png",
        "test/dog/1.png",
        "train/cat/2.png",
        "train/cat/10.png",
        "train/dog/1.png",
    ]


def test_the_same_bytes_come_once_and_a_test_image_stays_one(both, picture):
    files = {
        "train/a/1.png": picture(1),
        "train/a/copy/1.png": picture(1),
        "train/b/2.png": picture(2),
        "train/b/3.png": picture(3),
        "test/b/3.png": picture(3),
        "test/a/4.png": picture(4),
    }
    for path in both(files):
        found = looked(path)
        assert (found.images, found.splits) == (4, {Split.POOL: 2, Split.TEST: 2})
        source = open_source(str(path))
        assert [item.name for item in source.items()] == [
            "test/a/4.png",
            "test/b/3.png",
            "train/a/1.png",
            "train/b/2.png",
        ]
        assert {each.name: each.reason for each in source.refused} == {
            "train/a/copy/1.png": "a copy of train/a/1.png",
            "train/b/3.png": "a copy of the test image test/b/3.png, which stays test only",
        }


def test_a_set_packed_with_itself_inside_comes_once_with_its_test_images_apart(both, picture):
    names = [
        f"{split}/{name}/{number}.png"
        for split in ("train", "val", "test")
        for name in ("NORMAL", "PNEUMONIA")
        for number in range(2)
    ]
    files = {f"chest/{name}": picture(seed) for seed, name in enumerate(names)}
    again = {f"chest/{name}": content for name, content in files.items()}
    litter = {f"chest/__MACOSX/test/NORMAL/._{number}.png": b"\0\5\x16\7" for number in range(4)}
    for path in both(files | again | litter):
        found = looked(path)
        assert found.classes == {"NORMAL": 6, "PNEUMONIA": 6}
        copied, litter_of_macos = found.left_out
        assert (copied.reason, copied.count) == ("a copy of another file", len(files))
        assert "macOS" in litter_of_macos.reason
        source = open_source(str(path), reading=found.reading)
        apart = {item.content: item.split for item in source.items()}
        assert apart == {
            content: Split.TEST if "/test/" in name else Split.POOL
            for name, content in files.items()
        }
        assert sum("a copy of " in each.reason for each in source.refused) == len(files)


@pytest.mark.parametrize(
    ("names", "classes", "tests"),
    [
        (["data/1.png", "data/2.png"], {}, 0),
        (["cat/1.png", "cat/2.png"], {}, 0),
        (
            [f"images/{s}/{c}/{n}.png" for s in ("train", "test") for c in "ab" for n in "12"],
            {"a": 4, "b": 4},
            4,
        ),
    ],
)
def test_one_folder_that_holds_all_others_is_read_alike_in_an_archive(
    both, picture, names, classes, tests
):
    for path in both({name: picture(seed) for seed, name in enumerate(names)}):
        found = looked(path)
        assert (found.classes, found.splits.get(Split.TEST, 0)) == (classes, tests)
        assert found.questions == []


def test_files_of_one_size_are_no_copies_for_that(both):
    files = {"a.bmp": b"x" * 9000, "b.bmp": b"y" * 9000, "c.bmp": b"x" * 9000}
    for path in both(files):
        listing = list_source(path)
        seen = []
        assert same_bytes(listing, progress=lambda *at, seen=seen: seen.append(at)) == [
            ("a.bmp", "c.bmp")
        ]
        assert copies.same_bytes(listing, opened(listing), np.array([0, 1])) == []
        with pytest.raises(ScanStopped):
            same_bytes(listing, should_stop=lambda: True)


def test_a_listing_is_kept_in_a_file_and_read_again(both, picture, tmp_path):
    for path in both({"cat /1.png": picture(1), "dog/2.png": picture(2), "x.txt": b"x"}):
        listing = list_source(path)
        listing.save(tmp_path / "listing.json")
        again = Listing.load(tmp_path / "listing.json")
        assert look(again) == look(listing)
        assert sample(again) == sample(listing)
        assert again.where == {"cat/1.png": "cat /1.png"}


def test_a_scan_can_be_stopped(tree, picture):
    with pytest.raises(ScanStopped):
        list_source(tree({"a.png": picture()}), watch=Watch(should_stop=lambda: True))


def test_what_is_in_doubt_is_refused_with_the_way_to_say_it(tree, picture):
    root = tree({"train/a/1.png": picture(1), "holdout/a/2.png": picture(2)})
    with pytest.raises(OpenQuestions, match=r'^set: "holdout" may be a split .* --pool\)'):
        open_source(str(root))
    named = Reading(splits={"holdout": Split.TEST})
    assert [item.split for item in open_source(str(root), reading=named).items()] == [
        Split.TEST,
        Split.POOL,
    ]


def test_files_with_several_images_are_told_taken_whole_or_refused(tree, tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (3, 6, 6), dtype=np.uint8)
    file = io.BytesIO()
    first, *others = map(Image.fromarray, frames)
    first.save(file, "TIFF", save_all=True, append_images=others)
    single = io.BytesIO()
    Image.fromarray(frames[0]).save(single, "PNG")
    root = tree({"pages.tif": file.getvalue(), "one.png": single.getvalue()})
    assert sample(list_source(root)).several == [("pages.tif", 3)]

    def imported(choice):
        source = open_source(str(root), reading=Reading(frames=choice))
        return ingest(source, tmp_path / choice), source

    done, _ = imported(FrameChoice.FIRST)
    assert done.several == {"pages.tif": 3}
    assert [row.name for row in done.rows] == ["one.png", "pages.tif"]
    done, source = imported(FrameChoice.ALL)
    assert done.several == {}
    assert [row.name for row in done.rows] == ["one.png", *(f"pages.tif#{n}" for n in (1, 2, 3))]
    assert (np.load(done.pixels)[1:, :, :, 0] == frames).all()
    assert [item.name for item in source.items(2)] == ["pages.tif#2", "pages.tif#3"]
    done, _ = imported(FrameChoice.REFUSE)
    assert [(each.name, each.reason) for each in done.refused] == [
        ("pages.tif", "it holds 3 images")
    ]


def test_sources_without_folders_have_a_look_too(medmnist, tree, picture):
    found = looked(medmnist())
    assert (found.images, found.levels, found.questions) == (10, [], [])
    assert found.splits == {Split.POOL: 7, Split.TEST: 3}
    assert found.classes == {"0": 4, "1": 4, "2": 2}
    digits = looked("digits")
    assert (digits.images, len(digits.classes), digits.without_class) == (1797, 10, 0)
    root = tree({"a.png": picture(1), "b.png": picture(2)})
    (root / "list.csv").write_text("path,class,split\na.png,cat,train\nb.png,,test\nc.png,,\n")
    listed = looked(root / "list.csv")
    assert (listed.classes, listed.without_class) == ({"cat": 1}, 1)
    assert listed.splits == {Split.POOL: 1, Split.TEST: 1}
    assert listed.left_out[0].reason == "there is no such file"


def test_a_suggestion_gives_its_reasons(tree, picture):
    root = tree({"cat/1.png": picture(1), "dog/2.png": picture(2)})
    found = suggest(list_source(root))
    assert found.reading.levels == (Meaning.CLASS,)
    assert found.why == ('"cat", "dog": folders side by side, as of classes.',)
