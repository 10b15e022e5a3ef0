"""Images made at another size once: what they show, and when they are made again."""

import numpy as np
import pytest

from sslapp.imaging import derived_pixels
from sslapp.imaging.derived_pixels import derive


class Counted:
    """Images whose readings are noted."""

    def __init__(self, count: int, side: int = 12) -> None:
        self.shape = (count, side, side, 1)
        self.read: list[int] = []

    def take(self, indices):
        self.read += indices.tolist()
        values = np.asarray(indices, dtype=np.uint8)[:, None, None, None]
        return np.broadcast_to(values, (len(indices), *self.shape[1:])).copy()


@pytest.fixture
def four_a_segment(monkeypatch):
    monkeypatch.setattr(derived_pixels, "ROWS", 4)


def names(count):
    return [f"image-{row}" for row in range(count)]


def test_images_are_made_once_and_a_killed_making_goes_on(four_a_segment, tmp_path) -> None:
    def stop_at_the_third(done, total):
        assert total == 10
        if done == 8:
            raise KeyboardInterrupt

    killed = Counted(10)
    with pytest.raises(KeyboardInterrupt):
        derive(killed, names(10), tmp_path, report=stop_at_the_third)
    assert killed.read == list(range(8))
    resumed = Counted(10)
    store = derive(resumed, names(10), tmp_path)
    assert resumed.read == [8, 9]
    assert store.shape == (10, 12, 12, 1)
    assert store.take(np.array([9, 0, 5]))[:, 0, 0, 0].tolist() == [9, 0, 5]
    again = Counted(10)
    derive(again, names(10), tmp_path)
    assert again.read == []


def test_what_is_made_of_something_else_is_made_anew(four_a_segment, tmp_path) -> None:
    derive(Counted(10), names(10), tmp_path)
    longer, changed, larger = Counted(12), Counted(10), Counted(10, side=13)
    derive(longer, names(12), tmp_path)
    assert longer.read == [8, 9, 10, 11], "segments without a new image stay"
    other = names(10)
    other[5] = "another"
    derive(changed, other, tmp_path)
    assert changed.read == [4, 5, 6, 7]
    derive(larger, names(10), tmp_path)
    assert larger.read == list(range(10))
