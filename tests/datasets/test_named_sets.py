"""Every known set, read by its name out of a few images in its real layout."""

import os
import pickle
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tiny_sets
from sklearn.datasets import load_digits

from sslapp.datasets.known.catalogue import KNOWN, outline_known
from sslapp.datasets.registry import open_source
from sslapp.vocabulary import Split


def test_digits_are_all_pool_and_span_the_grey_levels():
    source = open_source("digits")
    items = list(source.items())
    data = load_digits()
    assert len(source) == len(items) == 1797
    assert {item.split for item in items} == {Split.POOL}
    assert [item.true_class for item in items] == data.target.tolist()
    assert np.stack([item.image() for item in items]).max() == 255
    assert np.array_equal(items[7].image(), (data.images[7] * 255 / 16).round().astype(np.uint8))
    assert source.class_names == [str(digit) for digit in range(10)]


def read(name, root):
    source = open_source(name, root=root)
    items = list(source.items())
    assert len(items) == len(source)
    if not name.startswith("cifar"):  # whose counts are those of the real files
        check_outline(name, root, source, items)
    return source, items


def check_outline(name, root, source, items) -> None:
    """What is said of a set without reading its images is what they are."""
    outline = outline_known(name, root)
    assert outline is not None
    assert {(each.split, each.class_name): each.count for each in outline.shares} == {
        (each.split, each.class_name): each.count for each in source.shares()
    }
    if outline.files:
        assert [path.read_bytes() for path in outline.files] == [each.content for each in items]
        return
    height, width = items[0].image().shape[:2]
    assert outline.pixels == (width, height)
    assert KNOWN[name].layout.endswith(".npz") or outline.pixels == KNOWN[name].announced.pixels
    assert outline.kind == ("grey" if items[0].image().ndim == 2 else "colour") + ", 8 bits"
    assert outline.kind == KNOWN[name].announced.kind


def classes(source, items) -> list[str | None]:
    return [
        None if item.true_class is None else source.class_names[item.true_class] for item in items
    ]


@pytest.mark.parametrize(
    ("name", "reader", "found"),
    [
        ("mnist", "MNIST", ["3", "1", "4", "1", "5", "9"]),
        (
            "fashion-mnist",
            "FashionMNIST",
            ["Dress", "Trouser", "Coat", "Trouser", "Sandal", "Ankle boot"],
        ),
        ("kmnist", "KMNIST", ["tsu", "ki", "na", "ki", "ha", "wo"]),
    ],
)
def test_idx_files_are_read_where_torchvision_keeps_them(tmp_path, name, reader, found):
    tiny_sets.mnist(tmp_path, reader)
    source, items = read(name, tmp_path)
    assert classes(source, items) == found
    assert [item.split for item in items] == [Split.POOL] * 4 + [Split.TEST] * 2
    assert np.array_equal(items[3].image(), tiny_sets.pictures(4, (28, 28), 0)[3])
    assert np.array_equal(items[5].image(), tiny_sets.pictures(2, (28, 28), 1)[1])
    assert [item.name for item in source.items(4)] == ["test/00000", "test/00001"]
    assert len(source.class_names) == 10


@pytest.mark.parametrize(
    ("name", "labels", "found", "number"),
    [
        ("emnist-letters", ([1, 26], [2]), ["a", "z", "b"], 26),
        ("emnist", ([0, 46], [10]), ["0", "t", "A"], 47),
        ("emnist-byclass", ([61, 36], [9]), ["z", "a", "9"], 62),
    ],
)
def test_emnist_is_turned_upright_and_its_letters_begin_with_a(
    tmp_path, name, labels, found, number
):
    tiny_sets.emnist(tmp_path, name.partition("-")[2] or "balanced", labels)
    source, items = read(name, tmp_path)
    assert classes(source, items) == found
    assert len(source.class_names) == number
    assert np.array_equal(items[1].image(), tiny_sets.pictures(2, (28, 28), 0)[1].T)


def test_a_split_of_emnist_that_is_not_there_is_named(tmp_path):
    tiny_sets.emnist(tmp_path, "letters", ([1], [2]))
    with pytest.raises(ValueError, match=r"emnist: .*EMNIST/raw are incomplete"):
        open_source("emnist", root=tmp_path)


def test_a_cut_off_idx_file_names_the_folder_and_the_mend(tmp_path):
    tiny_sets.mnist(tmp_path)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    for opens in (open_source, outline_known):
        with pytest.raises(ValueError, match=r"mnist: .*MNIST/raw are incomplete .*Delete what is"):
            opens("mnist", root=tmp_path)


@pytest.mark.parametrize("content", [b"", b"not an idx file", tiny_sets.idx(np.array([3, 1]))])
def test_labels_that_do_not_go_with_the_images_are_refused(tmp_path, content):
    tiny_sets.mnist(tmp_path)
    (tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte").write_bytes(content)
    for opens in (open_source, outline_known):
        with pytest.raises(ValueError, match=r"mnist: .*MNIST/raw are incomplete or damaged"):
            opens("mnist", root=tmp_path)


def test_cifar_has_its_own_names_and_of_100_classes_the_fine_ones(tmp_path, monkeypatch):
    tiny_sets.cifar(tmp_path, monkeypatch.setattr, fine=False)
    source, items = read("cifar10", tmp_path)
    assert classes(source, items) == [f"class {number}" for number in (0, 1, 2, 3, 4, 7)]
    assert [item.split for item in items] == [Split.POOL] * 5 + [Split.TEST]
    flat = tiny_sets.pictures(1, (3072,), 2)[0]
    assert np.array_equal(items[2].image(), flat.reshape(3, 32, 32).transpose(1, 2, 0))
    outline = outline_known("cifar10", tmp_path)
    assert [each.class_name for each in outline.shares[:10]] == source.class_names
    assert sum(each.count for each in outline.shares) == 60_000
    tiny_sets.cifar(tmp_path, monkeypatch.setattr, fine=True)
    assert classes(*read("cifar100", tmp_path)) == ["fine 0", "fine 0", "fine 7"]
    with pytest.raises(ValueError, match=r"cifar100: .* 10 names of 100 classes"):
        outline_known("cifar100", tmp_path)  # of the real file, which has all of them


@pytest.mark.parametrize("protocol", [0, 2])
def test_names_are_found_in_a_pickle_of_any_age_that_is_not_run(tmp_path, monkeypatch, protocol):
    tiny_sets.cifar(tmp_path, monkeypatch.setattr, fine=False)
    names = [f"class {number}" for number in range(10)]
    told = {"num_cases_per_batch": 10000, "label_names": names, "num_vis": 3072}
    meta = tmp_path / "cifar-10-batches-py" / "batches.meta"
    meta.write_bytes(pickle.dumps(told, protocol=protocol))
    found = outline_known("cifar10", tmp_path)
    assert [each.class_name for each in found.shares] == names * 2


def test_cards_say_the_numbers_that_they_are_counted_by():
    for known in KNOWN.values():
        told, held = known.about.replace(",", ""), known.announced
        images = held.pool + held.test
        assert re.findall(r"\d+", told)[0] == str(images), known.name
        assert re.search(rf"\b{held.classes} (classes|dishes|models|breeds|variants)", told)
        assert held.unlabelled in (0, 100_000)
        if held.pixels is not None:
            assert f"{held.pixels[0]} x {held.pixels[1]} pixels" in told, known.name
        assert held.colour == ("colour" in told), known.name


def test_a_set_in_the_layout_of_keras_is_counted_by_its_headers(tmp_path):
    pictures = tiny_sets.pictures(3, (20, 24))
    np.savez(tmp_path / "mnist.npz", x_train=pictures, y_train=np.array([7, 1, 7]))
    found = outline_known("mnist", tmp_path)
    assert (found.pixels, found.kind) == ((24, 20), "grey, 8 bits")
    assert {each.class_name: each.count for each in found.shares} == {"1": 1, "7": 2}


def test_a_set_that_is_not_there_has_no_outline(tmp_path):
    assert outline_known("mnist", tmp_path) is None
    assert outline_known("pathmnist", tmp_path) is None


def test_cifar10_files_with_another_checksum_are_never_unpickled(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for number in range(1, 6):
        (folder / f"data_batch_{number}").write_bytes(b"cbuiltins\nexit\n(tR.")
    with pytest.raises(ValueError, match=r"cifar10: .* incomplete or damaged"):
        open_source("cifar10", root=tmp_path)


def test_svhn_calls_a_zero_a_zero_and_leaves_out_the_extra_images(tmp_path, monkeypatch):
    tiny_sets.svhn(tmp_path / "svhn", monkeypatch.setattr)
    source, items = read("svhn", tmp_path)
    assert classes(source, items) == ["1", "0", "5"]
    assert [item.split for item in items] == [Split.POOL, Split.POOL, Split.TEST]
    assert np.array_equal(items[1].image(), tiny_sets.pictures(2, (32, 32, 3), 2)[1])


def test_stl10_is_upright_and_its_unlabelled_images_have_no_class(tmp_path, monkeypatch):
    tiny_sets.stl10(tmp_path, monkeypatch.setattr)
    source, items = read("stl10", tmp_path)
    assert classes(source, items) == ["airplane", "car", "bird", None, None, "bird"]
    assert [item.name for item in items[2:5]] == [
        "train/00002",
        "unlabelled/00000",
        "unlabelled/00001",
    ]
    assert [item.split for item in items] == [Split.POOL] * 5 + [Split.TEST]
    assert np.array_equal(items[4].image(), tiny_sets.pictures(2, (96, 96, 3), 1)[1])
    assert [item.name for item in source.items(4)] == ["unlabelled/00001", "test/00000"]
    (tmp_path / "stl10_binary" / "unlabeled_X.bin").write_bytes(b"")
    with pytest.raises(ValueError, match=r"unlabeled_X\.bin is missing or has another md5"):
        open_source("stl10", root=tmp_path)


PHOTOGRAPHS = {
    "flowers102": {
        "jpg/image_00005.jpg": "canterbury bells",
        "jpg/image_00001.jpg": "pink primrose",
        "jpg/image_00002.jpg": "hard-leaved pocket orchid",
        "jpg/image_00006.jpg": "hard-leaved pocket orchid",
        "jpg/image_00004.jpg": "blackberry lily",
        "jpg/image_00003.jpg": "pink primrose",
    },
    "pets": {
        "images/Abyssinian_2.jpg": "Abyssinian",
        "images/beagle_10.jpg": "Beagle",
        "images/Abyssinian_1.jpg": "Abyssinian",
        "images/beagle_3.jpg": "Beagle",
    },
    "dtd": {
        "images/dotted/dotted_0001.jpg": "dotted",
        "images/banded/banded_0002.jpg": "banded",
        "images/dotted/dotted_0003.jpg": "dotted",
    },
    "food101": {
        "images/apple_pie/1.jpg": "apple_pie",
        "images/waffles/7.jpg": "waffles",
        "images/waffles/8.jpg": "waffles",
        "images/apple_pie/2.jpg": "apple_pie",
        "images/waffles/9.jpg": "waffles",
    },
    "aircraft": {
        "data/images/0034309.jpg": "Cessna 525",
        "data/images/0481847.jpg": "707-320",
        "data/images/1514522.jpg": "Cessna 525",
    },
    "cars": {
        "cars_train/00001.jpg": "Acura RL Sedan 2012",
        "cars_train/00002.jpg": "AM General Hummer SUV 2000",
        "cars_test/00001.jpg": "AM General Hummer SUV 2000",
        "cars_test/00002.jpg": "Acura RL Sedan 2012",
    },
}
TESTED = {"flowers102": 2, "pets": 2, "dtd": 1, "food101": 2, "aircraft": 1, "cars": 2}


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """Write one of the sets of photographs below tmp_path and return its folder."""

    def build(name):
        match name:
            case "flowers102":
                tiny_sets.flowers(tmp_path, monkeypatch.setattr)
            case "food101":
                tiny_sets.food(tmp_path)
            case _:
                getattr(tiny_sets, name)(tmp_path)
        return tmp_path / KNOWN[name].layout

    return build


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_come_as_the_files_they_are_with_the_official_test_images(
    tmp_path, photographs, name
):
    folder = photographs(name)
    source, items = read(name, tmp_path)
    assert (
        dict(zip((item.name for item in items), classes(source, items), strict=True))
        == (PHOTOGRAPHS[name])
    )
    assert [item.name for item in items] == [*PHOTOGRAPHS[name]]
    tested = TESTED[name]
    assert [item.split for item in items[-tested:]] == [Split.TEST] * tested
    assert {item.split for item in items[:-tested]} == {Split.POOL}
    for item in items:
        assert item.array is None and item.content == (folder / item.name).read_bytes()
    assert [item.name for item in source.items(2)] == [*PHOTOGRAPHS[name]][2:]
    counted = {(each.split, each.class_name): each.count for each in source.shares()}
    assert counted == Counter(
        zip((item.split for item in items), classes(source, items), strict=True)
    )


def test_classes_keep_the_order_of_their_set(tmp_path, photographs):
    photographs("cars")
    photographs("aircraft")
    cars, aircraft = open_source("cars", root=tmp_path), open_source("aircraft", root=tmp_path)
    assert cars.class_names == ["AM General Hummer SUV 2000", "Acura RL Sedan 2012"]
    assert aircraft.class_names == ["707-320", "Cessna 525"]


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_set_unpacked_by_half_is_not_taken_for_whole(tmp_path, photographs, name):
    (photographs(name) / [*PHOTOGRAPHS[name]][-1]).unlink()
    with pytest.raises(ValueError, match=rf"{name}: .*\(1 of . pictures are missing, the first is"):
        open_source(name, root=tmp_path)


def test_a_list_that_leads_out_of_its_folder_is_refused(tmp_path):
    tiny_sets.write(tmp_path, {"secret.jpg": "x"})
    away = "../../secret"
    tiny_sets.food(tmp_path, {"train": {"a": [away]}, "test": {"a": ["a/1"]}})
    with pytest.raises(ValueError, match=r"secret\.jpg lies outside of the folder"):
        open_source("food101", root=tmp_path)


@pytest.mark.parametrize("link", ["food-101", "food-101/images/waffles", "food-101/meta"])
def test_a_link_out_of_the_data_folder_is_not_followed(tmp_path, link):
    tiny_sets.food(tmp_path / "elsewhere" / "deep")
    data = tmp_path / "data"
    tiny_sets.food(data)
    (data / link).rename(tmp_path / "old")
    (data / link).symlink_to(tmp_path / "elsewhere" / "deep" / link)
    with pytest.raises(ValueError, match=r"food101: "):
        open_source("food101", root=data)


def test_every_card_says_what_the_set_is_and_by_hand_how_to_get_it():
    assert len(KNOWN) == 1 + 12 + 6 + 11 * 4
    for card in KNOWN.values():
        assert "classes" in card.about or card.name in {"pets", "food101", "aircraft", "cars"}
        assert "pixels" in card.about and card.about.endswith(".")
        assert card.licence and (card.by_hand or card.name == "digits")
        assert card.megabytes or "_" in card.name or card.name in {"digits", "cars"}


def test_a_set_of_medmnist_has_the_names_of_its_classes(tmp_path, medmnist):
    medmnist().rename(tmp_path / "organsmnist_64.npz")
    source, items = read("organsmnist_64", tmp_path)
    assert classes(source, items)[:3] == ["bladder", "femur-left", "femur-right"]
    assert [item.split for item in items] == [Split.POOL] * 7 + [Split.TEST] * 3
    assert KNOWN["retinamnist"].about.endswith("28 x 28 pixels, 5 classes.")


def test_an_npz_with_more_classes_than_the_set_it_is_called_after_keeps_its_numbers(
    tmp_path, medmnist
):
    medmnist().rename(tmp_path / "pneumoniamnist.npz")
    assert open_source("pneumoniamnist", root=tmp_path).class_names == ["0", "1", "2"]


@pytest.mark.parametrize("name", ["chestmnist", "chestmnist_64"])
def test_several_findings_an_image_are_refused_with_what_to_do(tmp_path, name):
    with pytest.raises(ValueError, match=r"14 findings .* one class an image\. Make an \.npz"):
        open_source(name, root=tmp_path)


def test_an_npz_stands_in_for_the_torchvision_files(tmp_path, medmnist):
    medmnist().rename(tmp_path / "cifar10.npz")
    source = open_source("cifar10", root=tmp_path)
    assert source.name == "cifar10"
    assert len(source) == 10


def test_sets_are_found_in_a_data_folder_and_in_the_folders_directly_in_it(tmp_path):
    tiny_sets.mnist(tmp_path / "sets")
    assert len(open_source("mnist", root=tmp_path)) == 6
    tiny_sets.mnist(tmp_path / "deep" / "er", "KMNIST")
    tiny_sets.mnist(tmp_path / ".hidden", "KMNIST")
    with pytest.raises(ValueError, match=r"kmnist: neither KMNIST/raw nor kmnist\.npz is in"):
        open_source("kmnist", root=tmp_path)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10", "bloodmnist"])
def test_missing_files_are_named_with_the_mend(tmp_path, name):
    with pytest.raises(ValueError, match=rf"{tmp_path}.*Put the files there or allow the download"):
        open_source(name, root=tmp_path)
    with pytest.raises(ValueError, match="in which folder"):
        open_source(name)


def test_an_unknown_name_lists_what_is_supported(tmp_path):
    with pytest.raises(ValueError, match=r"neither the name of a set .* nor the path"):
        open_source("imagenet")
    with pytest.raises(ValueError, match="needs a folder"):
        open_source("digits", group_pattern="x")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ValueError, match="neither the name of a set"):
        open_source(str(tmp_path / "a.txt"))


REAL = os.environ.get("SSLAPP_TEST_DATA", "")


@pytest.mark.needs("the real CIFAR-10")
@pytest.mark.skipif(not REAL, reason="SSLAPP_TEST_DATA names no folder with cifar10")
def test_the_real_cifar10_has_its_published_counts_and_first_test_labels():
    source = open_source("cifar10", root=Path(REAL))
    labels = [item.true_class for item in source.items()]
    assert len(labels) == 60_000
    assert np.bincount(labels[:50_000]).tolist() == [5000] * 10
    assert labels[50_000:50_010] == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    assert next(iter(source.items(50_000))).split == Split.TEST
