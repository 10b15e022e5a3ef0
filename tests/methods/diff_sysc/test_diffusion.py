"""Diffusion of labels: the schedule, the forward process, the times, sampling, retrieved labels."""

import numpy as np
import pytest
import torch

from models.label_diffusion import LabelDenoiser
from models.small_cnn import SmallCNN
from sslapp.methods.diff_sysc.denoiser import denoising_loss, learning_rate
from sslapp.methods.diff_sysc.diffusion import alpha_bars, antithetic_times, noisy, sample
from sslapp.methods.diff_sysc.predictor import LabelDiffusionPredictor
from sslapp.methods.diff_sysc.retrieval import Pools, agreeing, drawn, label_pools, nearest


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

    found = sample(oracle, torch.ones(1, 2, dtype=torch.float64), bars)
    assert found[0, 0].item() == pytest.approx(reached, abs=1e-5)
    assert found[0, 1].item() == 0


def test_a_class_that_is_ruled_out_is_not_sampled():
    bars = alpha_bars()
    allowed = torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]], dtype=torch.float64)
    found = sample(lambda y, t: torch.ones_like(y), allowed, bars)
    assert found[0].tolist() == [found[1, 0].item(), 0, found[1, 2].item()]
    assert found[1, 1] != 0


@pytest.mark.parametrize("count", [1, 2, 7, 24, 25])
def test_every_time_comes_with_its_mirror_image(count):
    times = antithetic_times(3, count, torch.Generator().manual_seed(count))
    assert times.shape == (3, count)
    assert times.min() >= 0 and times.max() < 1000
    half = count // 2 + 1
    assert torch.equal(times[:, half:], 999 - times[:, : count - half])
    assert not torch.equal(times[0], times[1])


def test_labels_are_drawn_from_the_pool_and_weigh_as_often_as_they_occur():
    pools = Pools(torch.tensor([[0, 0, 0], [0, 1, 1]]), torch.tensor([3, 3]))
    seen = set()
    for seed in range(20):
        label, share = drawn(pools, torch.Generator().manual_seed(seed))
        weight = share.double() / share.sum()
        seen.add((int(label[1]), *(round(float(each), 6) for each in weight)))
        assert int(label[0]) == 0
    assert seen == {(0, 0.75, 0.25), (1, 0.6, 0.4)}


def test_only_what_is_in_a_pool_is_drawn():
    pools = Pools(torch.tensor([[4, -1, -1], [2, 3, -1]]), torch.tensor([1, 2]))
    seen = [drawn(pools, torch.Generator().manual_seed(seed)) for seed in range(20)]
    assert {int(label[0]) for label, _ in seen} == {4}
    assert {int(label[1]) for label, _ in seen} == {2, 3}
    assert all(share.tolist() == [1, 0.5] for _, share in seen)


def test_a_pool_holds_the_images_own_label_and_the_nearest():
    features = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]], dtype=np.float32)
    labels = np.array([0, 0, 1, 1, 1, 1])
    forbidden = np.zeros((6, 2), dtype=bool)
    pools = label_pools(nearest(features, 10).rows, labels, forbidden)
    assert pools.sizes.tolist() == [3, 3, 5, 5, 5, 5]  # k is at most the labels of the class
    assert pools.labels[0, :4].tolist() == [0, 0, 0, -1]
    assert pools.labels[2, :5].tolist() == [1, 1, 0, 0, 1]
    forbidden[2, 0] = True
    allowed = label_pools(nearest(features, 10).rows, labels, forbidden)
    assert allowed.labels[2, :4].tolist() == [1, 1, 1, -1] and allowed.sizes[2] == 3
    one = label_pools(nearest(features[:1], 10).rows, labels[:1], forbidden[:1])
    assert one.labels.tolist() == [[0, 0]]


def test_as_many_neighbours_are_asked_as_agree():
    # 100 images; the second and third nearest are right, of the fourth nearest half are wrong
    labels = np.repeat([0, 1], 50)
    near = np.stack(
        [np.arange(100), *(np.arange(100) ^ 1 for _ in range(2)), np.arange(100)], axis=1
    )
    near[::2, 3] = (near[::2, 3] + 50) % 100
    assert agreeing(near[:, :3], labels) == 3
    assert agreeing(near, labels) == 3  # (1 + 1 + .5) / 3 is below .95
    assert agreeing(near[:, [0, 3, 1, 2]], labels) == 1  # and none beyond a wrong one
    assert agreeing(near[:, :1], labels) == 1
    assert agreeing(nearest(np.zeros((1, 3), dtype=np.float32), 10).rows, labels[:1]) == 1


@pytest.mark.parametrize("old", [0, 3, 7, 40])
def test_neighbours_found_in_two_parts_are_those_found_at_once(old):
    features = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    known = nearest(features[:old], 6)
    found, whole = nearest(features, 6, known), nearest(features, 6)
    assert np.array_equal(found.rows, whole.rows)
    assert np.allclose(found.distances, whole.distances, atol=1e-5)


def test_the_gradient_of_the_loss_is_its_finite_difference():
    torch.manual_seed(0)
    network = LabelDenoiser(3, 4, width=5, time_steps=10).double()
    y, noise, f = torch.randn(3, 6, 4).double()
    t, weights = torch.arange(6), torch.softmax(torch.randn(6).double(), 0)

    def loss():
        return denoising_loss(network(y[:, :3], t, f), noise[:, :3], weights)

    loss().backward()
    for name, parameter in network.named_parameters():
        place = parameter.grad.flatten().abs().argmax()
        flat, gradient = parameter.data.view(-1), parameter.grad.flatten()[place].item()
        before = flat[place].item()
        sides = []
        for side in (1e-6, -1e-6):
            flat[place] = before + side
            sides.append(loss().item())
        flat[place] = before
        assert (sides[0] - sides[1]) / 2e-6 == pytest.approx(gradient, rel=1e-5, abs=1e-8), name


def test_the_loss_weighs_images_and_averages_classes():
    eps, noise = torch.tensor([[1.0, 0.0], [2.0, 2.0]]), torch.zeros(2, 2)
    assert denoising_loss(eps, noise, torch.tensor([0.75, 0.25])).item() == pytest.approx(1.375)


def test_the_learning_rate_rises_for_five_epochs_and_falls_to_nothing():
    assert learning_rate(0, 1000, 1e-3) == 0
    assert learning_rate(2.5, 1000, 1e-3) == pytest.approx(5e-4)
    assert learning_rate(5, 1000, 1e-3) == pytest.approx(1e-3)
    assert learning_rate(200, 1000, 1e-3) == pytest.approx(0.91e-3, abs=5e-6)
    assert learning_rate(1000, 1000, 1e-3) == pytest.approx(0, abs=1e-9)
    assert learning_rate(8, 8, 1e-3) == pytest.approx(0, abs=1e-9)
    assert learning_rate(2, 8, 1e-3) == pytest.approx(1e-3)


@pytest.fixture
def fitted():
    torch.manual_seed(0)
    network = LabelDenoiser(4, 6, width=16)
    with torch.no_grad():
        for _ in range(3):  # running statistics that are not those of the start
            network(torch.randn(32, 4), torch.randint(0, 1000, (32,)), torch.randn(32, 6))
    return LabelDiffusionPredictor(
        state=network.state_dict(),
        mean=torch.full((6,), 0.5),
        num_classes=4,
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
    assert loaded.embed(Rows(), rows) is None, "without an encoder of its own"


@pytest.mark.parametrize("trainable", [False, True])
def test_every_part_of_the_denoiser_learns(trainable):
    torch.manual_seed(0)
    encoder = SmallCNN(16, 1, 8) if trainable else None
    network = LabelDenoiser(4, 6, width=16, encoder=encoder)
    image = torch.randn(8, 1, 8, 8) if trainable else None
    eps = network(torch.randn(8, 4), torch.arange(8), torch.randn(8, 6), image)
    eps.square().sum().backward()
    still = [name for name, p in network.named_parameters() if not p.grad.any()]
    # a bias before a batch normalisation is taken out by it, but for the scales of the time steps
    assert still in ([], ["encode.0.bias"], ["encode.0.head.bias"])
