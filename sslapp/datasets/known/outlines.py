"""What sets with a name hold, by the headers of their files and their labels; no image is read.

The readers of these sets keep all of their pixels in memory, and bring torch.
"""

import pickletools
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sslapp.datasets.arrays.parts import first_shape, npz_source
from sslapp.datasets.known.card import KnownSet, Outline, check_inside, reading
from sslapp.datasets.source import Share
from sslapp.vocabulary import Split

Sketch = Callable[[KnownSet, Path], Outline]

_MAGIC = {1: 0x801, 3: 0x803}
"""First number of an idx file of bytes with so many dimensions."""

_STL10_SIDE = 96
_LONGEST_META = 2**20
_LIST_ENDS = ("APPENDS", "SETITEM", "SETITEMS")
"""What may follow the last string of a list in a pickle, by its protocol."""


def idx_sketch(files: Sequence[str], names: Sequence[str], *, first: int = 0) -> Sketch:
    """Of idx files: n images in a header of 16 bytes, and a byte for each label.

    Args:
        files: of the training and the test images, with {} for what they hold.
        names: of the classes.
        first: the number of the first class.
    """

    def sketch(known: KnownSet, root: Path) -> Outline:
        shares: list[Share] = []
        folder = root / known.layout
        with reading(known, root):
            check_inside(folder)
            for split, file in zip((Split.POOL, Split.TEST), files, strict=True):
                images = folder / file.format("images-idx3")
                count, height, width = _idx_shape(images, 3)
                if images.stat().st_size != 16 + count * height * width:
                    raise ValueError(f"{images.name} is cut off")
                told = folder / file.format("labels-idx1")
                (number,) = _idx_shape(told, 1)
                labels = np.fromfile(told, np.uint8, offset=8).astype(np.int64) - first
                if not count == number == len(labels):
                    raise ValueError(f"{count:,} images but {len(labels):,} labels")
                shares += _shares(split, labels, names)
        return Outline(shares=shares, pixels=(width, height), kind=known.announced.kind)

    return sketch


def cifar_sketch(files: Sequence[str], meta: str, key: str) -> Sketch:
    """Of CIFAR: names of the classes out of its smallest file, counts by its authors' account.

    The file is a pickle, of which strings are read and nothing is run.

    Args:
        files: that must be there.
        meta, key: the smallest one, and what stands before the names in it.
    """

    def sketch(known: KnownSet, root: Path) -> Outline:
        folder, told = root / known.layout, known.announced
        with reading(known, root):
            check_inside(folder)
            for file in (*files, meta):
                if not (folder / file).is_file():
                    raise ValueError(f"{file} is missing")
            names = _strings_after(key, (folder / meta).read_bytes()[:_LONGEST_META])
            if len(names) != told.classes:
                raise ValueError(f"{meta} has {len(names):,} names of {told.classes} classes")
        shares = [
            Share(split=split, class_name=name, count=number // told.classes)
            for split, number in ((Split.POOL, told.pool), (Split.TEST, told.test))
            for name in names
        ]
        return Outline(shares=shares, pixels=told.pixels, kind=told.kind)

    return sketch


def svhn_sketch(known: KnownSet, root: Path) -> Outline:
    """Of SVHN: of its two files of MATLAB the labels are read, where 10 stands for a zero."""
    shares: list[Share] = []
    with reading(known, root):
        from scipy.io import loadmat, whosmat

        for split, file in ((Split.POOL, "train"), (Split.TEST, "test")):
            path = root / f"{file}_32x32.mat"
            shapes = {name: shape for name, shape, _ in whosmat(path)}
            labels = loadmat(path, variable_names=["y"])["y"].reshape(-1).astype(np.int64) % 10
            height, width, _, count = shapes["X"]
            if len(labels) != count:
                raise ValueError(f"{count:,} images but {len(labels):,} labels")
            shares += _shares(split, labels, [str(digit) for digit in range(10)])
    return Outline(shares=shares, pixels=(width, height), kind=known.announced.kind)


def stl10_sketch(known: KnownSet, root: Path) -> Outline:
    """Of STL-10: its labels are read, and the lengths of its files say the rest."""
    folder = root / known.layout
    row = 3 * _STL10_SIDE**2
    shares: list[Share] = []
    with reading(known, root):
        check_inside(folder)
        names = (folder / "class_names.txt").read_text(encoding="utf-8").split()
        for split, file in ((Split.POOL, "train"), (Split.TEST, "test")):
            labels = np.fromfile(folder / f"{file}_y.bin", np.uint8).astype(np.int64) - 1
            count = (folder / f"{file}_X.bin").stat().st_size // row
            if len(labels) != count:
                raise ValueError(f"{count:,} images but {len(labels):,} labels")
            shares += _shares(split, labels, names)
        without = (folder / "unlabeled_X.bin").stat().st_size // row
    shares.append(Share(split=Split.POOL, class_name=None, count=without))
    side = (_STL10_SIDE, _STL10_SIDE)
    return Outline(shares=shares, pixels=side, kind=known.announced.kind)


def npz_outline(path: Path, name: str, class_names: Sequence[str] = ()) -> Outline:
    """Of an .npz file: its headers and its labels.

    Raises:
        BadArrays: (a ValueError) as `arrays.parts.npz_source`.
    """
    shares = npz_source(path, name, class_names).shares()
    shape, dtype = first_shape(path)
    grey = len(shape) == 3 or shape[3] == 1
    kind = f"{'grey' if grey else 'colour'}, {dtype.itemsize * 8} bits"
    return Outline(shares=shares, pixels=(shape[2], shape[1]), kind=kind)


def _idx_shape(path: Path, dimensions: int) -> tuple[int, ...]:
    with path.open("rb") as file:
        header = np.frombuffer(file.read(4 + 4 * dimensions), ">u4")
    if len(header) != 1 + dimensions or header[0] != _MAGIC[dimensions]:
        raise ValueError(f"{path.name} is no idx file of {dimensions} dimensions")
    return tuple(header[1:].tolist())


def _shares(split: Split, labels: NDArray[np.int64], names: Sequence[str]) -> list[Share]:
    counts = Counter(labels.tolist())
    if counts and not 0 <= min(counts) <= max(counts) < len(names):
        raise ValueError(f"labels {min(counts)} to {max(counts)}, but {len(names)} classes")
    return [
        Share(split=split, class_name=names[number], count=counts[number])
        for number in sorted(counts)
    ]


def _strings_after(key: str, pickled: bytes) -> list[str]:
    """The strings of the list that follows a key in a pickle, which is not run."""
    found: list[str] | None = None
    for code, value, _ in pickletools.genops(pickled):
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if found is None:
            found = [] if text == key else None
        elif code.name in _LIST_ENDS:
            break
        elif isinstance(text, str):
            found.append(text)
    return found or []
