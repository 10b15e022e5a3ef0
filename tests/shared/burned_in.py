"""DICOM files with a name drawn into their pixels."""

from pathlib import Path

import numpy as np
from dicom_files import data_set, written
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom import uid

NAME = "DOE JANE 1961"
SIZE = 128
TEXT = (8, 8, 104, 16)
"""x, y, width and height of what the name is drawn in."""


def picture(text: str = NAME, *, seed: int = 0, size: int = SIZE) -> NDArray[np.uint8]:
    """(size, size) of dim noise, with a bright text at the upper left."""
    noise = np.random.default_rng(seed).integers(30, 60, (size, size), dtype=np.uint8)
    drawn = Image.fromarray(noise)
    if text:
        font = ImageFont.load_default(12)
        ImageDraw.Draw(drawn).text((TEXT[0] + 2, TEXT[1]), text, fill=250, font=font)
    return np.array(drawn)


def file(
    values: NDArray,
    series: int = 1,
    number: int = 1,
    frames: list[bytes] | None = None,
    syntax: str = uid.ExplicitVRLittleEndian,
    **elements: object,
) -> bytes:
    """A file of a series of a patient."""
    named = {
        "PatientName": "DOE^JANE",
        "PatientID": "MRN-1961",
        "SOPClassUID": uid.UltrasoundImageStorage,
        "Modality": "US",
        "StudyInstanceUID": "1.2.9",
        "SeriesInstanceUID": f"1.2.9.{series}",
        "SOPInstanceUID": f"1.2.9.{series}.{number}",
        "InstanceNumber": number,
    }
    made = data_set(values, **(named | elements))
    return written(made, syntax, frames=frames)


def ultrasounds(folder: Path, *, series: int = 2, images: int = 3, text: str = NAME) -> Path:
    """A folder of series of ultrasound, all of which may show a name by their kind."""
    folder.mkdir(parents=True)
    for place in range(1, series + 1):
        for number in range(1, images + 1):
            content = file(picture(text, seed=10 * place + number), place, number)
            (folder / f"{place}-{number}.dcm").write_bytes(content)
    return folder
