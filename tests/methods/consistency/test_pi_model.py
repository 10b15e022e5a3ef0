"""Pi-model: its loss in the papers' and USB's terms, what it compares, and a short training."""

import numpy as np
import pytest
import torch
from objectives import batch_of, step_of
from usb import close, entry, play_images

from models.small_cnn import SmallCNN
from sslapp.methods.consistency.pi_model.config import PiModelConfig
from sslapp.methods.consistency.pi_model.method import PiModel, PiModelObjective
from sslapp.training.objective import LABELLED, NONE_OF_THESE
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules.losses import cross_entropy

VIEWS = {"weak": "first", "strong": "second"}
PLAIN = {"noise": 0.0, "ramp": 0.0}


def step(first, second, *, forbidden=None, number=0, total=1):
    logits = {LABELLED: torch.zeros(1, len(first[0])), "first": first, "second": second}
    return step_of(logits, batch_of(logits, forbidden=forbidden), number=number, total=total)


def images(count, seed=0):
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def unlabelled_loss(given, **options):
    found = PiModelObjective(PiModelConfig(**{**PLAIN, **options})).losses(given)
    return found.metrics["unlabelled loss"].item()


def test_what_usb_computed():
    objective = PiModelObjective(PiModelConfig(variant="usb", noise=0.0))
    for losses, _, expected in play_images(objective, "pimodel", names=VIEWS):
        close(losses.metrics["labelled loss"], expected["supervised"])
        close(losses.metrics["unlabelled loss"], expected["unsupervised"])


def test_usb_differs_from_the_paper_in_the_gradient_and_in_the_ramp_alone():
    objective = PiModelObjective(PiModelConfig(noise=0.0))
    with pytest.raises(AssertionError):
        list(play_images(objective, "pimodel", names=VIEWS))
    given = step(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.5]]))
    assert unlabelled_loss(given) == unlabelled_loss(given, variant="usb")
    assert objective.ramp(10, 100) == pytest.approx(np.exp(-5 * 0.75**2))


def test_half_against_one_is_a_quarter():
    given = step(torch.tensor([[99.0, -99.0]]), torch.zeros(1, 2))
    assert unlabelled_loss(given) == pytest.approx(0.25)


def test_targets_are_probabilities_and_not_logits():
    """TorchSSL's published figures are of a softmax held against raw logits."""
    first, second = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.5]])
    assert unlabelled_loss(step(first + 7, second)) == pytest.approx(
        unlabelled_loss(step(first, second)), rel=1e-6
    )


@pytest.mark.parametrize("variant", ["paper", "usb"])
def test_who_is_moved(variant):
    logits = [torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.5]])]
    first, second = (each.requires_grad_() for each in logits)
    config = PiModelConfig(**PLAIN, variant=variant)
    PiModelObjective(config).losses(step(first, second)).total.backward()
    assert second.grad.any()
    assert (first.grad is not None) == (variant == "paper")


def test_equal_views_without_noise_cost_nothing_also_with_batch_normalisation():
    network = SmallCNN(3, 1, 8, widths=(4, 4, 4, 4))
    views = {LABELLED: images(4), "first": images(6, 1), "second": images(6, 1)}
    batch = batch_of(views, classes=3)

    def loss(**options):
        objective = PiModelObjective(PiModelConfig(**options))
        outputs = objective.forward(NetworkPasses(network), batch)
        return objective.losses(step_of(outputs, batch)).metrics["unlabelled loss"].item()

    assert loss(noise=0.0) == 0
    assert loss(noise=0.3) > 0
    assert loss(noise=0.0, dropout=0.5) > 0


def test_noise_alone_perturbs_one_view_twice():
    network = SmallCNN(3, 1, 8, widths=(4, 4, 4, 4))
    objective = PiModelObjective(PiModelConfig(perturbation="noise", noise=0.3))
    assert objective.views == {"second": "weak"}
    views = {LABELLED: images(4), "second": images(6, 1), NONE_OF_THESE: images(2, 2)}
    batch = batch_of(views, forbidden=torch.zeros(6, 3, dtype=torch.bool))
    outputs = objective.forward(NetworkPasses(network), batch)
    assert {name: len(value) for name, value in outputs.items()} == {
        **{LABELLED: 4, "first": 6, "second": 6, NONE_OF_THESE: 2}
    }
    assert objective.losses(step_of(outputs, batch)).metrics["unlabelled loss"] > 0


def test_images_are_taken_for_what_their_first_version_looks_like():
    given = step(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 9.0]]))
    found = PiModelObjective(PiModelConfig(**PLAIN)).losses(given)
    assert (found.guesses.classes.tolist(), found.guesses.weight.tolist()) == ([0], [1])


def test_a_class_that_was_ruled_out_is_no_target():
    first, second = torch.tensor([[9.0, 0.0, 0.0]]), torch.zeros(1, 3, requires_grad=True)
    forbidden = torch.tensor([[True, False, False]])
    config = PiModelConfig(**PLAIN, lambda_c=0.0, variant="usb")
    PiModelObjective(config).losses(step(first, second, forbidden=forbidden)).total.backward()
    assert second.grad[0, 0] > 0, "the probability falls"
    assert second.grad[0, 1] == second.grad[0, 2] < 0


def test_without_weight_it_is_supervised_training():
    found = entry("pimodel")
    logits = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    views = {LABELLED: logits, "first": torch.randn(6, 3), "second": torch.randn(6, 3)}
    labels = torch.tensor(found["inputs"]["labels"])
    batch = batch_of(views, labels, classes=3)
    objective = PiModelObjective(PiModelConfig(lambda_u=0.0))
    objective.losses(step_of(views, batch)).total.backward()
    (expected,) = torch.autograd.grad(cross_entropy(logits, labels).mean(), logits)
    assert logits.grad.equal(expected)


@pytest.mark.slow
def test_a_short_training(digits, make_run):
    task, truth = digits(60)
    config = PiModelConfig(steps=20, batch_size=16, unlabelled_ratio=1)
    predicted = PiModel(config).fit(task, make_run()).logits(task.pixels, task.pool)
    assert np.mean(predicted.argmax(dim=1).numpy() == truth[task.pool]) > 0.3
