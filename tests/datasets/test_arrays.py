import zipfile

import numpy as np
import pytest

from sslapp.datasets.arrays.npz import BadArrays, NpzFile
from sslapp.datasets.arrays.parts import npz_source
from sslapp.imaging.decode import deep_values
from sslapp.imaging.intensities import OF_THE_IMAGE
from sslapp.vocabulary import Split


def test_train_and_val_are_pool_and_test_is_test(medmnist):
    path = medmnist()
    source = npz_source(path)
    items = list(source.items())
    assert len(source) == len(items) == 10
    assert [item.split for item in items] == [Split.POOL] * 7 + [Split.TEST] * 3
    assert [item.name for item in items][4:8] == [
        "train/00004",
        "val/00000",
        "val/00001",
        "test/00000",
    ]
    assert [item.true_class for item in items] == [0, 1, 2, 0, 1, 0, 1, 0, 1, 2]
    with np.load(path, allow_pickle=False) as arrays:
        expected = [*arrays["train_images"], *arrays["val_images"], *arrays["test_images"]]
    assert all(np.array_equal(i.image(), e) for i, e in zip(items, expected, strict=True))
    assert source.class_names == ["0", "1", "2"]


@pytest.mark.parametrize("start", [0, 3, 5, 6, 9, 10])
def test_a_restart_goes_on_where_it_stopped(medmnist, start):
    source = npz_source(medmnist())
    everything = list(source.items())
    rest = list(source.items(start))
    assert [item.name for item in rest] == [item.name for item in everything[start:]]
    assert all(
        np.array_equal(a.image(), b.image()) for a, b in zip(rest, everything[start:], strict=True)
    )


def test_blocks_join_without_a_seam(tmp_path):
    # 3,000 rows of 768 bytes are more than two blocks of a MiB
    images = np.random.default_rng(0).integers(0, 256, (3000, 16, 16, 3), dtype=np.uint8)
    np.savez_compressed(tmp_path / "a.npz", train_images=images)
    source = npz_source(tmp_path / "a.npz")
    for start in (0, 1364, 1365, 1366, 2731):
        rows = np.stack([item.image() for item in source.items(start)])
        assert np.array_equal(rows, images[start:])


def test_class_names_and_unknown_labels(medmnist):
    source = npz_source(
        medmnist(
            class_names=np.array(["no", "benign", "malignant"]),
            train_labels=np.array([0, -1, 2, -1, 1]),
        )
    )
    assert source.class_names == ["no", "benign", "malignant"]
    assert [item.true_class for item in source.items()][:5] == [0, None, 2, None, 1]


@pytest.mark.parametrize("dtype", [">u2", "uint16", "float32"])
@pytest.mark.parametrize("shape", [(5, 6, 7), (5, 6, 7, 3)])
def test_rows_of_deep_arrays_come_as_files_of_their_values(medmnist, dtype, shape):
    images = np.random.default_rng(0).integers(0, 60_000, shape).astype(dtype)
    source = npz_source(medmnist(train_images=images))
    items = list(source.items())
    for item, expected in zip(items, images, strict=False):
        assert np.array_equal(deep_values(item.content, item.name), expected)
        assert item.image(OF_THE_IMAGE).dtype == np.uint8
    assert items[5].content is None  # the other splits have 8 bits


def test_a_set_without_labels_has_no_classes(medmnist):
    source = npz_source(medmnist(train_labels=None, val_labels=None, test_labels=None))
    assert source.class_names is None
    assert {item.true_class for item in source.items()} == {None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_images": np.zeros((5, 6, 6), np.int64)}, "train_images is .* int64"),
        ({"val_images": np.zeros((2, 6, 6, 2), np.uint8)}, r"val_images is \(2, 6, 6, 2\)"),
        ({"val_images": np.zeros((2, 6, 6, 6, 6), np.uint8)}, "val_images is"),
        ({"test_images": np.zeros((3, 0, 6), np.uint8)}, "test_images is"),
        ({"test_labels": np.zeros((2,), np.int64)}, "test_labels is .* but there are 3 images"),
        ({"test_labels": np.zeros((3, 14), np.int64)}, "several labels an image"),
        ({"test_labels": np.zeros(3)}, "test_labels is float64"),
        ({"test_labels": np.array([0, 1, -2])}, r"values -2\.\.1"),
        ({"test_labels": np.array([0, 1, 10**12])}, "values 0"),
        ({"class_names": np.array(["a", "b"])}, "a label is 2, but class_names has only 2"),
        ({"class_names": np.array(["a", "b", "a"])}, "one twice"),
        ({"class_names": np.arange(3)}, "class_names is"),
        ({"class_names": np.array([{}, {}, {}], dtype=object)}, "never loaded"),
        ({"train_images": np.asfortranarray(np.zeros((5, 6, 6), np.uint8))}, "Fortran order"),
    ],
)
def test_a_wrong_array_is_named_with_its_file(medmnist, changes, message):
    with pytest.raises(BadArrays, match=rf"smallmnist\.npz: .*{message}"):
        npz_source(medmnist(**changes))


def test_the_names_that_keras_gives_are_read_alike(medmnist, tmp_path):
    with np.load(medmnist()) as arrays:
        renamed = {
            f"{'x' if each.endswith('images') else 'y'}_{each.partition('_')[0]}": arrays[each]
            for each in arrays.files
        }
    assert renamed.keys() == {f"{a}_{split}" for a in "xy" for split in ("train", "val", "test")}
    np.savez(tmp_path / "keras.npz", **renamed, file_train=np.array(["a"] * 5))
    expected = list(npz_source(tmp_path / "smallmnist.npz").items())
    found = list(npz_source(tmp_path / "keras.npz").items())
    assert [(e.name, e.split, e.true_class) for e in found] == [
        (e.name, e.split, e.true_class) for e in expected
    ]
    assert all(np.array_equal(a.array, b.array) for a, b in zip(found, expected, strict=True))
    np.savez(tmp_path / "wrong.npz", x_train=renamed["x_train"], y_train=renamed["y_test"])
    with pytest.raises(BadArrays, match=r"y_train is \(3, 1\), but there are 5 images"):
        npz_source(tmp_path / "wrong.npz")


def test_another_layout_lists_what_is_there(tmp_path):
    np.savez(tmp_path / "a.npz", pictures=np.zeros(3), classes=np.zeros(3))
    with pytest.raises(BadArrays, match="it holds classes, pictures, but none of train_images"):
        npz_source(tmp_path / "a.npz")


def test_what_is_no_archive_is_an_error(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(BadArrays, match=r"not a readable \.npz file"):
        npz_source(tmp_path / "a.npz")
    with pytest.raises(BadArrays, match="no such file"):
        npz_source(tmp_path / "b.npz")


def test_an_object_array_is_never_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (exec, ("raise SystemExit('unpickled')",))

    np.savez(tmp_path / "a.npz", train_images=np.array([Bomb()], dtype=object))
    with pytest.raises(BadArrays, match="never loaded"):
        npz_source(tmp_path / "a.npz")


def test_a_header_that_claims_terabytes_costs_nothing(tmp_path):
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (999999999, 999, 9), }".ljust(117)
    member = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + header.encode() + b"\n"
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("train_images.npy", member + bytes(20_000))
        archive.writestr("train_labels.npy", member)
    with pytest.raises(BadArrays, match="train_labels is"):
        npz_source(tmp_path / "a.npz")
    rows = NpzFile(tmp_path / "a.npz").stream("train_images", 0)
    with pytest.raises(BadArrays, match="train_images is damaged or cut off"):
        next(rows)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_an_error(medmnist, keep):
    path = medmnist()
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(BadArrays):
        list(npz_source(path).items())


def test_flipped_bytes_give_arrays_or_an_error_that_names_the_file(medmnist):
    path = medmnist()
    content = bytearray(path.read_bytes())
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(content)
        for place in random.integers(0, len(content), 3):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        try:
            list(npz_source(path).items())
        except BadArrays as error:
            refused += 1
            assert "smallmnist.npz" in str(error)
    assert refused > 50
