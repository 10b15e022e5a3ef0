"""Pre-trained networks: what stays frozen, what learns, what is kept; and that a seed gives all."""

import sys

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from sslapp.methods.fixmatch.method import FixMatch, FixMatchConfig
from sslapp.methods.layermatch.method import LayerMatch, LayerMatchConfig
from sslapp.methods.supervised.method import Supervised, SupervisedConfig, SupervisedObjective
from sslapp.training import configuration, fine_tuning, networks
from sslapp.training.configuration import TrainingConfig
from sslapp.training.loop.steps import Loop
from sslapp.training.predictor import NetworkPredictor
from sslapp.training.run import Stopped

LITE = "efficientnet-lite0"
SIDE = 32
SIZES = {"network": LITE, "steps": 2, "batch_size": 4}
NORM = ("running_mean", "running_var", "num_batches_tracked")


@pytest.fixture
def larger(stripes):
    """The striped task at 32 pixels."""
    task = stripes()
    task.pixels.array = np.kron(task.pixels.array, np.ones((1, 1, 4, 4), dtype=np.uint8))
    task.pixels.shape = task.pixels.array.shape
    return task


@pytest.fixture(scope="module")
def published():
    """The installed weights, by the network's names."""
    network = networks.build(LITE, num_classes=3, channels=3, size=SIDE, seed=0)
    networks.load_weights(network, LITE, None)
    return {
        name: value for name, value in network.state_dict().items() if not name.startswith("head.")
    }


def trained(task, run, **options):
    return Supervised(SupervisedConfig(**SIZES, **options)).fit(task, run).state


def changed(state, published):
    return {name for name, value in published.items() if not torch.equal(state[name], value)}


def blocks(names):
    return {int(name.split(".")[2]) for name in names if name.startswith("body._blocks.")}


@pytest.mark.slow
def test_all_of_a_network_learns_unless_it_is_said_otherwise(larger, make_run, published):
    found = changed(trained(larger, make_run()), published)
    assert {name for name in published if not name.endswith(NORM)} <= found
    assert any(name.endswith("running_mean") for name in found)


@pytest.mark.slow
def test_the_first_two_thirds_stay_when_the_last_blocks_learn(larger, make_run, published):
    found = changed(trained(larger, make_run(), train="last-blocks"), published)
    assert blocks(found) == set(range(12, 16)), "of 16 blocks, statistics of batch norms included"
    assert {"body._conv_head.weight", "body._bn1.running_mean"} <= found
    assert not found & {"body._conv_stem.weight", "body._bn0.weight", "body._bn0.running_mean"}


@pytest.mark.slow
def test_the_head_alone_learns_on_a_network_that_stays(larger, make_run, published):
    first = trained(larger, make_run("first", seed=3), train="head")
    assert changed(first, published) == set()
    other = trained(larger, make_run("other", seed=4), train="head")
    assert not torch.equal(first["head.weight"], other["head.weight"])


@pytest.mark.slow
def test_frozen_statistics_stay_while_weights_learn(larger, make_run, published):
    found = changed(trained(larger, make_run(), batch_norm="frozen"), published)
    assert "body._blocks.3._bn1.weight" in found
    assert not any(name.endswith(NORM) for name in found)


@pytest.mark.slow
@pytest.mark.parametrize("network", [LITE, "timm:vit_tiny_patch8_32", "timm:resnet18"])
def test_of_lora_only_small_matrices_and_the_head_learn(network):
    made = networks.build(network, num_classes=3, channels=3, size=SIDE, seed=0)
    before = {name: value.clone() for name, value in made.state_dict().items()}
    config = TrainingConfig(network=network, pretrained=True, train="lora")
    fine_tuning.restrict(made, config)
    learning = {name for name, p in made.named_parameters() if p.requires_grad}
    assert {name for name in learning if "lora_" not in name} == {"head.weight", "head.bias"}
    assert len(learning) > 20
    assert sum(p.numel() for p in made.parameters() if p.requires_grad) < 0.2 * sum(
        p.numel() for p in made.parameters()
    )
    assert made.depths().keys() == dict(made.named_parameters()).keys()
    plain = fine_tuning.plain_state(made.state_dict())
    assert plain.keys() == before.keys()
    assert all(torch.equal(plain[name], value) for name, value in before.items()), "B is zero"


@pytest.mark.slow
def test_a_network_adapted_by_lora_is_kept_as_a_plain_one(larger, make_run, published, tmp_path):
    config = SupervisedConfig(**SIZES, train="lora", learning_rate=0.5, adamw_rate=0.05)
    run = make_run()
    kept = Supervised(config).fit(larger, run)
    found = changed(kept.state, published)
    mixing = ("_expand_conv.weight", "_project_conv.weight", "_conv_head.weight")
    assert found and all(name.endswith(mixing) for name in found), found
    rows = np.arange(6)
    kept.save(tmp_path / "predictor")
    loaded = NetworkPredictor.load(tmp_path / "predictor")
    assert torch.equal(loaded.logits(larger.pixels, rows), kept.logits(larger.pixels, rows))
    # the network with its matrices beside it says the same
    loop = Loop(larger, make_run("beside"), config, SupervisedObjective())
    state = make_run("again", after=("attempt-1",)).stage("train", loop.all_steps)
    beside = loop.inputs.evaluate(loop.network, state, rows)
    assert torch.allclose(kept.logits(larger.pixels, rows), beside, atol=1e-3)


def test_without_peft_lora_says_how_to_install_it(larger, make_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ValueError, match=r"lora needs the package peft. Install it with"):
        trained(larger, make_run(), train="lora")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "config", "options"),
    [
        (Supervised, SupervisedConfig, {"train": "lora"}),
        (FixMatch, FixMatchConfig, {"unlabelled_ratio": 1, "tau": 0.2}),
        (LayerMatch, LayerMatchConfig, {"unlabelled_ratio": 1, "train": "last-blocks"}),
    ],
)
def test_a_killed_fine_tuning_ends_like_an_undisturbed_one(
    larger, make_run, method, config, options
):
    """Dropped paths and the matrices of LoRA follow the seed; frozen parts are what they were."""
    options = {**SIZES, **options}

    def weights(run):
        return method(config(**options)).fit(larger, run).state

    undisturbed = weights(make_run("undisturbed"))
    polls = iter(range(1))
    stop = {"checkpoint_seconds": 0, "should_stop": lambda: next(polls, None) is None}
    with pytest.raises(Stopped):
        weights(make_run("killed", **stop))
    torch.rand(7)  # the global generator has no part in it
    again = weights(make_run("again", after=("killed",)))
    assert all(torch.equal(again[name], value) for name, value in undisturbed.items())


def test_dropped_blocks_depend_on_the_step_alone(make_run):
    network = networks.build(LITE, num_classes=3, channels=3, size=SIDE, seed=0).train()
    images = torch.randn(8, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))

    def forward(step):
        with networks.keyed(network, make_run(f"{step}"), step):
            return network(images)

    assert torch.equal(forward(1), forward(1))
    assert not torch.equal(forward(1), forward(2))


def test_a_pretrained_network_sees_grey_images_as_its_weights_want_them(larger, make_run):
    config = SupervisedConfig(**SIZES)
    loop = Loop(larger, make_run(), config, SupervisedObjective())
    view = larger.pixels.take(larger.labelled[:2])
    seen = loop.inputs.prepared(view)
    expected = (view.float() - 127) / 128
    assert seen.shape == (2, 3, SIDE, SIDE)
    assert all(torch.allclose(seen[:, c], expected[:, 0], atol=1e-6) for c in range(3))
    assert loop.config.batch_size == 4


def test_automatic_values_are_those_of_fine_tuning_with_a_pretrained_network():
    plain = configuration.filled(FixMatchConfig())
    assert (plain.batch_size, plain.learning_rate, plain.adamw_rate) == (32, 0.06, 5e-4)
    tuned = configuration.filled(SupervisedConfig(network=LITE))
    chosen = configuration.LITE
    assert (tuned.batch_size, tuned.adamw_rate) == (chosen.batch_size, chosen.adamw_rate)
    transformer = SupervisedConfig(network="timm:vit_tiny_patch2_32", pretrained=True)
    assert configuration.filled(transformer).adamw_rate == 5e-4
    assert configuration.filled(SupervisedConfig(network=LITE, batch_size=6)).batch_size == 6
    assert configuration.steps_of({"network": LITE, "steps": 0}, 60_000) == chosen.steps[1]
    assert configuration.steps_of({"steps": 0}, 4999) == 500
    assert configuration.steps_of({"steps": 0}, 5000) == 2000


def test_labelled_images_are_strongly_augmented_where_a_pretrained_network_has_only_them():
    assert configuration.labelled_view(SupervisedConfig(network=LITE)) == "strong"
    assert configuration.labelled_view(SupervisedConfig()) == "weak"
    assert configuration.labelled_view(FixMatchConfig(network=LITE)) == "weak"
    assert configuration.labelled_view(FixMatchConfig(labelled_views="strong")) == "strong"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"train": "head"}, "train head leaves parts of the network as they are"),
        ({"batch_norm": "frozen"}, "frozen batch_norm leaves parts of the network"),
        ({"image_size": 95}, "use 96 to 224 pixels, or 0"),
        ({"batch_size": 1}, "batch_size 1 is too few"),
        ({"network": "efficientnet-lite1"}, '"efficientnet-lite1" is no network'),
    ],
)
def test_options_that_make_no_sense_are_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        SupervisedConfig(**options)


def test_larger_images_are_evaluated_fewer_at_a_time():
    sizes = {side: networks.evaluation_batch(side) for side in (8, 64, 128, 224, 1000)}
    assert sizes == {8: 512, 64: 512, 128: 128, 224: 41, 1000: 16}
