"""LayerMatch: which loss moves what, the averaged head, the adaptive threshold, and its worth."""

import pytest
import torch
from objectives import forward

from models.small_cnn import SmallCNN
from sslapp.methods.fixmatch.method import FixMatchConfig, FixMatchObjective
from sslapp.methods.layermatch.method import (
    AVERAGED,
    AveragedHead,
    LayerMatchConfig,
    LayerMatchObjective,
    period,
)
from sslapp.methods.supervised.method import SupervisedObjective
from sslapp.training.objective import LABELLED, TrainingStep
from sslapp.training.rules.thresholds.confidence import SelfAdaptiveThreshold

B, N, C = 4, 8, 3
CPU = torch.device("cpu")


@pytest.fixture
def images():
    def make(size):
        generator = torch.Generator().manual_seed(size)
        return torch.randn(size, 1, 8, 8, generator=generator)

    return {LABELLED: make(B), "weak": make(N), "strong": make(N + 1)[1:]}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return SmallCNN(C, 1, 8, widths=(4, 4, 4, 4))


def objective(**config):
    return LayerMatchObjective(LayerMatchConfig(**config), C, 100, CPU)


def take(chosen, network, images, number=0, forbidden=None):
    outputs = forward(chosen, network, images)
    logits = {name: outputs.pop(name).float() for name in images}
    step = TrainingStep(
        number=number,
        total=100,
        labels=torch.arange(B) % C,
        logits=logits,
        outputs=outputs,
        forbidden=torch.zeros(N, C).bool() if forbidden is None else forbidden,
        rows=torch.arange(N),
    )
    network.zero_grad(set_to_none=True)
    found = chosen.losses(step)
    found.total.backward()
    return found


def gradients(network):
    return {name: value.grad.clone() for name, value in network.named_parameters()}


def test_the_head_is_moved_by_the_labels_alone_and_the_features_by_everything(network, images):
    take(objective(), network, images)
    ours = gradients(network)
    # the supervised loss in the same joint forward, so with the same batch statistics
    take(objective(lambda_u=0, lambda_ac=0), network, images)
    supervised = gradients(network)
    for name, gradient in ours.items():
        assert torch.equal(gradient, supervised[name]) == name.startswith("head."), name


def test_without_grad_relu_the_pseudo_labels_move_the_head_too(network, images):
    take(objective(grad_relu=False), network, images)
    ours = gradients(network)
    take(objective(lambda_u=0, lambda_ac=0), network, images)
    assert not torch.equal(ours["head.weight"], gradients(network)["head.weight"])
    assert not torch.equal(ours["head.bias"], gradients(network)["head.bias"])


def test_without_its_unlabelled_losses_it_is_supervised_training(network, images):
    chosen = objective(lambda_u=0, lambda_ac=0)
    found = take(chosen, network, images)
    ours = gradients(network)
    plain = SupervisedObjective()
    outputs = forward(plain, network, images)
    step = TrainingStep(
        number=0,
        total=100,
        labels=torch.arange(B) % C,
        logits=outputs,
        outputs={},
        forbidden=torch.zeros(N, C).bool(),
        rows=torch.arange(N),
    )
    network.zero_grad(set_to_none=True)
    expected = plain.losses(step)
    expected.total.backward()
    # the same numbers lie elsewhere in memory, and some CPUs add them up in another order then
    torch.testing.assert_close(found.total, expected.total, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(ours, gradients(network), rtol=1e-6, atol=1e-7)


def test_the_averaged_head_gets_a_gradient_but_is_no_parameter_of_the_network(network, images):
    chosen = objective()
    take(chosen, network, images)
    now = chosen.averaged._now
    assert now["weight"].grad.any() and now["bias"].grad.any()
    known = {id(value) for value in network.parameters()}
    assert not known & {id(value) for value in now.values()}


def test_the_averaged_head_follows_the_recursion():
    averaged = AveragedHead(momentum=0.999, step_size=5e-4)
    head = torch.nn.Linear(1, 1).double()
    torch.nn.init.ones_(head.weight)
    averaged.copy(head)
    averaged._now["weight"] = averaged._now["weight"].detach().double().requires_grad_()
    averaged._now["weight"].grad = torch.full((1, 1), 2.0, dtype=torch.float64)
    averaged.step()
    assert averaged._now["weight"].item() == pytest.approx(0.999999, abs=1e-12)
    assert averaged._now["weight"].grad is None


def test_a_reset_copies_the_head_and_later_changes_of_the_head_leave_the_copy(network, images):
    chosen = objective(reset_every=10, head_step=0.5, momentum=0.0)
    take(chosen, network, images)
    chosen.stepped(network, 3)
    assert chosen.averaged.distance() > 0
    chosen.stepped(network, 10)
    assert chosen.averaged.distance() == 0
    before = chosen.averaged._now["weight"].clone()
    with torch.no_grad():
        network.head.weight += 1
    assert torch.equal(chosen.averaged._now["weight"], before)


def test_with_a_copy_at_every_step_the_clustering_loss_is_the_unlabelled_loss(network, images):
    chosen = objective(reset_every=1)
    for number in range(3):
        found = take(chosen, network, images, number)
        with torch.no_grad():
            for value in network.parameters():
                value.sub_(0.1 * value.grad)
        chosen.stepped(network, number)
        assert found.metrics["clustering loss"].item() == pytest.approx(
            found.metrics["unlabelled loss"].item(), rel=1e-6
        )


FIXMATCH = {
    "grad_relu": False,
    "grad_relu_c": False,
    "average_clustering": False,
    "threshold": "fixed",
    "tau": 0.4,
    "reduction": "all",
}
"""The ablations' first row: what is left is FixMatch."""


def ruled_out():
    forbidden = torch.zeros(N, C, dtype=torch.bool)
    forbidden[2, 1] = True
    return forbidden


def test_with_every_switch_off_it_is_fixmatch(network, images):
    ours = take(objective(**FIXMATCH), network, images, forbidden=ruled_out())
    found = gradients(network)
    plain = FixMatchObjective(FixMatchConfig(tau=0.4))
    theirs = take(plain, network, images, forbidden=ruled_out())
    assert 0 < ours.metrics["mask rate"] < 1
    assert ours.total.item() == theirs.total.item()
    # one head for all views or one each: the same sums in another order
    for name, value in gradients(network).items():
        assert torch.allclose(found[name], value, rtol=1e-4, atol=1e-7), name


@pytest.mark.parametrize(
    ("switches", "moved", "clusters"),
    [
        ({}, True, False),  # FixMatch, 63.08 % in the paper's table
        ({"grad_relu": True, "grad_relu_c": True}, False, False),  # + Grad-ReLU, 66.50 %
        ({"threshold": "adaptive", "average_clustering": True}, True, True),  # w/o GR, 55.41 %
        ({"threshold": "adaptive", "grad_relu": True, "grad_relu_c": True}, False, False),  # 80.45
        (
            {
                "threshold": "adaptive",
                "grad_relu": True,
                "grad_relu_c": True,
                "average_clustering": True,
            },
            False,
            True,
        ),  # LayerMatch, 97.60 %
    ],
)
def test_every_row_of_the_papers_ablations_can_be_run(network, images, switches, moved, clusters):
    chosen = objective(**{**FIXMATCH, **switches})
    found = take(chosen, network, images)
    head = gradients(network)["head.weight"]
    take(objective(lambda_u=0, lambda_ac=0), network, images)
    assert torch.equal(head, gradients(network)["head.weight"]) != moved
    assert ("clustering loss" in found.metrics) == clusters
    adaptive = switches.get("threshold") == "adaptive"
    assert isinstance(chosen.threshold, SelfAdaptiveThreshold) == adaptive
    assert ("threshold" in found.metrics) == adaptive


@pytest.mark.parametrize("grad_relu", [True, False])
@pytest.mark.parametrize("grad_relu_c", [True, False])
def test_grad_relu_is_switched_for_each_loss_by_itself(network, images, grad_relu, grad_relu_c):
    switches = {"grad_relu": grad_relu, "grad_relu_c": grad_relu_c}
    for weights, held in (({"lambda_c": 0.0}, grad_relu), ({"lambda_u": 0.0}, grad_relu_c)):
        options = {**switches, **weights, "lambda_ac": 0.0}
        take(objective(**options), network, images, forbidden=ruled_out())
        head = gradients(network)["head.weight"]
        body = gradients(network)["body.0.weight"]
        alone = {"lambda_u": 0.0, "lambda_c": 0.0, "lambda_ac": 0.0}
        take(objective(**alone), network, images, forbidden=ruled_out())
        assert torch.equal(head, gradients(network)["head.weight"]) == held
        assert not torch.equal(body, gradients(network)["body.0.weight"])


@pytest.mark.parametrize("every", [1, 3, 204_800])
def test_the_head_is_copied_at_step_0_and_at_every_nth(network, images, every):
    chosen = objective(reset_every=every, head_step=0.5, momentum=0.0)
    copies = []
    for number in range(7):
        take(chosen, network, images, number)
        with torch.no_grad():
            network.head.weight.mul_(1.1)
        chosen.stepped(network, number)
        if torch.equal(chosen.averaged._now["weight"], network.head.weight):
            copies.append(number)
    assert copies == [number for number in range(7) if number % every == 0]


def test_the_clustering_can_be_switched_off(network, images):
    chosen = objective(average_clustering=False)
    assert AVERAGED not in forward(chosen, network, images)
    assert "clustering loss" not in take(chosen, network, images).metrics
    chosen.stepped(network, 0)
    assert not chosen.averaged.is_set


def test_its_state_survives_a_checkpoint(network, images):
    chosen = objective(head_step=0.5, momentum=0.5)
    take(chosen, network, images)
    chosen.stepped(network, 1)
    other = objective(head_step=0.5, momentum=0.5)
    other.load_state_dict(chosen.state_dict())
    one, two = (take(each, network, images, 2).total.item() for each in (chosen, other))
    assert one == two
    for each in (chosen, other):
        each.stepped(network, 2)
    for name, value in chosen.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


@pytest.mark.parametrize(
    ("total", "steps"), [(204_800, 2048), (2**20, 10_486), (2000, 20), (500, 10)]
)
def test_resets_keep_the_papers_share_of_the_run(total, steps):
    assert period(total) == steps


def test_the_adaptive_threshold_is_freematchs():
    rule = SelfAdaptiveThreshold(0.9, 2, CPU)
    p = torch.tensor([[0.9, 0.1], [0.6, 0.4]])
    rule.update(p, torch.arange(2))
    assert rule.tau.item() == pytest.approx(0.525, abs=1e-6)
    assert rule.share.tolist() == pytest.approx([0.525, 0.475], abs=1e-6)
    assert rule.limits().tolist() == pytest.approx([0.525, 0.475], abs=1e-6)
    assert rule.mask(p).tolist() == [True, True]
    slow = SelfAdaptiveThreshold(0.999, 10, CPU)
    slow.update(torch.tensor([[0.8, *[0.2 / 9] * 9]]), torch.arange(1))
    assert slow.tau.item() == pytest.approx(0.1007, abs=1e-6)
    before = slow.state_dict()
    slow.update(torch.zeros(0, 10), torch.arange(0))
    assert all(torch.equal(before[name], value) for name, value in slow.state_dict().items())
