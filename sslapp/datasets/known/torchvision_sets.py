"""MNIST, Fashion-MNIST and CIFAR-10 by name, read by torchvision's own readers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sslapp.datasets.arrays.parts import ArraySource, Part, in_memory, npz_source
from sslapp.vocabulary import Split


@dataclass(frozen=True)
class _Named:
    reader: str
    layout: str
    class_names: Callable[[Any], list[str]]


SETS = {
    "mnist": _Named("MNIST", "MNIST/raw", lambda reader: [str(digit) for digit in range(10)]),
    "fashion-mnist": _Named("FashionMNIST", "FashionMNIST/raw", lambda reader: reader.classes),
    "cifar10": _Named("CIFAR10", "cifar-10-batches-py", lambda reader: reader.classes),
}
"""The sets by their names here, with torchvision's class and the folder it looks for."""


def torchvision_source(name: str, root: Path, *, download: bool = False) -> ArraySource:
    """Open a named set; its training images are pool, its test images test.

    The folder is searched for torchvision's layout first and then for <name>.npz in the MedMNIST
    layout; nothing is fetched unless `download` is true.

    Args:
        name: a key of SETS.
        root: the data folder.
        download: fetch the files into `root` when they are not there.

    Raises:
        ValueError: when the files are missing, incomplete or damaged, naming the folder and the
            mend.
    """
    there = (root / SETS[name].layout).is_dir()
    if not there and (root / f"{name}.npz").is_file():
        return npz_source(root / f"{name}.npz", name)
    if not there and not download:
        raise ValueError(
            f"{name}: neither the folder {root / SETS[name].layout} nor the file "
            f"{root / name}.npz is there. Put the files there or allow the download."
        )
    return _read(name, root, download)


def _read(name: str, root: Path, download: bool) -> ArraySource:
    # torchvision brings torch, which only an import of these sets may load
    from torchvision import datasets

    known = SETS[name]
    parts = []
    for split, train in ((Split.POOL, True), (Split.TEST, False)):
        try:
            reader = getattr(datasets, known.reader)(str(root), train=train, download=download)
        except (RuntimeError, OSError, ValueError, EOFError) as error:
            raise ValueError(
                f"{name}: the files in {root / known.layout} are incomplete or damaged ({error}). "
                "Delete that folder and allow the download, or put the complete files there."
            ) from error
        # MNIST keeps a tensor, CIFAR-10 an array; both become (n, H, W[, 3]) uint8
        images = np.asarray(reader.data, dtype=np.uint8)
        parts.append(
            Part(
                name="train" if train else "test",
                split=split,
                count=len(images),
                labels=np.asarray(reader.targets, dtype=np.int64),
                blocks=in_memory(images),
            )
        )
    return ArraySource(name, known.class_names(reader), parts)
