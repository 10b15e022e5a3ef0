"""Known sets of a few images each, in the layouts that torchvision's readers look for.

Where a reader insists on the md5 of the real files, its own list is given that of the tiny ones.
"""

import hashlib
import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torchvision.datasets as readers
from PIL import Image
from scipy.io import savemat


def pictures(count: int, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Random images, (count, *shape) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def idx(array: np.ndarray) -> bytes:
    """An array as a file of MNIST's kind."""
    sizes = b"".join(length.to_bytes(4, "big") for length in array.shape)
    return (0x800 + array.ndim).to_bytes(4, "big") + sizes + array.astype(np.uint8).tobytes()


def jpeg(seed: int) -> bytes:
    """A photograph of 12 x 8 pixels."""
    content = io.BytesIO()
    Image.fromarray(pictures(1, (8, 12, 3), seed)[0]).save(content, "JPEG")
    return content.getvalue()


def write(folder: Path, files: dict[str, bytes | str]) -> None:
    """Write files by their paths below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def idx_files(prefixes: tuple[str, str], labels: tuple[list[int], list[int]]) -> dict[str, bytes]:
    """The four files of a set like MNIST; the images are `pictures` of seeds 0 and 1."""
    files = {}
    for seed, (prefix, classes) in enumerate(zip(prefixes, labels, strict=True)):
        files[f"{prefix}-images-idx3-ubyte"] = idx(pictures(len(classes), (28, 28), seed))
        files[f"{prefix}-labels-idx1-ubyte"] = idx(np.array(classes))
    return files


def mnist(root: Path, reader: str = "MNIST") -> None:
    """Four training images of 3, 1, 4, 1 and two test images of 5, 9."""
    write(root / reader / "raw", idx_files(("train", "t10k"), ([3, 1, 4, 1], [5, 9])))


def emnist(root: Path, split: str, labels: tuple[list[int], list[int]]) -> None:
    """One split of EMNIST."""
    prefixes = (f"emnist-{split}-train", f"emnist-{split}-test")
    write(root / "EMNIST" / "raw", idx_files(prefixes, labels))


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def cifar(root: Path, patch: Callable[..., None], *, fine: bool) -> None:
    """CIFAR-10 of five batches of one image each, or CIFAR-100 of one of two; a test image."""
    reader: Any = readers.CIFAR100 if fine else readers.CIFAR10
    key, named = ("fine_labels", "fine_label_names") if fine else ("labels", "label_names")
    folder = root / reader.base_folder
    batches = [
        (name, [seed] * (2 if fine else 1)) for seed, (name, _) in enumerate(reader.train_list)
    ]
    for name, labels in [*batches, (reader.test_list[0][0], [7])]:
        rows = pictures(len(labels), (3072,), labels[0])
        content = {"data": rows, key: labels}
        if fine:
            content["coarse_labels"] = [19] * len(labels)
        write(folder, {name: pickle.dumps(content)})
    classes = [f"{'fine' if fine else 'class'} {number}" for number in range(10)]
    write(folder, {reader.meta["filename"]: pickle.dumps({named: classes})})
    for attribute in ("train_list", "test_list"):
        found = [[name, md5(folder / name)] for name, _ in getattr(reader, attribute)]
        patch(reader, attribute, found)
    patch(reader, "meta", {**reader.meta, "md5": md5(folder / reader.meta["filename"])})


def svhn(root: Path, patch: Callable[..., None]) -> None:
    """Two training images of the digits 1 and 0, which the files call 10, and a test image."""
    root.mkdir(parents=True, exist_ok=True)
    lists = {}
    for split, (address, name, _) in readers.SVHN.split_list.items():
        labels = {"train": [1, 10], "test": [5], "extra": [1]}[split]
        images = pictures(len(labels), (32, 32, 3), len(labels)).transpose(1, 2, 3, 0)
        savemat(root / name, {"X": images, "y": np.array(labels)[:, None]})
        lists[split] = [address, name, md5(root / name)]
    patch(readers.SVHN, "split_list", lists)


def stl10(root: Path, patch: Callable[..., None]) -> None:
    """Three training, two unlabelled and one test image; class 1 of the files is the first."""
    folder = root / "stl10_binary"
    images = {"train": (3, 0), "unlabeled": (2, 1), "test": (1, 2)}
    for name, (count, seed) in images.items():
        columns = pictures(count, (96, 96, 3), seed).transpose(0, 3, 2, 1)
        write(folder, {f"{name}_X.bin": columns.tobytes()})
    write(folder, {"train_y.bin": bytes([1, 3, 2]), "test_y.bin": bytes([2])})
    write(folder, {"class_names.txt": "airplane\nbird\ncar\n"})
    for attribute in ("train_list", "test_list"):
        found = getattr(readers.STL10, attribute)
        patch(readers.STL10, attribute, [[name, md5(folder / name)] for name, _ in found])


def flowers(root: Path, patch: Callable[..., None]) -> None:
    """Six images of classes 1, 2, 1, 102, 3 and 2: two train, two val, two test."""
    folder = root / "flowers-102"
    write(folder / "jpg", {f"image_{number:05d}.jpg": jpeg(number) for number in range(1, 7)})
    savemat(folder / "imagelabels.mat", {"labels": np.array([[1, 2, 1, 102, 3, 2]])})
    ids = {"trnid": [5, 1], "valid": [2, 6], "tstid": [4, 3]}
    savemat(folder / "setid.mat", {key: np.array([value]) for key, value in ids.items()})
    known = readers.Flowers102._file_dict
    checked = {key: (known[key][0], md5(folder / known[key][0])) for key in ("label", "setid")}
    patch(readers.Flowers102, "_file_dict", {**known, **checked})


def pets(root: Path) -> None:
    """A cat and a dog to train on, and one each to test."""
    folder = root / "oxford-iiit-pet"
    names = {"trainval": ("Abyssinian_2", "beagle_10"), "test": ("Abyssinian_1", "beagle_3")}
    for split, (cat, dog) in names.items():
        write(folder, {f"annotations/{split}.txt": f"{cat} 1 1 1\n{dog} 2 2 1\n"})
        write(folder / "images", {f"{cat}.jpg": jpeg(1), f"{dog}.jpg": jpeg(2)})


def dtd(root: Path) -> None:
    """A texture in each split of the first partition, of two classes."""
    folder = root / "dtd" / "dtd"
    for split, name in {
        "train": "dotted/dotted_0001.jpg",
        "val": "banded/banded_0002.jpg",
        "test": "dotted/dotted_0003.jpg",
    }.items():
        write(folder, {f"labels/{split}1.txt": f"{name}\n", f"images/{name}": jpeg(3)})


def food(root: Path, lists: dict[str, dict[str, list[str]]] | None = None) -> None:
    """Two dishes, of which one is tested."""
    folder = root / "food-101"
    lists = lists or {
        "train": {"apple_pie": ["apple_pie/1"], "waffles": ["waffles/7", "waffles/8"]},
        "test": {"apple_pie": ["apple_pie/2"], "waffles": ["waffles/9"]},
    }
    for split, found in lists.items():
        write(folder, {f"meta/{split}.json": json.dumps(found)})
        names = [name for each in found.values() for name in each if not name.startswith(".")]
        write(folder / "images", {f"{name}.jpg": jpeg(4) for name in names})


def aircraft(root: Path) -> None:
    """An image in each split, of two variants whose names have spaces."""
    folder = root / "fgvc-aircraft-2013b" / "data"
    write(folder, {"variants.txt": "707-320\nCessna 525\n"})
    for split, name, variant in (
        ("train", "0034309", "Cessna 525"),
        ("val", "0481847", "707-320"),
        ("test", "1514522", "Cessna 525"),
    ):
        write(folder, {f"images_variant_{split}.txt": f"{name} {variant}\n"})
        write(folder / "images", {f"{name}.jpg": jpeg(5)})


def cars(root: Path) -> None:
    """Two cars to train on and two to test."""
    folder = root / "stanford_cars"
    kind = [("fname", object), ("class", object)]
    (folder / "devkit").mkdir(parents=True)
    for split, file, classes in (
        ("train", "devkit/cars_train_annos.mat", (2, 1)),
        ("test", "cars_test_annos_withlabels.mat", (1, 2)),
    ):
        rows = [(f"0000{number}.jpg", label) for number, label in enumerate(classes, 1)]
        savemat(folder / file, {"annotations": np.array(rows, dtype=kind)})
        write(folder / f"cars_{split}", {name: jpeg(label) for name, label in rows})
    names = np.array(["AM General Hummer SUV 2000", "Acura RL Sedan 2012"], dtype=object)
    savemat(folder / "devkit/cars_meta.mat", {"class_names": names})
