"""What is known of a set with a name before any of it is read."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sslapp.datasets.source import CountedSource, Share

TERMS = "see its authors' terms"
"""Stands for a licence that the authors do not name, or that is not known for certain here."""


@dataclass(frozen=True, kw_only=True)
class Announced:
    """What a set holds by its authors' account.

    Attributes:
        pool, test: images with a class.
        unlabelled: images of the pool without one.
        classes: how many.
        pixels: (width, height) of every image; None where they differ.
        colour: whether it is no grey.
    """

    pool: int
    test: int
    unlabelled: int = 0
    classes: int
    pixels: tuple[int, int] | None
    colour: bool

    @property
    def images(self) -> int:
        """All of them."""
        return self.pool + self.unlabelled + self.test

    @property
    def kind(self) -> str:
        """As a look calls it."""
        return f"{'colour' if self.colour else 'grey'}, 8 bits"


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What a set that is here holds, by its headers, labels and lists; no array of images is read.

    Attributes:
        shares: as its source says them.
        pixels: (width, height) of every image; None where they differ.
        kind: "grey, 8 bits", ...; "" where only their files say it.
        files: of its images, where each has one.
    """

    shares: Sequence[Share]
    pixels: tuple[int, int] | None
    kind: str
    files: Sequence[Path] = ()


@dataclass(frozen=True, kw_only=True)
class KnownSet:
    """A set with a name: its card, and how it is read and fetched.

    Attributes:
        name: by which it is asked for.
        title: as pages call it.
        about: one line: how many images of what and of which size, how many classes.
        licence: as its authors state it.
        layout: path of its folder or file below a data folder; "" when it comes with the program.
        home: folder below a data folder that a download makes for it; "" for none of its own.
        megabytes: of the download; None when that is not known.
        by_hand: what somebody without a network puts into a data folder.
        announced: what it holds.
        read: opens it, this set, in a data folder; ValueError when it is incomplete or damaged.
        sketch: says what it holds there, with little memory; likewise.
        download: fetches it into an empty folder; None when its authors offer it no more.
    """

    name: str
    title: str
    about: str
    licence: str = TERMS
    layout: str
    home: str = ""
    megabytes: int | None = None
    by_hand: str = ""
    announced: Announced
    read: Callable[["KnownSet", Path], CountedSource]
    sketch: Callable[["KnownSet", Path], Outline]
    download: Callable[[Path], None] | None = None

    def open(self, root: Path) -> CountedSource:
        """Open it in a data folder that holds its layout.

        Raises:
            ValueError: when it is incomplete or damaged, naming the folder and the mend.
        """
        return self.read(self, root)

    def outline(self, root: Path) -> Outline:
        """What it holds in a data folder that holds its layout.

        Raises:
            ValueError: as `open`.
        """
        return self.sketch(self, root)

    @property
    def mend(self) -> str:
        """What to do about files that are not there or not whole."""
        if self.download is None:
            return f"Put the complete files there ({self.by_hand}): nobody offers a download."
        return "Delete what is there and allow the download, or put the complete files there."


@contextmanager
def reading(known: KnownSet, root: Path) -> Iterator[None]:
    """Turn what a reader of the set stumbles over into one sentence with the mend.

    Raises:
        ValueError: for whatever incomplete or damaged files make torchvision and scipy raise.
    """
    try:
        yield
    except Exception as error:  # torchvision and scipy have no common base for what they raise
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise ValueError(
            f"{known.name}: the files in {root / known.layout} are incomplete or damaged ({said}). "
            f"{known.mend}"
        ) from error


def check_inside(folder: Path) -> None:
    """Refuse a set with a link that leads out of its folder.

    Raises:
        ValueError: naming the link.
    """
    for each in folder.iterdir() if folder.is_dir() else ():
        if not each.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{each.name} is a link that leaves the folder")
