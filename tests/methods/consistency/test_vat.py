"""Virtual adversarial training: the direction, the loss, and what its passes leave alone."""

import math

import numpy as np
import pytest
import torch
from objectives import batch_of, step_of
from torch import nn
from usb import close, entry, play_images

from models.small_cnn import SmallCNN
from sslapp.methods.consistency.vat.config import VATConfig
from sslapp.methods.consistency.vat.method import VAT, VATObjective
from sslapp.training.objective import LABELLED
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules import adversarial

USB = {"variant": "usb", "epsilon": 1.5, "xi": 1e-6, "lambda_u": 1.0}


def drawn_before(dtype=torch.float64):
    d = torch.tensor(entry("vat")["inputs"]["draws"]["d"], dtype=dtype)
    return lambda images, generator: d


def images(count, seed=0):
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_what_usb_computed():
    objective = VATObjective(VATConfig(**USB), drawn_before())
    for losses, _, expected in play_images(objective, "vat"):
        close(losses.metrics["labelled loss"], expected["supervised"])
        close(losses.metrics["unlabelled loss"], expected["unsupervised"], 1e-7)
        close(losses.metrics["entropy"], expected["entropy"])


class Along(nn.Module):
    """Logits +-(a . x) / 2 along a unit vector a."""

    def __init__(self, a):
        super().__init__()
        self.a = nn.Parameter(a)

    def forward(self, x):
        side = (x.flatten(1) @ self.a)[:, None] / 2
        return torch.cat([side, -side], dim=1)


@pytest.fixture
def along():
    a = torch.randn(64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return Along(a / a.norm())


@pytest.mark.parametrize("iterations", [1, 3])
def test_the_direction_is_found_and_the_step_has_its_length(along, iterations):
    seen = []

    class Seeing(Along):
        def forward(self, x):
            seen.append(x)
            return super().forward(x)

    network = Seeing(along.a.detach())
    views = {LABELLED: torch.zeros(2, 1, 8, 8).double(), "weak": torch.zeros(5, 1, 8, 8).double()}
    batch = batch_of(views, classes=2)
    config = VATConfig(variant="usb", epsilon=1.0, ramp=0.0, power_iterations=iterations)
    objective = VATObjective(config)
    outputs = objective.forward(NetworkPasses(network), batch)
    step = seen[-1].flatten(1)
    assert step.norm(dim=1).tolist() == pytest.approx([1] * 5)
    assert (step @ along.a).abs().tolist() == pytest.approx([1] * 5)
    found = objective.losses(step_of(outputs, batch, names=views))
    assert found.metrics["unlabelled loss"].item() == pytest.approx(0.1201145, abs=1e-7)
    assert found.metrics["entropy"].item() == pytest.approx(math.log(2))


def test_the_length_follows_the_size_of_images():
    config = VATConfig(epsilon=6.0)
    objective = VATObjective(config)
    assert objective.length(torch.zeros(1, 3, 32, 32)) == 6
    assert objective.length(torch.zeros(1, 1, 8, 8)) == pytest.approx(6 * math.sqrt(64 / 3072))
    usb = VATObjective(VATConfig(epsilon=6.0, variant="usb"))
    assert usb.length(torch.zeros(1, 1, 8, 8)) == 6


@pytest.mark.parametrize(("xi", "found"), [(VATConfig().xi, True), (1e-6, False)])
def test_in_float32_the_direction_is_that_of_float64_with_our_xi_but_not_with_usbs(xi, found):
    directions = []
    for dtype in (torch.float64, torch.float32):
        weights = entry("vat")["inputs"]["network"]
        network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).to(dtype)
        with torch.no_grad():
            network[1].weight.copy_(torch.tensor(weights["W"]))
            network[1].bias.copy_(torch.tensor(weights["b"]))
        given = torch.tensor(entry("vat")["inputs"]["steps"][0]["images"]["weak"], dtype=dtype)
        p = torch.softmax(network(given), dim=1).detach()

        def divergence(x, network=network, p=p):
            return (p * (p.log() - torch.log_softmax(network(x), dim=1))).sum(dim=1)

        start = drawn_before(dtype)(given, None)
        d = adversarial.direction(divergence, given, start, xi=xi, iterations=1)
        directions.append(d.flatten(1).double())
    cosines = (directions[0] * directions[1]).sum(dim=1)
    assert (cosines.min() > 0.99) == found


def test_a_vector_of_zeros_and_one_below_the_squares_of_float32():
    vectors = torch.tensor([[0.0, 0.0], [3e-30, 4e-30]])
    assert adversarial.unit(vectors).flatten().tolist() == pytest.approx([0, 0, 0.6, 0.8])


@pytest.fixture
def network():
    torch.manual_seed(0)
    return SmallCNN(3, 1, 8, widths=(4, 4, 4, 4))


def test_pictures_are_what_the_loss_is_taken_on_and_move_nothing(network):
    seen, weak = [], images(6, 1)
    network.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    objective = VATObjective(VATConfig())
    state = {name: value.clone() for name, value in network.state_dict().items()}
    shown = objective.pictures(NetworkPasses(network), {"weak": weak})
    assert list(shown) == ["adversarial"]
    assert all(value.equal(state[name]) for name, value in network.state_dict().items())
    assert all(value.grad is None for value in network.parameters())
    objective.forward(NetworkPasses(network), batch_of({LABELLED: images(4), "weak": weak}))
    assert shown["adversarial"].equal(seen[-1])
    length = (shown["adversarial"] - weak).flatten(1).norm(dim=1)
    assert length.tolist() == pytest.approx([objective.length(weak)] * 6, rel=1e-4)


def taken(network, batch, **options):
    objective = VATObjective(VATConfig(**options))
    outputs = objective.forward(NetworkPasses(network), batch)
    return objective.losses(step_of(outputs, batch, names=batch.views))


def test_running_statistics_follow_the_joint_pass_alone_and_the_search_leaves_no_gradient(network):
    batch = batch_of({LABELLED: images(4), "weak": images(6, 1)}, classes=3)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    NetworkPasses(network).joint(batch.views)
    joint = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(before)
    found = taken(network, batch)
    assert all(value.equal(joint[name]) for name, value in network.state_dict().items())
    assert all(value.grad is None for value in network.parameters())
    assert found.metrics["unlabelled loss"] > 0


def test_no_step_costs_nothing(network):
    batch = batch_of({LABELLED: images(4), "weak": images(6, 1)}, classes=3)
    assert taken(network, batch, epsilon=1e-9).metrics["unlabelled loss"].abs() < 1e-6


class Dropping(Along):
    """Hides pixels at random, as stochastic depth hides layers."""

    draws = True

    def forward(self, x):
        return super().forward(nn.functional.dropout(x, 0.5))


def test_dropout_is_alike_in_the_passes_that_are_compared(along):
    weak = torch.randn(6, 1, 8, 8, dtype=torch.float64)
    batch = batch_of({LABELLED: weak[:2], "weak": weak}, classes=2)
    found = taken(Dropping(along.a.detach()), batch, epsilon=1e-9)
    assert found.metrics["unlabelled loss"].abs() < 1e-12


def test_a_class_that_was_ruled_out_is_neither_kept_nor_made_sure_of():
    forbidden = torch.tensor([[True, False, False]])
    views = {LABELLED: torch.zeros(1, 3), "weak": torch.tensor([[4.0, 0.0, 0.0]])}
    network = nn.Identity()  # logits are the images
    batch = batch_of(views, forbidden=forbidden)
    moved = batch.views["weak"].requires_grad_()
    found = taken(network, batch, lambda_c=0.0, ramp=0.0, epsilon=100.0)
    found.total.backward()
    assert found.metrics["entropy"].item() == pytest.approx(math.log(2))
    assert moved.grad[0, 0] == 0


@pytest.mark.slow
def test_a_short_training(digits, make_run):
    task, truth = digits(60)
    config = VATConfig(steps=20, batch_size=16, unlabelled_ratio=1)
    predicted = VAT(config).fit(task, make_run()).logits(task.pixels, task.pool)
    assert np.mean(predicted.argmax(dim=1).numpy() == truth[task.pool]) > 0.3
