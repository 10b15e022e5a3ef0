"""How long an image of a source takes to be read, decoded and made small, by a few of them."""

import time
from collections.abc import Iterable
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from sslapp.imaging.fit import fit

TIMED = 48
"""Images at most that are taken to see how long one takes."""

LONGEST = 1.5
"""Seconds after which no further one is taken for that."""

SIDE = 64
"""Pixels a side that they are made small to."""


def seconds_of_image(images: Iterable[NDArray[np.uint8] | None]) -> float | None:
    """Seconds that one takes on one core; None where there is none.

    Args:
        images: read and decoded as they are asked for; None is one that cannot be.
    """
    began, done = time.perf_counter(), 0
    for image in islice(images, TIMED):
        if image is not None:
            fit(image, SIDE, 1 if image.ndim == 2 else 3)
            done += 1
        if time.perf_counter() - began > LONGEST:
            break
    return (time.perf_counter() - began) / done if done else None
