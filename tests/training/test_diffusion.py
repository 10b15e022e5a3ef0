"""Diffusion of labels: the schedule, the forward process, the times, sampling, retrieved labels."""

import math

import numpy as np
import pytest
import torch

from models.label_diffusion import LabelDenoiser
from sslapp.training.calibration import temperature_by_ece
from sslapp.training.diffusion import alpha_bars, antithetic_times, noisy, sample
from sslapp.training.label_diffusion import drawn, label_pools, learning_rate
from sslapp.training.label_predictor import LabelDiffusionPredictor


def test_the_cosine_schedule_has_the_values_of_the_authors_code():
    bars = alpha_bars("cosine")
    expected = {
        **{0: 0.999959, 1: 0.999913, 101: 0.971054, 201: 0.896816, 301: 0.784352},
        **{401: 0.644497, 501: 0.490727, 601: 0.337858, 701: 0.200619, 801: 0.0922339},
        **{901: 0.0231451, 999: 2.43e-9},
    }
    for t, value in expected.items():
        assert float(bars[t]) == pytest.approx(value, rel=1e-3 if t == 999 else 1e-5)


def test_almost_nothing_is_lost_at_the_first_step():
    one, zero = torch.ones(1, 1), torch.zeros(1, 1)
    t, bars = torch.zeros(1, dtype=torch.int64), alpha_bars()
    assert noisy(one, zero, t, bars).item() == pytest.approx(0.99998, abs=1e-5)
    assert noisy(zero, one, t, bars).item() == pytest.approx(0.0064, abs=5e-5)


@pytest.mark.parametrize(("schedule", "reached"), [("cosine", 0.99899), ("linear", 0.99979)])
def test_sampling_with_the_true_noise_finds_the_label(schedule, reached):
    bars = alpha_bars(schedule)
    y0 = torch.tensor([[1.0, 0.0]], dtype=torch.float64)

    def oracle(y, t):
        return (y - torch.sqrt(bars[t]) * y0) / torch.sqrt(1 - bars[t])

    found = sample(oracle, 1, 2, bars)
    assert found[0, 0].item() == pytest.approx(reached, abs=1e-5)
    assert found[0, 1].item() == 0


@pytest.mark.parametrize("count", [1, 2, 7, 24, 25])
def test_every_time_comes_with_its_mirror_image(count):
    times = antithetic_times(count, torch.Generator().manual_seed(count))
    assert len(times) == count
    assert times.min() >= 0 and times.max() < 1000
    half = count // 2 + 1
    assert torch.equal(times[half:], 999 - times[: count - half])


def test_labels_are_drawn_from_the_pool_and_weigh_as_often_as_they_occur():
    pools = torch.tensor([[0, 0, 0], [0, 1, 1]])
    seen = set()
    for seed in range(20):
        label, count = drawn(pools, torch.Generator().manual_seed(seed))
        weight = count.double() / count.sum()
        seen.add((int(label[1]), *(round(float(each), 6) for each in weight)))
        assert int(label[0]) == 0
    assert seen == {(0, 0.75, 0.25), (1, 0.6, 0.4)}


def test_a_pool_holds_the_nearest_labels_and_the_images_own():
    features = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]], dtype=np.float32)
    labels = np.array([0, 0, 1, 1, 1, 1])
    pools = label_pools(features, labels, 10)
    assert pools.shape == (6, 3)  # two images of class 0: k shrinks to 2
    assert pools[0].tolist() == [0, 0, 0]
    assert pools[2].tolist() == [1, 0, 1]
    assert label_pools(features[:1], labels[:1], 10).tolist() == [[0, 0]]


def test_the_learning_rate_rises_for_five_epochs_and_falls_over_a_thousand():
    assert learning_rate(0, 1e-3) == 0
    assert learning_rate(2.5, 1e-3) == pytest.approx(5e-4)
    assert learning_rate(5, 1e-3) == pytest.approx(1e-3)
    assert learning_rate(200, 1e-3) == pytest.approx(0.91e-3, abs=5e-6)
    assert learning_rate(1000, 1e-3) == pytest.approx(0, abs=1e-9)


def test_the_temperature_is_that_of_the_least_calibration_error():
    # nine of ten right, every vector one-hot: the confidence has to be .9, at which
    # 1 / (1 + 9 exp(-1 / T)) = .9, so T = 1 / ln 81
    z = torch.eye(10)[torch.arange(100) % 10]
    labels = torch.arange(100) % 10
    labels[::10] = 5
    found = temperature_by_ece(z, labels)
    assert found == pytest.approx(1 / math.log(81), rel=0.09)  # a step of the grid is 8 %


@pytest.fixture
def fitted():
    torch.manual_seed(0)
    network = LabelDenoiser(4, 6, width=16)
    with torch.no_grad():
        for _ in range(3):  # running statistics that are not those of the start
            network(torch.randn(32, 4), torch.randint(0, 1000, (32,)), torch.randn(32, 6))
    return LabelDiffusionPredictor(
        state=network.state_dict(),
        num_classes=4,
        num_features=6,
        width=16,
        diffusion="cosine",
        steps=10,
        temperature=0.5,
    )


class Rows:
    shape = (40, 6)

    def __init__(self):
        self.array = torch.randn(40, 6, generator=torch.Generator().manual_seed(1))

    def take(self, indices):
        return self.array[torch.from_numpy(indices)]


def test_a_sample_depends_on_its_image_alone(fitted):
    rows = np.arange(40)
    together = fitted.logits(Rows(), rows)
    assert torch.equal(together, fitted.logits(Rows(), rows))
    alone = torch.cat([fitted.logits(Rows(), rows[i : i + 1]) for i in range(40)])
    assert alone.numpy() == pytest.approx(together.numpy(), abs=1e-5)


def test_a_denoiser_is_the_same_after_saving(fitted, tmp_path):
    fitted.save(tmp_path)
    loaded = LabelDiffusionPredictor.load(tmp_path)
    rows = np.arange(40)
    assert torch.equal(loaded.logits(Rows(), rows), fitted.logits(Rows(), rows))
    assert torch.equal(loaded.embed(Rows(), rows), fitted.embed(Rows(), rows))


@pytest.mark.parametrize("image_features", [None, 3])
def test_every_part_of_the_denoiser_learns(image_features):
    torch.manual_seed(0)
    network = LabelDenoiser(4, 6, width=16, image_features=image_features)
    image = None if image_features is None else torch.randn(8, 3)
    eps = network(torch.randn(8, 4), torch.arange(8), torch.randn(8, 6), image)
    eps.square().sum().backward()
    still = [name for name, p in network.named_parameters() if not p.grad.any()]
    # a bias before a batch normalisation is taken out by it, but for the scales of the time steps
    assert still in ([], ["encode.0.bias"])
