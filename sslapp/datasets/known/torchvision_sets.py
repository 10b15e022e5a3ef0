"""Sets of small images by name, read and fetched by torchvision's own readers.

Their images are pool, but for the official test images. The readers of CIFAR compare the md5 of
each file before they unpickle it; those of the others read plain numbers.
"""

import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sslapp.datasets.arrays.parts import ArraySource, Part, in_memory
from sslapp.datasets.known.card import Announced, KnownSet, check_inside, reading
from sslapp.datasets.known.outlines import (
    cifar_sketch,
    idx_sketch,
    stl10_sketch,
    svhn_sketch,
)
from sslapp.vocabulary import Split

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Images (n, H, W) or (n, H, W, 3) and their classes (n,)."""

TRAIN_AND_TEST: tuple[dict[str, Any], ...] = ({"train": True}, {"train": False})
_STL10_BLOCK = 64


@dataclass(frozen=True, kw_only=True)
class ArrayReader:
    """One of torchvision's readers that hold a set in memory.

    Attributes:
        reader: its class.
        options: what it is made with for the training and for the test images.
        arrays: the images and classes of one that was made.
        class_names: of one that was made.
    """

    reader: str
    options: tuple[dict[str, Any], ...] = TRAIN_AND_TEST
    arrays: Callable[[Any], Arrays]
    class_names: Callable[[Any], list[str]]

    def made(self, root: Path, options: dict[str, Any], *, download: bool = False) -> Any:
        """The reader of one split."""
        # torchvision brings torch, which only an import of these sets may load
        from torchvision import datasets

        return getattr(datasets, self.reader)(str(root), **options, download=download)

    def download(self, folder: Path) -> None:
        """Fetch every split into a folder, by torchvision's own addresses and md5 sums."""
        for options in self.options:
            self.made(folder, options, download=True)


def array_source(reader: ArrayReader, known: KnownSet, root: Path) -> ArraySource:
    """Open one of these sets in a data folder.

    Raises:
        ValueError: when files are missing, incomplete or damaged, naming the folder and the mend.
    """
    parts = []
    with reading(known, root):
        check_inside(root / known.layout)
        for split, options in zip((Split.POOL, Split.TEST), reader.options, strict=True):
            made = reader.made(root, options)
            images, labels = reader.arrays(made)
            names = reader.class_names(made)
            _check_labels(labels, len(images), len(names))
            part = "train" if split is Split.POOL else "test"
            blocks = in_memory(images)
            parts.append(
                Part(name=part, split=split, count=len(images), labels=labels, blocks=blocks)
            )
    return ArraySource(known.name, names, parts)


def stl10_source(known: KnownSet, root: Path) -> ArraySource:
    """STL-10: 5,000 training, 100,000 unlabelled and 8,000 test images of 96 x 96 pixels.

    torchvision's reader would hold all of it in memory; its files are rows of bytes, and are mapped
    once their md5 is torchvision's.

    Raises:
        ValueError: as `array_source`.
    """
    with reading(known, root):
        from torchvision.datasets import STL10
        from torchvision.datasets.utils import check_integrity

        folder = root / STL10.base_folder
        check_inside(folder)
        for file, md5 in (*STL10.train_list, *STL10.test_list):
            if not check_integrity(folder / file, md5):
                raise ValueError(f"{file} is missing or has another md5")
        names = (folder / STL10.class_names_file).read_text(encoding="utf-8").split()
        train, labels, unlabelled = (folder / file for file, _ in STL10.train_list)
        test, test_labels = (folder / file for file, _ in STL10.test_list)
        parts = [
            _stl10_part("train", train, labels, len(names)),
            _stl10_part("unlabelled", unlabelled, None, len(names)),
            _stl10_part("test", test, test_labels, len(names)),
        ]
    return ArraySource(known.name, names, parts)


def _check_labels(labels: NDArray[np.int64], images: int, classes: int) -> None:
    if len(labels) != images:
        raise ValueError(f"{images:,} images but {len(labels):,} labels")
    if images and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(f"labels {labels.min()} to {labels.max()}, but {classes} classes")


def _stl10_part(name: str, images: Path, labels: Path | None, classes: int) -> Part:
    # as torchvision's reader has it: 3 channels of 96 columns of 96 pixels, classes from 1 on
    rows = np.memmap(images, np.uint8, mode="r").reshape(-1, 3, 96, 96)
    found = None
    if labels is not None:
        found = np.fromfile(labels, np.uint8).astype(np.int64) - 1
        _check_labels(found, len(rows), classes)

    def blocks(start: int) -> Iterator[NDArray[Any]]:
        for first in range(start, len(rows), _STL10_BLOCK):
            block = rows[first : first + _STL10_BLOCK]
            yield np.ascontiguousarray(block.transpose(0, 3, 2, 1))

    split = Split.TEST if name == "test" else Split.POOL
    return Part(name=name, split=split, count=len(rows), labels=found, blocks=blocks)


def _of_mnist(reader: Any) -> Arrays:
    return _numbers(reader.data), np.asarray(reader.targets, dtype=np.int64)


def _of_emnist(reader: Any) -> Arrays:
    # its files hold each image with rows and columns exchanged; its letters are counted from 1
    first = int(reader.split == "letters")
    upright = np.ascontiguousarray(_numbers(reader.data).transpose(0, 2, 1))
    return upright, np.asarray(reader.targets, dtype=np.int64) - first


def _of_svhn(reader: Any) -> Arrays:
    images = np.ascontiguousarray(_numbers(reader.data).transpose(0, 2, 3, 1))
    return images, np.asarray(reader.labels, dtype=np.int64).reshape(-1)


def _numbers(images: Any) -> NDArray[np.uint8]:
    return np.asarray(images, dtype=np.uint8)


def _digits(reader: Any) -> list[str]:
    return [str(digit) for digit in range(10)]


def _named(reader: Any) -> list[str]:
    return [str(each) for each in reader.classes]


def _letters(reader: Any) -> list[str]:
    return [each for each in _named(reader) if each != "N/A"]


_DIGITS = tuple(string.digits)
_CLOTHES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
_KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
_ALIKE = frozenset("cijklmopsuvwxyz")
"""Small letters that some splits of EMNIST do not tell from the capital ones."""

_CHARACTERS = (*_DIGITS, *string.ascii_uppercase, *string.ascii_lowercase)
_MERGED = tuple(each for each in _CHARACTERS if each not in _ALIKE)
_MNIST_FILES = ("train-{}-ubyte", "t10k-{}-ubyte")
_CIFAR10_FILES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")


def _held(pool: int, test: int, classes: int, side: int, *, colour: bool = False) -> Announced:
    return Announced(pool=pool, test=test, classes=classes, pixels=(side, side), colour=colour)


def _known(reader: ArrayReader, **card: Any) -> KnownSet:
    folder = card.get("home") or card["layout"].partition("/")[0]
    return KnownSet(
        **card,
        by_hand=f"the folder {folder} as torchvision keeps it",
        read=partial(array_source, reader),
        download=reader.download,
    )


def _emnist(
    split: str, what: str, pool: int, test: int, *, names: Sequence[str] = _MERGED
) -> KnownSet:
    both = tuple({"split": split, **options} for options in TRAIN_AND_TEST)
    files = (f"emnist-{split}-train-{{}}-ubyte", f"emnist-{split}-test-{{}}-ubyte")
    return _known(
        ArrayReader(reader="EMNIST", options=both, arrays=_of_emnist, class_names=_letters),
        name="emnist" if split == "balanced" else f"emnist-{split}",
        title=f"EMNIST {split}",
        about=f"{what}, handwritten, grey, 28 x 28 pixels.",
        layout="EMNIST/raw",
        megabytes=562,
        announced=_held(pool, test, len(names), 28),
        sketch=idx_sketch(files, names, first=int(split == "letters")),
    )


def _download_stl10(folder: Path) -> None:
    from torchvision.datasets import STL10

    # the test images, for the reader of the others would read 2.6 GB to have them in memory
    STL10(str(folder), split="test", download=True)


SETS = (
    _known(
        ArrayReader(reader="MNIST", arrays=_of_mnist, class_names=_digits),
        name="mnist",
        title="MNIST",
        about="70,000 handwritten digits, grey, 28 x 28 pixels, 10 classes.",
        layout="MNIST/raw",
        megabytes=12,
        announced=_held(60_000, 10_000, 10, 28),
        sketch=idx_sketch(_MNIST_FILES, _DIGITS),
    ),
    _known(
        ArrayReader(reader="FashionMNIST", arrays=_of_mnist, class_names=_named),
        name="fashion-mnist",
        title="Fashion-MNIST",
        about="70,000 articles of clothing, grey, 28 x 28 pixels, 10 classes.",
        licence="MIT",
        layout="FashionMNIST/raw",
        megabytes=31,
        announced=_held(60_000, 10_000, 10, 28),
        sketch=idx_sketch(_MNIST_FILES, _CLOTHES),
    ),
    _known(
        ArrayReader(reader="KMNIST", arrays=_of_mnist, class_names=_named),
        name="kmnist",
        title="KMNIST",
        about="70,000 handwritten Japanese characters, grey, 28 x 28 pixels, 10 classes.",
        licence="CC BY-SA 4.0",
        layout="KMNIST/raw",
        megabytes=21,
        announced=_held(60_000, 10_000, 10, 28),
        sketch=idx_sketch(_MNIST_FILES, _KANA),
    ),
    _emnist(
        "balanced",
        "131,600 digits and letters of 47 classes, equally many of each",
        112_800,
        18_800,
    ),
    _emnist(
        *("letters", "145,600 letters of 26 classes, capital and small ones together"),
        *(124_800, 20_800),
        names=tuple(string.ascii_lowercase),
    ),
    _emnist("digits", "280,000 digits of 10 classes", 240_000, 40_000, names=_DIGITS),
    _emnist("bymerge", "814,255 digits and letters of 47 classes", 697_932, 116_323),
    _emnist(
        *("byclass", "814,255 digits, capital and small letters of 62 classes"),
        *(697_932, 116_323),
        names=_CHARACTERS,
    ),
    _known(
        ArrayReader(reader="CIFAR10", arrays=_of_mnist, class_names=_named),
        name="cifar10",
        title="CIFAR-10",
        about="60,000 colour photographs, 32 x 32 pixels, 10 classes.",
        layout="cifar-10-batches-py",
        megabytes=170,
        announced=_held(50_000, 10_000, 10, 32, colour=True),
        sketch=cifar_sketch(_CIFAR10_FILES, "batches.meta", "label_names"),
    ),
    _known(
        ArrayReader(reader="CIFAR100", arrays=_of_mnist, class_names=_named),
        name="cifar100",
        title="CIFAR-100",
        about="60,000 colour photographs, 32 x 32 pixels, 100 classes (the fine ones).",
        layout="cifar-100-python",
        megabytes=169,
        announced=_held(50_000, 10_000, 100, 32, colour=True),
        sketch=cifar_sketch(("train", "test"), "meta", "fine_label_names"),
    ),
    _known(
        ArrayReader(
            reader="SVHN",
            options=({"split": "train"}, {"split": "test"}),
            arrays=_of_svhn,
            class_names=_digits,
        ),
        name="svhn",
        title="SVHN",
        about="99,289 house numbers, colour, 32 x 32 pixels, 10 classes; without the 531,131 extra "
        "ones.",
        layout="train_32x32.mat",
        home="svhn",
        megabytes=246,
        announced=_held(73_257, 26_032, 10, 32, colour=True),
        sketch=svhn_sketch,
    ),
    KnownSet(
        name="stl10",
        title="STL-10",
        about="13,000 colour photographs, 96 x 96 pixels, 10 classes, and 100,000 without a class.",
        layout="stl10_binary",
        megabytes=2640,
        by_hand="the folder stl10_binary as torchvision keeps it",
        announced=Announced(
            pool=5_000, test=8_000, unlabelled=100_000, classes=10, pixels=(96, 96), colour=True
        ),
        read=stl10_source,
        sketch=stl10_sketch,
        download=_download_stl10,
    ),
)
"""In the order in which a page offers them."""
