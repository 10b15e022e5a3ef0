"""Difference hashes: what stays when an image is scaled, compressed or made brighter."""

import io

import numpy as np
from PIL import Image

from sslapp.review.findings.difference_hashes import NEAR, difference_hashes, nearest


def pictures(count: int, side: int = 64, seed: int = 0) -> np.ndarray:
    """(count, side, side, 3) smooth noise: like photographs, every one is another."""
    rng = np.random.default_rng(seed)
    made = [
        Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((side, side))
        for _ in range(count)
    ]
    return np.stack([np.asarray(each) for each in made])


def compressed(image: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=60)
    return np.asarray(Image.open(buffer))


def test_a_bit_says_whether_a_field_is_brighter_than_the_one_to_its_left() -> None:
    image = np.zeros((1, 8, 9, 1), dtype=np.uint8)
    image[0, 0, 1] = 200  # brighter than the first, and the third darker than it
    image[0, 7, 8] = 1  # by less than noise
    (found,) = difference_hashes(image)
    bits = np.unpackbits(found).reshape(8, 8)
    assert bits[0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    assert bits[1:].sum() == 0


def test_fields_are_means_whatever_the_size() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 72, 72, 1), dtype=np.uint8)
    means = image.reshape(8, 9, 9, 8).astype(float).mean(axis=(1, 3))
    expected = np.packbits((np.diff(means, axis=1) > 1.5).ravel())
    assert difference_hashes(image).tolist() == [expected.tolist()]


def test_copies_are_nearest_to_what_they_copy_and_others_are_far() -> None:
    old = pictures(300)
    brighter = np.clip(old[:20].astype(int) + 12, 0, 255).astype(np.uint8)
    smaller = np.stack(
        [np.asarray(Image.fromarray(each).resize((40, 40)).resize((64, 64))) for each in old[20:40]]
    )
    again = np.stack([compressed(each) for each in old[40:60]])
    rows, bits = nearest(
        difference_hashes(np.concatenate([brighter, smaller, again])), difference_hashes(old)
    )
    assert rows.tolist() == [*range(60)]
    assert bits.max() <= NEAR
    _, far = nearest(difference_hashes(pictures(200, seed=1)), difference_hashes(old))
    assert far.min() > NEAR


def test_the_nearest_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 256, (size, 8), dtype=np.uint8) for size in (50, 70))
    rows, bits = nearest(one, other)
    apart = np.bitwise_count(one[:, None] ^ other[None]).sum(axis=2)
    assert bits.tolist() == apart.min(axis=1).tolist()
    assert apart[np.arange(50), rows].tolist() == bits.tolist()


def test_none_has_no_hash() -> None:
    assert difference_hashes(np.zeros((0, 8, 8, 1), dtype=np.uint8)).shape == (0, 8)
