"""Gradients of the losses and objectives against finite differences, in float64."""

import pytest
import torch
from objectives import forward
from torch import nn
from torch.autograd import gradcheck

from sslapp.methods.fixmatch.method import FixMatchConfig, FixMatchObjective
from sslapp.methods.freematch.method import FreeMatchConfig, FreeMatchObjective
from sslapp.methods.layermatch.method import LayerMatchConfig, LayerMatchObjective
from sslapp.methods.supervised.method import SupervisedObjective
from sslapp.training.objective import LABELLED, TrainingStep
from sslapp.training.rules.losses import complementary_loss, cross_entropy, fairness, masked_mean
from sslapp.training.rules.thresholds.confidence import SelfAdaptiveThreshold

B, N, C, D = 3, 5, 4, 6
CPU = torch.device("cpu")


def drawn(*shape, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def ruled_out():
    forbidden = torch.zeros(N, C, dtype=torch.bool)
    forbidden[0, 1] = forbidden[3, 0] = forbidden[3, 2] = True
    return forbidden


def step_of(logits, outputs=None):
    return TrainingStep(
        number=1,
        total=10,
        labels=torch.arange(B) % C,
        logits=logits,
        outputs=outputs or {},
        forbidden=ruled_out(),
        rows=torch.arange(N),
    )


@pytest.mark.parametrize("reduction", ["all", "selected"])
def test_masked_cross_entropy(reduction):
    mask = torch.tensor([True, False, True, True, False])
    targets = torch.arange(N) % C

    def loss(logits):
        return masked_mean(cross_entropy(logits, targets), mask, reduction)

    assert gradcheck(loss, drawn(N, C).requires_grad_())


def test_cross_entropy_of_soft_targets():
    targets = torch.softmax(drawn(N, C, seed=1), dim=1)
    assert gradcheck(lambda z: cross_entropy(z, targets), drawn(N, C).requires_grad_())


def test_complementary_loss():
    assert gradcheck(lambda z: complementary_loss(z, ruled_out()), drawn(N, C).requires_grad_())


def test_fairness_moves_the_mean_of_strong_predictions_alone():
    share, predicted = (torch.softmax(drawn(C, seed=seed), dim=0) for seed in (1, 2))
    mask = torch.tensor([True, True, False, True, True])

    def loss(logits):
        return fairness(torch.softmax(logits, dim=1), mask, share, predicted)

    assert gradcheck(loss, drawn(N, C, scale=2).requires_grad_())


def test_the_supervised_objective():
    def loss(labelled):
        return SupervisedObjective().losses(step_of({LABELLED: labelled})).total

    assert gradcheck(loss, drawn(B, C).requires_grad_())


@pytest.mark.parametrize("reduction", ["all", "selected"])
@pytest.mark.parametrize("fair", [False, True])
def test_the_threshold_objectives_by_labelled_and_strong_logits(reduction, fair):
    weak = drawn(N, C, seed=3, scale=3)
    shared = {"lambda_u": 1.5, "lambda_c": 0.7, "reduction": reduction}

    def objective():
        if not fair:
            return FixMatchObjective(FixMatchConfig(tau=0.6, **shared))
        rule = SelfAdaptiveThreshold(0.9, C, CPU, dtype=torch.float64)
        return FreeMatchObjective(FreeMatchConfig(lambda_f=0.5, **shared), rule)

    def loss(labelled, strong):
        found = objective().losses(step_of({LABELLED: labelled, "weak": weak, "strong": strong}))
        assert 0 < found.metrics["mask rate"] <= 1
        return found.total

    strong = drawn(N, C, seed=2, scale=2).requires_grad_()
    assert gradcheck(loss, (drawn(B, C, seed=1).requires_grad_(), strong))


class Linear(nn.Module):
    """A network whose features are the images: what LayerMatch's losses do to them is seen."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(D, C).double()
        with torch.no_grad():
            self.head.weight.copy_(drawn(C, D, seed=5))
            self.head.bias.copy_(drawn(C, seed=6))

    def features(self, images):
        return images


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"grad_relu_c": False},
        {"average_clustering": False, "threshold": "fixed", "tau": 0.6, "reduction": "all"},
    ],
)
def test_layermatchs_objective_by_the_features(options):
    """Stopped gradients are constants: with the weak features fixed, the rest is differentiable."""
    network, weak = Linear(), drawn(N, D, seed=3)
    chosen = LayerMatchObjective(LayerMatchConfig(**options), C, 100, CPU)
    chosen.threshold.select = lambda p, rows: chosen.threshold.mask(p)  # its averages stand still
    with torch.no_grad():
        chosen.averaged.copy(network.head)
        for value in chosen.averaged._now.values():
            value.add_(drawn(*value.shape, seed=7))

    def loss(labelled, strong):
        views = {LABELLED: labelled, "weak": weak, "strong": strong}
        outputs = forward(chosen, network, views)
        logits = {name: outputs.pop(name) for name in views}
        found = chosen.losses(step_of(logits, outputs))
        assert found.metrics["mask rate"] > 0
        return found.total

    inputs = drawn(B, D, seed=1).requires_grad_(), drawn(N, D, seed=2).requires_grad_()
    assert gradcheck(loss, inputs)


@pytest.mark.parametrize("held", [True, False])
def test_grad_relu_hides_the_head_from_pseudo_labels_and_nothing_else(held):
    """The head's gradient is the finite difference of the labelled loss alone, or of all."""
    weak, strong, labelled = (drawn(size, D, seed=size) for size in (N, N + 1, B))
    strong = strong[:N]
    network = Linear()
    options = {"threshold": "fixed", "tau": 0.3, "lambda_c": 0.0, "average_clustering": False}
    chosen = LayerMatchObjective(LayerMatchConfig(grad_relu=held, **options), C, 100, CPU)

    def losses():
        outputs = forward(chosen, network, {LABELLED: labelled, "weak": weak, "strong": strong})
        logits = {name: outputs.pop(name) for name in (LABELLED, "weak", "strong")}
        return chosen.losses(step_of(logits, outputs))

    found = losses()
    found.total.backward()
    terms = ["labelled loss"] if held else ["labelled loss", "unlabelled loss"]
    for row, column in ((0, 0), (1, 4), (3, 2)):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                network.head.weight[row, column] += sign * 1e-6
                metrics = losses().metrics
                network.head.weight[row, column] -= sign * 1e-6
            values.append(sum(metrics[term].item() for term in terms))
        difference = (values[0] - values[1]) / 2e-6
        assert network.head.weight.grad[row, column].item() == pytest.approx(difference, abs=1e-7)
