"""What the model that a round trained makes of every image: its features, and a map of them.

The last layer's features are what the model tells classes apart by, so a class that it knows is a
cluster of the map. A head on frozen features has no such layer; its round is shown on the encoder's
map.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from sslapp import durable
from sslapp.embedding.projection import pca_projection
from sslapp.training.method import Predictor
from sslapp.training.task import Features, Pixels
from sslapp.vocabulary import Projection

FEATURES = "features"
BLOCK = 2048
"""Rows embedded at once, so that no set has to fit into memory."""

_LARGEST = float(np.finfo(np.float16).max)


def write_own_map(
    predictor: Predictor,
    source: Pixels | Features,
    count: int,
    folder: Path,
    *,
    seed: int,
    said: Callable[[int], None] = lambda done: None,
) -> dict[str, Path]:
    """Write a model's features of images and their map by principal components.

    Args:
        predictor: what the round has fitted.
        source: the images as it reads them.
        count: N, so many from position 0 on.
        folder: gets (N, D) float16 `features.npy` and (N, 2) float32 `pca.npy`.
        seed: of the sample that the components of a large set are found on.
        said: called with how many images are done before each block; may raise to stop.

    Returns:
        What was written by its column: `features` and `pca`; nothing where the model has no
        features of its own.
    """
    blocks = _blocks(predictor, source, count, said)
    first = next(blocks, None)
    if first is None:
        return {}
    written = {each: folder / f"{each}.npy" for each in (FEATURES, Projection.PCA.value)}

    def fill(file: BinaryIO) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(first.dtype),
            "fortran_order": False,
            "shape": (count, first.shape[1]),
        }
        np.lib.format.write_array_header_1_0(file, header)
        for part in chain([first], blocks):
            file.write(part.tobytes())

    durable.write(written[FEATURES], fill)
    features: NDArray[np.float16] = durable.read_array(written[FEATURES])  # type: ignore[assignment]
    durable.write_array(written[Projection.PCA], pca_projection(features, seed))
    return written


def _blocks(
    predictor: Predictor, source: Pixels | Features, count: int, said: Callable[[int], None]
) -> Iterator[NDArray[np.float16]]:
    """(n, D) of each block of images; none at all where the predictor has no features."""
    for at in range(0, count, BLOCK):
        said(at)
        rows = np.arange(at, min(at + BLOCK, count), dtype=np.int64)
        found = predictor.embed(source, rows)
        if found is None:
            return
        x = found.float().cpu().numpy()
        yield np.clip(x, -_LARGEST, _LARGEST).astype(np.float16)
