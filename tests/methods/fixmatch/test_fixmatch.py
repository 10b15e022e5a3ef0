"""FixMatch: the equation, where its gradients flow, and that it earns its steps."""

import numpy as np
import pytest
import torch
import usb
from objectives import forward

from sslapp.methods.fixmatch.method import FixMatch, FixMatchConfig, FixMatchObjective
from sslapp.methods.supervised.method import SupervisedObjective
from sslapp.training.objective import LABELLED, TrainingStep
from sslapp.training.rules.alignment.distribution import DistributionAlignment

B, N, C = 4, 12, 3


def make_step(logits, forbidden=None, order=None):
    count = len(logits["weak"])
    order = torch.arange(count) if order is None else order
    if forbidden is None:
        forbidden = torch.zeros(count, C, dtype=torch.bool)
    return TrainingStep(
        number=0,
        total=1,
        labels=torch.arange(B) % C,
        logits={
            LABELLED: logits[LABELLED],
            "weak": logits["weak"][order],
            "strong": logits["strong"][order],
        },
        outputs={},
        forbidden=forbidden[order],
        rows=order,
    )


@pytest.fixture
def logits():
    generator = torch.Generator().manual_seed(1)
    sizes = {LABELLED: B, "weak": N, "strong": N}
    return {
        name: (3 * torch.randn(size, C, generator=generator)).requires_grad_()
        for name, size in sizes.items()
    }


def losses(step, **config):
    return FixMatchObjective(FixMatchConfig(**config)).losses(step)


def test_the_loss_is_the_papers_equation(logits):
    step = make_step(logits)
    total = losses(step, tau=0.8, lambda_u=2.0).total
    supervised = unsupervised = 0.0
    for b in range(B):
        p = torch.softmax(logits[LABELLED][b].double(), dim=0)
        supervised -= torch.log(p[b % C]) / B
    selected = 0
    for b in range(N):
        q = torch.softmax(logits["weak"][b].double(), dim=0)
        if q.max() >= 0.8:
            selected += 1
            p = torch.softmax(logits["strong"][b].double(), dim=0)
            unsupervised -= torch.log(p[q.argmax()]) / N
    assert 0 < selected < N
    assert total.item() == pytest.approx((supervised + 2 * unsupervised).item(), rel=1e-5)


def test_weak_views_get_no_gradient(logits):
    losses(make_step(logits), tau=0.5).total.backward()
    assert logits["weak"].grad is None or not logits["weak"].grad.any()
    assert logits["strong"].grad.any()
    assert logits[LABELLED].grad.any()


def test_weak_images_get_no_gradient_through_the_network_either():
    network = torch.nn.Linear(5, C)
    images = {
        name: torch.randn(size, 5, generator=torch.Generator().manual_seed(size)).requires_grad_()
        for name, size in ((LABELLED, B), ("weak", N), ("strong", N))
    }
    objective = FixMatchObjective(FixMatchConfig(tau=0))
    outputs = forward(objective, network, images)
    objective.losses(make_step(outputs)).total.backward()
    assert torch.equal(images["weak"].grad, torch.zeros(N, 5))
    assert images["strong"].grad.any()


def test_the_order_of_unlabelled_images_does_not_matter(logits):
    forbidden = torch.zeros(N, C, dtype=torch.bool)
    forbidden[3, 1] = forbidden[7, 0] = True
    order = torch.randperm(N, generator=torch.Generator().manual_seed(2))
    one = losses(make_step(logits, forbidden), tau=0.5).total
    other = losses(make_step(logits, forbidden, order), tau=0.5).total
    assert one.item() == pytest.approx(other.item(), rel=1e-6)


@pytest.mark.parametrize("case", ["no unlabelled images", "lambda_u is 0"])
def test_without_unlabelled_loss_the_gradient_is_the_supervised_one_bit_for_bit(logits, case):
    network = torch.nn.Sequential(torch.nn.Linear(C, 8), torch.nn.ReLU(), torch.nn.Linear(8, C))
    count = 0 if case == "no unlabelled images" else N
    inputs = {
        LABELLED: logits[LABELLED].detach(),
        "weak": logits["weak"].detach()[:count],
        "strong": logits["strong"].detach()[:count],
    }
    gradients = []
    lambda_u = 0 if count else 1
    for objective in (
        FixMatchObjective(FixMatchConfig(tau=0, lambda_u=lambda_u)),
        SupervisedObjective(),
    ):
        network.zero_grad()
        # the same joint forward for both: only the losses differ
        outputs = forward(objective, network, inputs)
        objective.losses(make_step(outputs)).total.backward()
        gradients.append([p.grad.clone() for p in network.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_forbidden_classes_are_never_pseudo_labels(logits):
    """The favourite class is ruled out: the image learns its best remaining class, or nothing."""
    weak = torch.tensor([[5.0, 4.0, -5.0], [5.0, 4.0, 3.9]])
    strong = torch.zeros(2, C, requires_grad=True)
    forbidden = torch.tensor([[True, False, False], [True, False, False]])
    step = make_step(
        {LABELLED: logits[LABELLED].detach(), "weak": weak, "strong": strong}, forbidden
    )
    result = losses(step, tau=0.95, lambda_c=0.0)
    result.total.backward()
    # row 0: p(1 | not 0) = .9999 -> pseudo-label 1; row 1: p(1 | not 0) = .52 -> no label
    assert result.metrics["mask rate"].item() == 0.5
    assert strong.grad[0].tolist() == pytest.approx([1 / 6, -1 / 3, 1 / 6])
    assert strong.grad[1].tolist() == [0, 0, 0]


def test_a_forbidden_class_weighs_like_a_label(logits):
    strong = torch.zeros(N, C, requires_grad=True)
    forbidden = torch.zeros(N, C, dtype=torch.bool)
    forbidden[0, 2] = True
    step = make_step({**logits, "strong": strong}, forbidden)
    losses(step, tau=1.0, lambda_c=1.0).total.backward()
    # d/dz -log(1 - p_2) = p - softmax over the allowed, at p = 1/3, divided by B
    expected = [(1 / 3 - 1 / 2) / B, (1 / 3 - 1 / 2) / B, 1 / 3 / B]
    assert strong.grad[0].tolist() == pytest.approx(expected, abs=1e-6)
    assert not strong.grad[1:].any()


def test_bfloat16_logits_are_thresholded_in_float32(logits):
    weak = torch.tensor([[2.96875, 0.0, -200.0]]).bfloat16()  # softmax .9511
    strong = torch.zeros(1, C)
    step = make_step({LABELLED: logits[LABELLED].detach(), "weak": weak, "strong": strong})
    assert losses(step, tau=0.95).metrics["mask rate"].item() == 1


@pytest.mark.parametrize("reduction", ["all", "selected"])
def test_the_oracles_masked_mean_is_the_loss(logits, reduction):
    """Mask 1, 1, 1, 0 and a cross-entropy of ln 2 each: .5198604 over all, .6931472 over the
    selected."""
    weak = torch.tensor([[9.0, 0.0], [0.0, 9.0], [9.0, 0.0], [0.1, 0.0]])
    step = TrainingStep(
        number=0,
        total=1,
        labels=torch.zeros(1, dtype=torch.int64),
        logits={LABELLED: torch.tensor([[50.0, 0.0]]), "weak": weak, "strong": torch.zeros(4, 2)},
        outputs={},
        forbidden=torch.zeros(4, 2, dtype=torch.bool),
        rows=torch.arange(4),
    )
    expected = {"all": 0.5198604, "selected": 0.6931472}[reduction]
    assert losses(step, reduction=reduction).total.item() == pytest.approx(expected, abs=1e-6)


def test_confidences_and_masks_of_the_oracle(logits):
    weak = torch.tensor([[3.0, 0, -99], [4, 0, -99], [0, 5, -99], [1, 0, -99]])
    strong = torch.zeros(4, C, requires_grad=True)
    step = make_step({LABELLED: logits[LABELLED].detach(), "weak": weak, "strong": strong})
    found = losses(step, tau=0.95)
    assert found.metrics["mask rate"].item() == 0.75
    assert found.metrics["pseudo_labels"].tolist() == [2, 1, 0]


def test_alignment_can_turn_a_pseudo_label(logits):
    weak = torch.tensor([[0.3, 0.0, -5.0]] * N)
    step = make_step({**logits, "weak": weak})
    rare = DistributionAlignment(torch.tensor([0.1, 0.8, 0.1]), momentum=0.5)
    config = FixMatchConfig(tau=0.5)
    assert FixMatchObjective(config).losses(step).metrics["pseudo_labels"].tolist() == [N, 0, 0]
    aligned = FixMatchObjective(config, rare).losses(step)
    assert aligned.metrics["pseudo_labels"].tolist() == [0, N, 0]


def test_the_loss_and_its_gradients_are_usbs():
    objective = FixMatchObjective(FixMatchConfig())
    for losses, _, expected in usb.play(objective, "fixmatch"):
        usb.close(losses.metrics["labelled loss"], expected["supervised"])
        usb.close(losses.metrics["unlabelled loss"], expected["unsupervised"])
        assert losses.metrics["mask rate"].item() == pytest.approx(np.mean(expected["mask"]))


@pytest.mark.slow
def test_rejected_classes_keep_a_confused_class_out(digits, make_run):
    """Ruling out a class for the images it wrongly attracts takes the predictions away from it."""
    task, truth = digits(40)
    config = {"steps": 60, "batch_size": 16, "unlabelled_ratio": 2}
    before = FixMatch(FixMatchConfig(**config)).fit(task, make_run(name="before"))
    predicted = before.logits(task.pixels, task.pool).argmax(dim=1).numpy()
    wrong = task.pool[predicted != truth[task.pool]]
    assert len(wrong) > 20
    task.forbidden[wrong, predicted[predicted != truth[task.pool]]] = True
    after = FixMatch(FixMatchConfig(**config)).fit(task, make_run(name="after"))
    again = after.logits(task.pixels, wrong).argmax(dim=1).numpy()
    assert np.mean(task.forbidden[wrong, again]) < 0.5, "it was all of them"
