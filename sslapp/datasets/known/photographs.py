"""Sets of large photographs by name: listed by torchvision's readers, read file by file.

The official test images are test, all others pool. Nothing is decoded here: what comes into a
project are the files as they are.
"""

import os
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sslapp.datasets.known.card import Announced, KnownSet, Outline, check_inside, reading
from sslapp.datasets.pictures.folder import read_file
from sslapp.datasets.source import Item, Refusal, Share
from sslapp.vocabulary import Split


@dataclass(frozen=True, kw_only=True)
class PhotographReader:
    """One of torchvision's readers that list files.

    Attributes:
        reader: its class.
        pool, test: names of its splits.
        files: the files of one that was made, each with its class's number.
    """

    reader: str
    pool: tuple[str, ...] = ("train",)
    test: str = "test"
    files: Callable[[Any], Iterable[tuple[Path | str, int]]]

    def made(self, root: Path, split: str, *, download: bool = False) -> Any:
        """The reader of one split; it reads lists and no picture."""
        # torchvision brings torch, which only an import of these sets may load
        from torchvision import datasets

        return getattr(datasets, self.reader)(str(root), split=split, download=download)

    def download(self, folder: Path) -> None:
        """Fetch the set into a folder, by torchvision's own addresses and md5 sums."""
        self.made(folder, self.test, download=True)


@dataclass(frozen=True, slots=True)
class _Photograph:
    name: str
    path: Path
    split: Split
    true_class: int


class PhotographSource:
    """An image source over the files of a known set, in the order of its lists."""

    def __init__(self, name: str, class_names: list[str], files: list[_Photograph]) -> None:
        self.name = name
        self.class_names: list[str] | None = class_names
        self._names = class_names
        self.refused: list[Refusal] = []
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def items(self, start: int = 0) -> Iterator[Item | Refusal]:
        """Yield the files from index `start` on; one that cannot be read is a refusal."""
        for file in self._files[start:]:
            try:
                content = read_file(file.path)
            except (OSError, ValueError) as error:
                yield Refusal(file.name, f"it cannot be read ({error})")
                continue
            yield Item(
                name=file.name, split=file.split, true_class=file.true_class, content=content
            )

    def paths(self) -> list[Path]:
        """Of its files, in their order."""
        return [file.path for file in self._files]

    def shares(self) -> list[Share]:
        """See `source.CountedSource`."""
        found = Counter((file.split, self._names[file.true_class]) for file in self._files)
        return [
            Share(split=split, class_name=class_name, count=count)
            for (split, class_name), count in found.items()
        ]


def photograph_source(reader: PhotographReader, known: KnownSet, root: Path) -> PhotographSource:
    """Open one of these sets in a data folder.

    Raises:
        ValueError: when lists or pictures are missing, naming the folder and the mend.
    """
    base = root / known.layout
    names: dict[str, int] = {}
    files: dict[str, _Photograph] = {}
    with reading(known, root):
        check_inside(base)
        for value in (*reader.pool, reader.test):
            made = reader.made(root, value)
            split = Split.TEST if value == reader.test else Split.POOL
            of_set = [names.setdefault(str(each), len(names)) for each in made.classes]
            for path, label in reader.files(made):
                name = Path(path).relative_to(base).as_posix()
                if name in files:
                    raise ValueError(f"{name} is listed twice")
                files[name] = _Photograph(name, Path(path), split, of_set[label])
        _check_there(base, files.values())
    return PhotographSource(known.name, [*names], [*files.values()])


def photograph_sketch(reader: PhotographReader, known: KnownSet, root: Path) -> Outline:
    """What one of these sets holds, by its lists; sizes are for its files to say.

    Raises:
        ValueError: as `photograph_source`.
    """
    source = photograph_source(reader, known, root)
    return Outline(shares=source.shares(), pixels=None, kind="", files=source.paths())


def _check_there(base: Path, files: Collection[_Photograph]) -> None:
    """Refuse a set of which pictures are missing, or lie elsewhere."""
    top = base.resolve()
    folders: dict[Path, bool] = {}
    missing = []
    for file in files:
        folder = file.path.parent
        if folder not in folders:
            folders[folder] = folder.resolve().is_relative_to(top)
        if not folders[folder]:
            raise ValueError(f"{file.name} lies outside of the folder")
        if not _is_file(file.path):
            missing.append(file.name)
    if missing:
        raise ValueError(
            f"{len(missing):,} of {len(files):,} pictures are missing, the first is {missing[0]}"
        )


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _listed(reader: Any) -> Iterable[tuple[Path | str, int]]:
    return zip(reader._image_files, reader._labels, strict=True)


def _of_pets(reader: Any) -> Iterable[tuple[Path | str, int]]:
    return zip(reader._images, reader._labels, strict=True)


def _of_cars(reader: Any) -> Iterable[tuple[Path | str, int]]:
    return ((path, int(label)) for path, label in reader._samples)


def _known(
    reader: PhotographReader,
    pool: int,
    test: int,
    classes: int,
    *,
    offered: bool = True,
    **card: Any,
) -> KnownSet:
    folder = card["layout"].partition("/")[0]
    return KnownSet(
        **card,
        by_hand=f"the folder {folder} as torchvision keeps it",
        announced=Announced(pool=pool, test=test, classes=classes, pixels=None, colour=True),
        read=partial(photograph_source, reader),
        sketch=partial(photograph_sketch, reader),
        download=reader.download if offered else None,
    )


PHOTOGRAPHS = (
    _known(
        PhotographReader(reader="Flowers102", pool=("train", "val"), files=_listed),
        *(2_040, 6_149, 102),
        name="flowers102",
        title="Oxford 102 Flowers",
        about="8,189 colour photographs of 500 pixels and more, 102 classes.",
        layout="flowers-102",
        megabytes=345,
    ),
    _known(
        PhotographReader(reader="OxfordIIITPet", pool=("trainval",), files=_of_pets),
        *(3_680, 3_669, 37),
        name="pets",
        title="Oxford-IIIT Pets",
        about="7,349 colour photographs of cats and dogs, some hundred pixels wide, 37 breeds.",
        licence="CC BY-SA 4.0",
        layout="oxford-iiit-pet",
        megabytes=811,
    ),
    _known(
        PhotographReader(reader="DTD", pool=("train", "val"), files=_listed),
        *(3_760, 1_880, 47),
        name="dtd",
        title="Describable Textures (DTD)",
        about="5,640 colour photographs of 300 to 640 pixels, 47 classes; partition 1.",
        licence="for research purposes",
        layout="dtd/dtd",
        megabytes=625,
    ),
    _known(
        PhotographReader(reader="Food101", files=_listed),
        *(75_750, 25_250, 101),
        name="food101",
        title="Food-101",
        about="101,000 colour photographs of up to 512 pixels, 101 dishes; some labels of the "
        "training images are wrong.",
        layout="food-101",
        megabytes=4996,
    ),
    _known(
        PhotographReader(reader="FGVCAircraft", pool=("train", "val"), files=_listed),
        *(6_667, 3_333, 100),
        name="aircraft",
        title="FGVC-Aircraft",
        about="10,000 colour photographs of about 1,000 pixels, 100 variants.",
        licence="for non-commercial research",
        layout="fgvc-aircraft-2013b",
        megabytes=2753,
    ),
    _known(
        PhotographReader(reader="StanfordCars", files=_of_cars),
        *(8_144, 8_041, 196),
        name="cars",
        title="Stanford Cars",
        about="16,185 colour photographs of some hundred pixels and more, 196 models.",
        layout="stanford_cars",
        offered=False,
    ),
)
"""In the order in which a page offers them."""
