"""Passes of one step: what they compute, and what they leave as it was."""

from typing import ClassVar

import pytest
import torch
from torch import nn

from models.small_cnn import SmallCNN
from sslapp.methods.supervised.config import SupervisedConfig
from sslapp.training.inputs.feed import Feed, strong_views
from sslapp.training.loop import steps
from sslapp.training.objective import LABELLED, Losses, Objective
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules.losses import cross_entropy
from sslapp.training.run import Stopped


@pytest.fixture
def network():
    torch.manual_seed(0)
    return SmallCNN(3, 1, 8, widths=(4, 4, 4, 4))


def images(count, seed=1):
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def state_of(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def changed(network, before):
    return {name for name, value in network.state_dict().items() if not value.equal(before[name])}


def test_a_joint_pass_is_one_batch_and_moves_the_statistics(network):
    views = {LABELLED: images(4), "weak": images(6, seed=2)}
    before = state_of(network)
    found = NetworkPasses(network).joint(views)
    assert {name.rpartition(".")[2] for name in changed(network, before)} == {
        *("running_mean", "running_var", "num_batches_tracked")
    }
    network.load_state_dict(before)
    whole = network(torch.cat(list(views.values())))
    assert torch.cat([found[LABELLED], found["weak"]]).equal(whole)


def test_a_pass_apart_is_normalised_by_its_own_batch_and_moves_nothing(network):
    batch = images(6)
    before = state_of(network)
    found = NetworkPasses(network).apart(batch)
    assert not changed(network, before)
    assert found.equal(network(batch)), "batch statistics, as in a joint pass of the same images"
    assert changed(network, before), "which does move them"
    found.sum().backward()
    assert all(parameter.grad is not None for parameter in network.body.parameters())


def test_normalisation_that_stays_frozen_stays_so_apart(network):
    network.eval()
    batch = images(6)
    assert NetworkPasses(network).apart(batch).equal(network(batch))
    assert all(m.track_running_stats for m in network.modules() if isinstance(m, nn.BatchNorm2d))


def test_a_pass_that_fails_leaves_the_statistics_tracked(network):
    with pytest.raises(RuntimeError):
        NetworkPasses(network).apart(torch.zeros(2, 5, 8, 8))
    assert all(m.track_running_stats for m in network.modules() if isinstance(m, nn.BatchNorm2d))


def test_the_teacher_has_the_averaged_weights_and_no_gradient(network):
    averaged = {name: value + 0.1 for name, value in state_of(network).items()}
    before, batch = state_of(network), images(6)
    kept = {name: value.clone() for name, value in averaged.items()}
    found = NetworkPasses(network, averaged=lambda: averaged).teacher(batch)
    assert not found.requires_grad
    assert not changed(network, before)
    assert all(value.equal(kept[name]) for name, value in averaged.items())
    other = SmallCNN(3, 1, 8, widths=(4, 4, 4, 4))
    other.load_state_dict(averaged)
    assert found.equal(other(batch))


def test_without_averaged_weights_there_is_no_teacher(network):
    with pytest.raises(RuntimeError, match="no averaged weights"):
        NetworkPasses(network).teacher(images(2))


class Dropping(nn.Module):
    draws = True

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 3)

    def forward(self, x):
        return self.head(nn.functional.dropout(x.flatten(1), 0.5, training=self.training))


def test_passes_that_draw_alike_differ_by_their_images_alone():
    torch.manual_seed(0)
    passes, batch = NetworkPasses(Dropping()), images(4)
    assert not passes.apart(batch).equal(passes.apart(batch))
    assert passes.apart(batch, alike=True).equal(passes.apart(batch, alike=True))
    other = NetworkPasses(passes._network, number=1)
    assert not passes.apart(batch, alike=True).equal(other.apart(batch, alike=True))


def test_an_exact_pass_is_float32_whatever_the_run_computes_in(network):
    passes, batch = NetworkPasses(network), images(4)
    with torch.autocast("cpu", torch.bfloat16):
        assert passes.apart(batch).dtype == torch.bfloat16
        assert passes.apart(batch, exact=True).dtype == torch.float32


def test_all_generators_of_a_step_are_keyed_by_purpose_and_step(network):
    drawn = {
        (number, purpose): torch.rand(
            1, generator=NetworkPasses(network, number=number).generator(purpose)
        ).item()
        for number in (0, 1)
        for purpose in ("mix", "noise")
    }
    assert len(set(drawn.values())) == 4
    again = torch.rand(1, generator=NetworkPasses(network, number=1).generator("mix")).item()
    assert again == drawn[1, "mix"]


class Turned(Objective):
    """Cross-entropy, and a second head that tells which view of a labelled image it sees."""

    labelled_views: ClassVar = {"labelled medium": "medium", "labelled strong": "strong"}

    def heads(self, num_features):
        return nn.ModuleDict({"view": nn.Linear(num_features, 3)})

    def forward(self, passes, batch):
        features = passes.joint_features(batch.views)
        return {LABELLED: passes.head(features[LABELLED])} | {
            f"which {name}": passes.heads["view"](value) for name, value in features.items()
        }

    def losses(self, step):
        loss = cross_entropy(step.logits[LABELLED], step.labels).mean()
        for place, logits in enumerate(step.outputs.values()):
            loss = loss + cross_entropy(logits, torch.full((len(logits),), place)).mean()
        return Losses(loss, {"all": loss.detach()})


CONFIG = SupervisedConfig(steps=6, batch_size=4)


def test_further_heads_learn_resume_and_are_left_behind(stripes, make_run):
    task = stripes()
    seen = []

    def stop_after_four():
        seen.append(1)
        return len(seen) > 4

    whole = steps.train(task, make_run("whole"), CONFIG, Turned())
    with pytest.raises(Stopped):
        steps.train(
            task,
            make_run("one", checkpoint_seconds=0, should_stop=stop_after_four),
            CONFIG,
            Turned(),
        )
    resumed = steps.train(task, make_run("two", after=("one",)), CONFIG, Turned())
    every = torch.arange(54).numpy()
    assert whole.logits(task.pixels, every).equal(resumed.logits(task.pixels, every))
    assert not any(name.startswith("heads.") for name in whole._state)


def test_further_heads_take_gradient_steps(stripes, make_run):
    loop = steps.Loop(stripes(), make_run(), CONFIG, Turned())
    before = state_of(loop.network)
    loop.step(0)
    assert {"heads.view.weight", "heads.view.bias", "head.weight"} <= changed(loop.network, before)
    assert "heads.view.weight" in loop.ema.parameters


def test_labelled_images_come_in_every_view_that_is_declared(stripes, make_run):
    feed = Feed(stripes(), make_run(), CONFIG, {}, Turned.labelled_views)
    batch = feed.take(3)
    assert list(batch.views) == [LABELLED, "labelled medium", "labelled strong"]
    assert len({len(view) for view in batch.views.values()}) == 1
    weak, medium, strong = (view.double() for view in batch.views.values())
    assert (weak - medium).abs().mean() < (weak - strong).abs().mean()


def test_a_medium_view_applies_one_operation_of_the_policy():
    config = SupervisedConfig(augmentation="usb")
    medium = strong_views(config, medium=True)
    assert (medium.policy.draws, medium.policy.probability) == (1, 1.0)
    assert medium.policy.operations == strong_views(config).policy.operations
    smooth = strong_views(SupervisedConfig(augmentation="smooth"), medium=True)
    assert (smooth.degrees, smooth.box) == (12.5, 0.3)
