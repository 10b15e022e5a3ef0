"""Opens an image source by what a person types: a name, an .npz file or a folder."""

from pathlib import Path

from sslapp.datasets.arrays import npz_source
from sslapp.datasets.digits import digits_source
from sslapp.datasets.folder import folder_source
from sslapp.datasets.source import ImageSource
from sslapp.datasets.torchvision_sets import SETS, torchvision_source

NAMES = ("digits", *SETS)
"""The sets that are opened by name."""


def open_source(
    spec: str,
    *,
    root: Path | None = None,
    download: bool = False,
    group_pattern: str | None = None,
) -> ImageSource:
    """Open an image source.

    Args:
        spec: one of NAMES, or the path of a MedMNIST-layout .npz file or of a folder of images.
        root: where named sets lie; needed for all of them but "digits".
        download: let a named set be fetched into `root`.
        group_pattern: regular expression for a folder's file names; see `folder_source`.

    Raises:
        ValueError: when nothing can be opened, listing what is supported.
    """
    if group_pattern is not None and not Path(spec).is_dir():
        raise ValueError(f"{spec}: a group pattern reads file names, so it needs a folder.")
    if spec == "digits":
        return digits_source()
    if spec in SETS:
        if root is None:
            raise ValueError(f"{spec}: say in which folder its files lie or shall be put.")
        return torchvision_source(spec, root, download=download)
    path = Path(spec)
    if path.is_dir():
        return folder_source(path, group_pattern=group_pattern)
    if path.is_file() and path.suffix.lower() == ".npz":
        return npz_source(path)
    raise ValueError(
        f'"{spec}" is neither one of {", ".join(NAMES)} nor the path of an .npz file or of a '
        "folder of images that is there."
    )
