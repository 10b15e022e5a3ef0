"""Black and white of a set of deep images, from a sample of it, before anything is imported."""

import numpy as np

from sslapp.datasets.source import ImageSource, Item
from sslapp.imaging.decode import deep_values
from sslapp.imaging.intensities import limits_of, sampled
from sslapp.imaging.refused import RefusedFile

IMAGES = 64
"""How many images are read, evenly spaced in the set."""


def sampled_limits(source: ImageSource) -> tuple[float, float] | None:
    """The values that become black and white; None when no sampled image has more than 8 bits."""
    count = len(source)
    places = np.unique(np.linspace(0, max(0, count - 1), IMAGES).astype(np.int64)).tolist()
    found = []
    for place in places if count else []:
        entry = next(source.items(place), None)
        if not isinstance(entry, Item) or entry.content is None:
            continue
        try:
            values = deep_values(entry.content, entry.name)
        except RefusedFile:
            continue  # the import says so
        if values is not None:
            found.append(sampled(values))
    return limits_of(found)
