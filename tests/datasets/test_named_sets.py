import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sslapp.datasets.registry import open_source
from sslapp.vocabulary import Split


def idx(array: np.ndarray) -> bytes:
    magic = 0x800 + array.ndim
    sizes = b"".join(length.to_bytes(4, "big") for length in array.shape)
    return magic.to_bytes(4, "big") + sizes + array.astype(np.uint8).tobytes()


@pytest.fixture
def idx_set(tmp_path):
    """The four idx files of a set of 4 training and 2 test images."""
    random = np.random.default_rng(0)
    images = {
        split: random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        for split, count in (("train", 4), ("t10k", 2))
    }
    labels = {"train": np.array([3, 1, 4, 1]), "t10k": np.array([5, 9])}

    def write(folder_name: str) -> dict[str, np.ndarray]:
        folder = tmp_path / folder_name / "raw"
        folder.mkdir(parents=True)
        for split, array in images.items():
            (folder / f"{split}-images-idx3-ubyte").write_bytes(idx(array))
            (folder / f"{split}-labels-idx1-ubyte").write_bytes(idx(labels[split]))
        return images

    return write


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "folder", "fifth"),
    [("mnist", "MNIST", "5"), ("fashion-mnist", "FashionMNIST", "Sandal")],
)
def test_idx_files_are_read_where_torchvision_keeps_them(tmp_path, idx_set, name, folder, fifth):
    images = idx_set(folder)
    source = open_source(name, root=tmp_path)
    items = list(source.items())
    assert [item.true_class for item in items] == [3, 1, 4, 1, 5, 9]
    assert [item.split for item in items] == [Split.POOL] * 4 + [Split.TEST] * 2
    assert np.array_equal(items[3].image(), images["train"][3])
    assert np.array_equal(items[5].image(), images["t10k"][1])
    assert [item.name for item in source.items(4)] == ["test/00000", "test/00001"]
    assert source.class_names is not None
    assert source.class_names[5] == fifth


def test_a_cut_off_idx_file_names_the_folder_and_the_mend(tmp_path, idx_set):
    idx_set("MNIST")
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"mnist: .*MNIST/raw are incomplete .*Delete that folder"):
        open_source("mnist", root=tmp_path)


def test_cifar10_files_with_another_checksum_are_never_unpickled(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for number in range(1, 6):
        (folder / f"data_batch_{number}").write_bytes(b"cbuiltins\nexit\n(tR.")
    with pytest.raises(ValueError, match=r"cifar10: .* incomplete or damaged"):
        open_source("cifar10", root=tmp_path)


def test_an_npz_stands_in_for_the_torchvision_files(tmp_path, medmnist):
    medmnist().rename(tmp_path / "cifar10.npz")
    source = open_source("cifar10", root=tmp_path)
    assert source.name == "cifar10"
    assert len(source) == 10


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_missing_files_are_named_with_the_mend(tmp_path, name):
    with pytest.raises(ValueError, match=rf"{tmp_path}.*Put the files there or allow the download"):
        open_source(name, root=tmp_path)
    with pytest.raises(ValueError, match="in which folder"):
        open_source(name)


def test_an_unknown_name_lists_what_is_supported(tmp_path):
    with pytest.raises(ValueError, match="digits, mnist, fashion-mnist, cifar10 nor the path"):
        open_source("imagenet")
    with pytest.raises(ValueError, match="needs a folder"):
        open_source("digits", group_pattern="x")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ValueError, match="neither one of"):
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
