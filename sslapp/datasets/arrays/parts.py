"""Image sets that are arrays: the common source, and the .npz layouts of MedMNIST and of Keras.

MedMNIST's (Yang et al., "MedMNIST v2", Scientific Data 10, 2023): `train_images`, `val_images` and
`test_images` of (n, H, W) or (n, H, W, 3) uint8, with `..._labels` of (n,) or (n, 1) integers.
Keras' calls the same `x_train` and `y_train`, `x_val` and `y_val`, `x_test` and `y_test`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sslapp.datasets.arrays.npz import BadArrays, NpzFile
from sslapp.datasets.source import Item, Refusal, Share
from sslapp.imaging.deep import tiff_bytes
from sslapp.vocabulary import Split

_SPLITS = {"train": Split.POOL, "val": Split.POOL, "test": Split.TEST}
_LAYOUTS = (("{}_images", "{}_labels"), ("x_{}", "y_{}"))
"""Names of a split's images and of its labels, MedMNIST's and Keras'."""

_MOST_CLASSES = 10_000
Blocks = Callable[[int], Iterator[NDArray[Any]]]

DEEP = ("uint16", "int16", "uint32", "int32", "float16", "float32", "float64")
"""Types of arrays with more than 8 bits a sample that are read."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One split of an array set.

    Attributes:
        name: first half of its rows' names, as in "train/00017".
        split: pool or test.
        count: n.
        labels: (n,) int64, -1 for none; or None.
        blocks: maps a start row to an iterator over (b, H, W) or (b, H, W, 3) blocks, of uint8 or
            one of DEEP.
    """

    name: str
    split: Split
    count: int
    labels: NDArray[np.int64] | None
    blocks: Blocks


class ArraySource:
    """An image source over parts, in their order."""

    def __init__(self, name: str, class_names: list[str] | None, parts: Sequence[Part]) -> None:
        self.name = name
        self.class_names = class_names
        self.refused: list[Refusal] = []
        self._parts = list(parts)

    def __len__(self) -> int:
        return sum(part.count for part in self._parts)

    def items(self, start: int = 0) -> Iterator[Item | Refusal]:
        """Yield the rows from index `start` on."""
        for part in self._parts:
            if start < part.count:
                yield from _rows(part, start)
            start = max(0, start - part.count)

    def shares(self) -> list[Share]:
        """See `source.CountedSource`."""
        found: Counter[tuple[Split, str | None]] = Counter()
        for part in self._parts:
            labels = np.full(part.count, -1) if part.labels is None else part.labels
            for number, count in zip(*np.unique(labels, return_counts=True), strict=True):
                class_name = (self.class_names or [])[number] if number >= 0 else None
                found[part.split, class_name] += int(count)
        return [
            Share(split=split, class_name=class_name, count=count)
            for (split, class_name), count in found.items()
        ]


def in_memory(images: NDArray[Any]) -> Blocks:
    """The blocks of an array that is in memory: (n, H, W) or (n, H, W, 3)."""
    return lambda start: iter([images[start:]])


def npz_source(path: Path, name: str | None = None, class_names: Sequence[str] = ()) -> ArraySource:
    """Open an .npz file as a stream; nothing but its labels is kept in memory.

    `val` goes to the pool. The optional key `class_names`, (C,) text, names the classes. A label of
    -1 is an unknown one.

    Args:
        path: the file.
        name: how the source is called; the file's name by default.
        class_names: where the file names none and its labels go with them; else "0", "1", ...

    Raises:
        BadArrays: (a ValueError) naming the file, the key and the mend.
    """
    file = NpzFile(path)
    for images, labels in _LAYOUTS:
        splits = [split for split in _SPLITS if images.format(split) in file.keys]
        parts = [
            _npz_part(file, split, images.format(split), labels.format(split)) for split in splits
        ]
        if parts:
            return ArraySource(name or path.stem, _class_names(file, parts, class_names), parts)
    raise BadArrays(
        f"{path}: it holds {', '.join(sorted(file.keys)) or 'nothing'}, but none of "
        "train_images, val_images, test_images, x_train, x_val, x_test. Rename its arrays to the "
        "MedMNIST layout."
    )


def first_shape(path: Path) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Shape and dtype of the first array of images of an .npz file that `npz_source` reads."""
    file = NpzFile(path)
    names = (images.format(split) for images, _ in _LAYOUTS for split in _SPLITS)
    return file.shape(next(name for name in names if name in file.keys))


def _rows(part: Part, start: int) -> Iterator[Item]:
    row = start
    for block in part.blocks(start):
        for array in block:
            label = -1 if part.labels is None else int(part.labels[row])
            yield Item(
                name=f"{part.name}/{row:05d}",
                split=part.split,
                true_class=label if label >= 0 else None,
                array=array if array.dtype == np.uint8 else None,
                content=None if array.dtype == np.uint8 else tiff_bytes(array),
            )
            row += 1


def _npz_part(file: NpzFile, split: str, key: str, labels: str) -> Part:
    shape, dtype = file.shape(key)
    picture = len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3))
    if dtype.name not in ("uint8", *DEEP) or not picture or 0 in shape[1:]:
        raise BadArrays(
            f"{file.path}: {key} is {shape} {dtype}; images must be (n, H, W) or (n, H, W, 3), "
            f"uint8 or one of {', '.join(DEEP)}."
        )
    return Part(
        name=split,
        split=_SPLITS[split],
        count=shape[0],
        labels=_npz_labels(file, labels, shape[0]),
        blocks=partial(file.stream, key),
    )


def _npz_labels(file: NpzFile, key: str, count: int) -> NDArray[np.int64] | None:
    if key not in file.keys:
        return None
    shape, dtype = file.shape(key)
    if shape not in ((count,), (count, 1)):
        raise BadArrays(
            f"{file.path}: {key} is {shape}, but there are {count} images. It must be ({count},) "
            f"or ({count}, 1), one class an image; several labels an image are not supported."
        )
    if dtype.kind not in "iu":
        raise BadArrays(f"{file.path}: {key} is {dtype}; class numbers must be integers.")
    labels = file.load(key, count * 8).reshape(count).astype(np.int64)
    if count and (labels.min() < -1 or labels.max() >= _MOST_CLASSES):
        raise BadArrays(
            f"{file.path}: {key} has values {labels.min()}..{labels.max()}; class numbers are "
            f"0..{_MOST_CLASSES - 1}, -1 for unknown."
        )
    return labels


def _class_names(file: NpzFile, parts: Sequence[Part], known: Sequence[str]) -> list[str] | None:
    highest = max(
        (int(p.labels.max()) for p in parts if p.labels is not None and p.count), default=-1
    )
    if "class_names" not in file.keys and 0 <= highest < len(known):
        return [*known]
    if "class_names" not in file.keys:
        return [str(number) for number in range(highest + 1)] or None
    shape, dtype = file.shape("class_names")
    if dtype.kind != "U" or len(shape) != 1:
        raise BadArrays(
            f"{file.path}: class_names is {shape} {dtype}; it must be one row of text, as made by "
            'numpy.array(["cat", "dog"]).'
        )
    names = [str(name) for name in file.load("class_names", 4 * 200 * _MOST_CLASSES)]
    if len(set(names)) != len(names) or "" in names:
        raise BadArrays(f"{file.path}: class_names has an empty name or one twice: {names}.")
    if highest >= len(names):
        raise BadArrays(
            f"{file.path}: a label is {highest}, but class_names has only {len(names)} names."
        )
    return names
