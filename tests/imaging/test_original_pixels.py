"""Originals at the size that an encoder reads, in any order, beside rows that have none."""

import numpy as np

from sslapp.imaging.fit import fit
from sslapp.imaging.original_pixels import OriginalPixels
from sslapp.imaging.originals import OriginalsWriter
from sslapp.imaging.pixels import PixelStore, PixelWriter
from sslapp.imaging.thumbnails import png_bytes


def test_each_image_is_read_from_its_original_and_the_rest_from_the_store(tmp_path) -> None:
    rng = np.random.default_rng(0)
    large = rng.integers(0, 256, (5, 90, 70, 3), dtype=np.uint8)
    with PixelWriter(tmp_path / "pixels.npy", 6, 16, 3) as writer:
        small = rng.integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
        writer.append(small)
    keeper = OriginalsWriter(tmp_path / "originals")
    names = [keeper.add(png_bytes(image)) for image in large]
    stored = PixelStore([tmp_path / "pixels.npy"])
    named = [*names[:3], None, *names[3:]]
    source = OriginalPixels(tmp_path / "originals", named, stored, 48, channels=3)
    assert source.shape == (6, 48, 48, 3)
    found = source.take(np.array([5, 0, 3]))
    np.testing.assert_array_equal(found[0], fit(large[4], 48, 3))
    np.testing.assert_array_equal(found[1], fit(large[0], 48, 3))
    np.testing.assert_array_equal(found[2], fit(small[3], 48, 3))
    assert source.take(np.zeros(0, dtype=np.int64)).shape == (0, 48, 48, 3)
