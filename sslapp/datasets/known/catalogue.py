"""All sets with a name, and where they lie."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sslapp.datasets.arrays.parts import npz_source
from sslapp.datasets.known.card import KnownSet, Outline
from sslapp.datasets.known.digits import DIGITS
from sslapp.datasets.known.medmnist import MEDICAL, check_one_label
from sslapp.datasets.known.outlines import npz_outline
from sslapp.datasets.known.photographs import PHOTOGRAPHS
from sslapp.datasets.known.torchvision_sets import SETS
from sslapp.datasets.source import CountedSource

KNOWN = {each.name: each for each in (DIGITS, *SETS, *PHOTOGRAPHS, *MEDICAL)}
"""By name, in the order in which a page offers them."""

_MOST_FOLDERS = 1000


@dataclass(frozen=True)
class SetPlace:
    """Where a set lies.

    Attributes:
        root: the data folder, which its reader is given.
        path: its folder or file there.
    """

    root: Path
    path: Path


def known_set(name: str) -> KnownSet:
    """The set of that name.

    Raises:
        ValueError: when there is none.
    """
    check_one_label(name)
    if name not in KNOWN:
        raise ValueError(f"{name} is not the name of a set. `sslapp import --list` lists them.")
    return KNOWN[name]


def data_folders(folders: Sequence[Path]) -> list[tuple[Path, Path]]:
    """(top, folder) pairs of where sets are looked for: these folders, and those directly in them.

    Hidden folders and links are left out.
    """
    return [(top, each) for top in map(Path.resolve, folders) for each in (top, *_within(top))]


def find(known: KnownSet, places: Sequence[tuple[Path, Path]]) -> SetPlace | None:
    """Where a set lies, the first place of several; what a link leads out to is not taken.

    torchvision's layout comes before a file <name>.npz in the MedMNIST layout.

    Args:
        known: the set.
        places: as `data_folders` gives them.
    """
    if not known.layout:
        return None
    for top, folder in places:
        for relative in (known.layout, f"{known.name}.npz"):
            path = folder / relative
            if path.exists() and path.resolve().is_relative_to(top):
                return SetPlace(folder, path)
    return None


def open_known(name: str, root: Path | None) -> CountedSource:
    """Open a set that lies in a data folder, or in a folder directly in that.

    Args:
        name: of the set.
        root: the folder; None for a set that comes with the program.

    Raises:
        ValueError: when there is no such set, or its files are missing, incomplete or damaged, with
            the mend.
    """
    known = known_set(name)
    if not known.layout:
        return known.open(Path())
    if root is None:
        raise ValueError(f"{name}: say in which folder its files lie or shall be put.")
    place = find(known, data_folders([root]))
    if place is None:
        raise ValueError(not_there(known, root))
    return npz_source(place.path, name) if _is_other_npz(known, place) else known.open(place.root)


def outline_known(name: str, root: Path) -> Outline | None:
    """What a set holds that lies in a data folder, or in a folder directly in that; None where it
    is not there.

    Raises:
        ValueError: when there is no such set, or its files are not whole, with the mend.
    """
    known = known_set(name)
    if not known.layout:
        return known.outline(Path())
    place = find(known, data_folders([root]))
    if place is None:
        return None
    if _is_other_npz(known, place):
        return npz_outline(place.path, name)
    return known.outline(place.root)


def _is_other_npz(known: KnownSet, place: SetPlace) -> bool:
    """Whether a set lies there as arrays that are not its authors' files."""
    return place.path.suffix == ".npz" and place.path.name != known.layout


def not_there(known: KnownSet, root: Path) -> str:
    """What to tell about a set that was not found."""
    npz = "" if known.layout.endswith(".npz") else f" nor {known.name}.npz"
    mend = (
        f"Put {known.by_hand} there; nobody offers a download any more."
        if known.download is None
        else "Put the files there or allow the download (--download), or put them into a folder of "
        f"SSLAPP_IMPORT_ROOTS. By hand: {known.by_hand}."
    )
    return (
        f"{known.name}: {'neither ' if npz else 'no '}{known.layout}{npz} is in {root} or a folder "
        f"directly in it. {mend}"
    )


def _within(top: Path) -> Iterator[Path]:
    """The folders directly in a folder, the first of many; none of one that cannot be opened."""
    try:
        found = [
            each
            for each in sorted(top.iterdir())
            if not each.name.startswith(".") and not each.is_symlink() and each.is_dir()
        ]
    except OSError:
        return
    yield from found[:_MOST_FOLDERS]
