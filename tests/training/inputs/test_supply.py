"""How images reach the device: three ways, the same bits, and only rows that are trained on."""

import threading

import numpy as np
import pytest
import torch

from sslapp.methods.fixmatch.method import FixMatch, FixMatchConfig
from sslapp.methods.layermatch.config import LayerMatchConfig
from sslapp.methods.layermatch.method import LayerMatch
from sslapp.methods.supervised.config import SupervisedConfig
from sslapp.methods.supervised.method import Supervised
from sslapp.training.inputs import feed, supply
from sslapp.training.inputs.supply import AHEAD, BLOCK, Plain, Resident, Streamed

CPU = torch.device("cpu")
SIZES = {"steps": 12, "batch_size": 6, "unlabelled_ratio": 2}


class Images:
    """Rows that hold their own number, and a list of the rows that were read."""

    def __init__(self, count):
        self.array = np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1)
        self.shape = self.array.shape
        self.read = []

    def take(self, indices):
        self.read += indices.tolist()
        return torch.from_numpy(self.array[indices])


ROWS = np.array([3, 5, 8, 13, 21])


def places_of(step):
    return np.array([step % 5, (2 * step + 1) % 5, step // 5 % 5])


def plain(pixels, rows, places_of, device):
    return Plain(pixels.take, rows, places_of, device)


@pytest.mark.parametrize("kind", [plain, Resident, Streamed])
@pytest.mark.parametrize("steps", [range(2 * BLOCK + 3), [7, 8, 3, 200, 0, 1, 2, 2, 500]])
def test_every_supply_gives_the_rows_of_any_step(kind, steps):
    pixels = Images(30)
    made = kind(pixels, ROWS, places_of, CPU)
    for step in steps:
        images, places = made.take(step)
        assert places.tolist() == places_of(step).tolist()
        assert images.dtype == torch.uint8
        assert images.flatten().tolist() == ROWS[places_of(step)].tolist()
    made.close()
    assert set(pixels.read) <= set(ROWS.tolist()), "rows outside the training were read"


def test_a_resident_set_is_read_once():
    pixels = Images(30)
    made = Resident(pixels, ROWS, places_of, CPU)
    assert pixels.read == ROWS.tolist()
    for step in range(50):
        made.take(step)
    assert pixels.read == ROWS.tolist()


def test_a_stream_reads_ahead_and_stops_when_closed():
    pixels = Images(30)
    made = Streamed(pixels, ROWS, places_of, CPU)
    made.take(0)
    coming = list(made._coming.values())
    assert len(coming) == AHEAD
    assert [each.result()[1].tolist() for each in coming] == [
        places_of(step).tolist() for step in range(1, AHEAD + 1)
    ]
    names = [each.name for each in threading.enumerate() if each.name.startswith("images")]
    assert len(names) == 1
    made.close()
    assert not [each for each in threading.enumerate() if each.name.startswith("images")]
    assert made.take(9)[1].tolist() == places_of(9).tolist(), "it starts anew"
    made.close()


def test_an_error_of_the_reading_thread_is_raised_at_its_step():
    class Torn(Images):
        def take(self, indices):
            if 21 in indices:
                raise OSError("the disk is gone")
            return super().take(indices)

    made = Streamed(Torn(30), ROWS, places_of, CPU)
    made.take(0)
    made.take(1)
    with pytest.raises(OSError, match="the disk is gone"):
        made.take(4)
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "config"),
    [
        (FixMatch, FixMatchConfig(**SIZES, tau=0.5, augmentation="fixmatch")),
        (LayerMatch, LayerMatchConfig(**SIZES, labelled_batches="balanced")),
        (Supervised, SupervisedConfig(steps=12, batch_size=6)),
    ],
)
def test_a_training_ends_with_the_same_bits_however_it_is_fed(
    method, config, stripes, make_run, monkeypatch
):
    task = stripes(accepted=[1, 2], forbidden=[(0, 1), (5, 2)])
    ends = []
    for kind in (plain, Resident, Streamed):
        monkeypatch.setattr(feed, "of_pixels", kind)
        ends.append(method(config).fit(task, make_run(kind.__name__)).state)
    for other in ends[1:]:
        assert other.keys() == ends[0].keys()
        assert all(torch.equal(other[name], ends[0][name]) for name in other)
    assert not [each for each in threading.enumerate() if each.name.startswith("images")]


def test_a_cpu_reads_rows_as_they_are_wanted(stripes):
    task = stripes()
    assert isinstance(supply.of_pixels(task.pixels, task.pool, places_of, CPU), Plain)


def test_images_stay_on_a_gpu_up_to_a_quarter_of_its_free_memory():
    assert supply.fits(100, (3, 32, 32), 4 * 100 * 3072)
    assert not supply.fits(100, (3, 32, 32), 4 * 100 * 3072 - 1)
