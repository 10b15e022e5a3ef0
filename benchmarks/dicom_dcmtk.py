"""What is shown of real DICOM files beside DCMTK's dcmj2pnm: `python benchmarks/dicom_dcmtk.py`.

Of every grey file with a window of its own that comes with pydicom and pydicom-data: the largest
difference in grey levels. Needs DCMTK (Debian: dcmtk).
"""

import subprocess
import tempfile
from collections.abc import Iterator
from importlib.resources import files as files_of
from pathlib import Path

import numpy as np
from PIL import Image

from sslapp.imaging.dicom.display import display
from sslapp.imaging.dicom.opening import is_dicom, open_dicom
from sslapp.imaging.dicom.pixels.frames import frame_values
from sslapp.imaging.refused import RefusedFile

COMMAND = ("dcmj2pnm", "+Wi", "1", "-O", "+F", "1", "--write-raw-pnm")


def real_files() -> Iterator[Path]:
    """Yield the files of both packages."""
    for package in ("pydicom", "data_store"):
        root = Path(str(files_of(package))) / "data"
        yield from sorted(path for path in root.rglob("*") if path.is_file())


def shown(path: Path) -> np.ndarray | None:
    """(H, W) uint8 of a file's first frame; None where it is not compared."""
    content = path.read_bytes()
    if not is_dicom(content):
        return None
    try:
        file = open_dicom(content, path.name)
        windowed = file.header.format.photometric.startswith("MONO") and file.header.facts.windows
        # DCMTK takes the window of the data set, where it has one
        if not windowed or "WindowCenter" not in file.found.numbers:
            return None
        return display(file.header, frame_values(file))
    except RefusedFile:
        return None


def by_dcmtk(path: Path, folder: Path) -> np.ndarray | None:
    """The same by DCMTK; None where it does not read the file."""
    target = folder / "picture.pgm"
    target.unlink(missing_ok=True)
    subprocess.run([*COMMAND, path, target], check=False, capture_output=True)
    return np.asarray(Image.open(target)) if target.exists() else None


def main() -> None:
    """Print a line for each file that differs, and the sum."""
    largest, compared, unread, resampled = 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as where:
        for path in real_files():
            ours = shown(path)
            if ours is None:
                continue
            theirs = by_dcmtk(path, Path(where))
            if theirs is None:
                unread += 1
            elif theirs.shape != ours.shape:
                resampled += 1
            else:
                compared += 1
                difference = int(np.abs(ours.astype(int) - theirs).max())
                largest = max(largest, difference)
                if difference > 1:
                    print(f"{path.name}: {difference} grey levels")
    print(
        f"{compared} pictures compared, at most {largest} grey levels apart; {resampled} of pixels "
        f"that are not square; {unread} not read by dcmj2pnm."
    )


if __name__ == "__main__":
    main()
