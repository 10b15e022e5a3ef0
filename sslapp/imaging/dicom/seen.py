"""The frames of an original as they are seen, and of which series each is."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslapp.imaging.bundles import Bundle, glance
from sslapp.imaging.dicom.display import display
from sslapp.imaging.dicom.opening import open_dicom
from sslapp.imaging.dicom.pixels.frames import frame_count, frame_values


@dataclass(frozen=True, eq=False)
class SeenFrame:
    """A frame.

    Attributes:
        series: UID of its series; of a de-identified file a pseudonym.
        says_text: whether its file says that text is burned in; None where it says nothing.
        picture: (H, W) or (H, W, 3) uint8, as readers see it.
    """

    series: str
    says_text: bool | None
    picture: NDArray[np.uint8]


def seen_frames(content: bytes, name: str) -> Iterator[SeenFrame]:
    """Yield every frame that is part of an image.

    Args:
        content: a DICOM file, or a bundle of them.
        name: what messages call it.

    Raises:
        RefusedFile: when it is damaged.
    """
    if glance(content) is not None:
        bundle = Bundle(content, name)
        for each in bundle.files(range(bundle.facts.count)):
            yield from seen_frames(each, name)
        return
    file = open_dicom(content, name)
    for at in range(frame_count(file)):
        seen = display(file.header, frame_values(file, at), at)
        yield SeenFrame(file.header.series_uid, file.header.burned_in, seen)
