"""MixMatch: its loss in USB's terms, what is guessed and mixed, and a short training."""

import numpy as np
import pytest
import torch
from objectives import batch_of, step_of
from usb import close, entry, play_images

from models.small_cnn import SmallCNN
from sslapp.methods.mixing.mixmatch.config import MixMatchConfig
from sslapp.methods.mixing.mixmatch.method import MixMatch, MixMatchObjective
from sslapp.training.objective import LABELLED, NONE_OF_THESE
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules.mixing import Mix, drawing

VIEWS = {"weak": "first", "strong": "second"}


def unmixed(count, generator):
    return Mix(torch.ones(1), torch.arange(count))


def objective(draw=unmixed, ruled_out=False, **options):
    return MixMatchObjective(MixMatchConfig(**options), draw, ruled_out=ruled_out)


def test_what_usb_computed():
    drawn = entry("mixmatch")["inputs"]["draws"]
    weight = torch.tensor([drawn["lambda_used"]], dtype=torch.float64)
    mix = Mix(weight, torch.tensor(drawn["permutation"]))
    chosen = objective(lambda count, generator: mix, variant="usb", alpha=0.5, lambda_u=100)
    for losses, outputs, expected in play_images(chosen, "mixmatch", names=VIEWS):
        close(losses.metrics["labelled loss"], expected["supervised"])
        close(losses.metrics["unlabelled loss"], expected["unsupervised"])
        close(outputs["mixed guesses"], expected["target"])
        close(outputs["mixed labels"], expected["target_labelled"])


def images(count, seed=0):
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return SmallCNN(3, 1, 8, widths=(4, 4, 4, 4))


def given(forbidden=None):
    views = {LABELLED: images(4), "first": images(6, 1), "second": images(6, 2)}
    return batch_of(views, torch.tensor([0, 1, 2, 0]), forbidden, classes=3)


def test_without_mixing_both_views_get_one_guess_and_labels_stay_classes(network):
    batch = given()
    outputs = objective().forward(NetworkPasses(network), batch)
    assert outputs["mixed labels"].argmax(dim=1).tolist() == [0, 1, 2, 0]
    first, second = outputs["mixed guesses"].split(6)
    assert first.equal(second)
    answers = NetworkPasses(network).apart(torch.cat([batch.views["first"], batch.views["second"]]))
    mean = torch.softmax(answers, dim=1).view(2, 6, 3).mean(dim=0)
    assert torch.allclose(first, mean**2 / (mean**2).sum(dim=1, keepdim=True), atol=1e-6)


def test_images_are_taken_for_their_guess_whatever_they_are_mixed_with(network):
    def swapped(count, generator):
        return Mix(torch.zeros(1), torch.arange(count).flip(0))

    batch = given()
    plain, mixed = (
        chosen.losses(step_of(chosen.forward(NetworkPasses(network), batch), batch)).guesses
        for chosen in (objective(), objective(swapped))
    )
    answers = NetworkPasses(network).apart(torch.cat([batch.views["first"], batch.views["second"]]))
    likeliest = torch.softmax(answers, dim=1).view(2, 6, 3).mean(dim=0).argmax(dim=1)
    assert plain.classes.equal(likeliest) and mixed.classes.equal(likeliest)
    assert plain.weight.all() and mixed.weight.all()


def test_guesses_have_no_gradient_and_leave_the_running_statistics_alone(network):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    batch = given()
    NetworkPasses(network).joint(batch.views)  # of unmixed images, as the objective's is here
    joint = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(before)
    outputs = objective().forward(NetworkPasses(network), batch)
    assert all(value.equal(joint[name]) for name, value in network.state_dict().items())
    assert not outputs["mixed guesses"].requires_grad
    assert outputs["mixed"].requires_grad


def test_the_ramp_is_on_the_weight():
    assert [objective().ramp(k, 100) for k in (0, 20, 40)] == [0, 0.5, 1]


def test_a_class_that_was_ruled_out_is_not_guessed_and_its_loss_is_on_the_unmixed_view(network):
    forbidden = torch.zeros(6, 3, dtype=torch.bool)
    forbidden[:, 1] = True
    batch = given(forbidden)

    def mixed(count, generator):
        return Mix(torch.full((1,), 0.6), torch.arange(count).flip(0))

    outputs = objective().forward(NetworkPasses(network), batch)
    assert not outputs["mixed guesses"][:, 1].any()
    assert "first" not in outputs
    chosen = objective(mixed, ruled_out=True, lambda_u=0.0)
    outputs = chosen.forward(NetworkPasses(network), batch)
    outputs["first"].retain_grad()
    chosen.losses(step_of(outputs, batch)).total.backward()
    assert torch.all(outputs["first"].grad[:, 1] > 0)


def test_images_that_no_class_fits_are_not_mixed(network):
    batch = given()
    views = {**batch.views, NONE_OF_THESE: images(2, 3)}
    with_none = batch_of(views, batch.labels, batch.forbidden, batch.rows)
    outputs = objective().forward(NetworkPasses(network), with_none)
    assert outputs[NONE_OF_THESE].shape == (2, 3)
    assert len(outputs["mixed"]) == 12


def test_pictures_are_mixtures_that_follow_the_step(network):
    views = {"first": images(6, 1), "second": images(6, 2)}
    chosen = objective(drawing(0.75, torch.device("cpu"), per_image=True))
    shown, again, later = (
        chosen.pictures(NetworkPasses(network, number=number), views) for number in (3, 3, 4)
    )
    assert list(shown) == ["mixed"]
    assert shown["mixed"].equal(again["mixed"]) and not shown["mixed"].equal(later["mixed"])

    def halves(count, generator):
        return Mix(torch.full((1,), 0.5), torch.arange(count).roll(6))

    (found,) = objective(halves).pictures(NetworkPasses(network), views).values()
    assert found.equal((views["first"] + views["second"]) / 2)


@pytest.mark.slow
def test_a_short_training(digits, make_run):
    task, truth = digits(60)
    task.forbidden[task.pool[:200], 0] = truth[task.pool[:200]] != 0
    config = MixMatchConfig(steps=40, batch_size=16, unlabelled_ratio=1, lambda_u=5.0)
    predicted = MixMatch(config).fit(task, make_run()).logits(task.pixels, task.pool)
    assert np.mean(predicted.argmax(dim=1).numpy() == truth[task.pool]) > 0.3
