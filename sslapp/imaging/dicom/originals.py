"""Originals that are DICOM files: de-identified ones, and no others."""

import numpy as np
from numpy.typing import NDArray

from sslapp.imaging.dicom.deidentification.mark import is_marked, looks_marked
from sslapp.imaging.dicom.display import display
from sslapp.imaging.dicom.opening import open_dicom
from sslapp.imaging.dicom.pixels.frames import frame_values
from sslapp.imaging.refused import RefusedFile


def picture(content: bytes, name: str, max_pixels: int) -> NDArray[np.uint8] | None:
    """The first frame as it is seen, (H, W) or (H, W, 3) uint8; None for what is not de-identified.

    Raises:
        RefusedFile: when it is too large, or damaged.
    """
    if not looks_marked(content):
        return None  # a stranger's is not even opened
    file = open_dicom(content, name)
    if not is_marked(file):
        return None
    layout = file.header.format
    if layout.rows * layout.columns > max_pixels:
        raise RefusedFile(
            f"{name}: {layout.columns} x {layout.rows} pixels are more than the {max_pixels:,} "
            "allowed."
        )
    return display(file.header, frame_values(file))
