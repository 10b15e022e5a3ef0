"""A frame of a file with several as a file of its own, without a copy of the others."""

from dataclasses import replace

import numpy as np

from sslapp.imaging.dicom.encoding import syntaxes
from sslapp.imaging.dicom.encoding.fragments import Fragments
from sslapp.imaging.dicom.opening import DicomFile
from sslapp.imaging.dicom.pixels.frames import frame_values, is_word_swapped, native_frame
from sslapp.imaging.dicom.reading.limits import frame_bytes


def single_frame(file: DicomFile, index: int) -> DicomFile:
    """A file with one frame of another, and what is said of that one; a file of one as it is.

    Its instance UID is the file's and the frame's number: each frame has its own.

    Args:
        index: from 0.

    Raises:
        IndexError: when there is no such frame.
        RefusedFile: when a frame of single bits is damaged.
        UnreadDicom: when compressed frames cannot be told apart.
    """
    layout = file.header.format
    if not 0 <= index < layout.frames:
        raise IndexError(f"{file.name}: there is no frame {index} among {layout.frames}.")
    if layout.frames == 1:
        return file
    header = replace(
        file.header,
        instance_uid=f"{file.own_uid}#{index + 1}",
        instance_number=index + 1,
        format=replace(layout, frames=1),
        facts=file.header.frame(index),
        own=(),
        offsets=None,
    )
    if file.fragments is not None:
        parts = Fragments((), tuple(file.frames[index]), file.fragments.base)
        return replace(file, header=header, fragments=parts)
    if layout.allocated == 1:
        content = np.packbits(frame_values(file, index).ravel(), bitorder="little").tobytes()
    else:
        content = native_frame(file, index)
    if layout.allocated == 1 or is_word_swapped(file):
        header = replace(header, syntax=syntaxes.EXPLICIT)
    assert layout.allocated == 1 or len(content) == frame_bytes(layout)
    pixels = file.pixels._replace(start=0, end=len(content))
    return replace(file, header=header, content=content, pixels=pixels)
