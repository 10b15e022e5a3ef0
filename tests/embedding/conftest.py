import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits, load_sample_images


class ArrayPixels:
    """A pixel source in memory that remembers which rows were read."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._images = images
        self.largest_piece = 0

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self._images.shape

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        self.largest_piece = max(self.largest_piece, len(indices))
        return self._images[indices]


@pytest.fixture
def as_source() -> type[ArrayPixels]:
    return ArrayPixels


@pytest.fixture(scope="session")
def digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(1797, 8, 8, 1) images and their classes."""
    data = load_digits()
    return (data.images / 16 * 255).astype(np.uint8)[..., None], data.target.astype(np.int64)


@pytest.fixture(scope="session")
def photo_crops() -> NDArray[np.uint8]:
    """(8, 200, 200, 3): four crops of a palace, then four of a flower."""
    corners = [(60, 100), (60, 300), (120, 200), (200, 300)]
    return np.stack(
        [
            photo[y : y + 200, x : x + 200]
            for photo in load_sample_images().images
            for y, x in corners
        ]
    )
