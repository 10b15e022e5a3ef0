"""Which optimiser a network gets, its groups and rates, and that a killed run finds its state."""

import pytest
import torch
from torch import nn

import models
from sslapp.methods.fixmatch.method import FixMatch, FixMatchConfig
from sslapp.methods.supervised.method import Supervised, SupervisedConfig
from sslapp.training import networks
from sslapp.training.configuration import TrainingConfig
from sslapp.training.loop import optimiser
from sslapp.training.run import Stopped

SMALL_VIT = "timm:vit_tiny_patch4_8"


@pytest.fixture(scope="module")
def transformer():
    return models.build(SMALL_VIT, 3, 1, 8)


def test_convolutional_networks_take_sgd_and_transformers_adamw(transformer):
    sgd = optimiser.make(models.build("small-cnn", 3, 1, 8), TrainingConfig())
    assert isinstance(sgd, torch.optim.SGD)
    assert {(group["momentum"], group["nesterov"]) for group in sgd.param_groups} == {(0.9, True)}
    adamw = optimiser.make(transformer, TrainingConfig(adamw_rate=2e-4))
    assert isinstance(adamw, torch.optim.AdamW)
    assert {group["betas"] for group in adamw.param_groups} == {(0.9, 0.999)}
    optimiser.set_rate(adamw, 0.5)
    assert {group["lr"] for group in adamw.param_groups} == {1e-4}


@pytest.mark.parametrize("name", ["small-cnn", "wrn-28-2", SMALL_VIT])
@pytest.mark.parametrize("layer_decay", [1.0, 0.65])
def test_every_parameter_is_in_one_group_and_only_matrices_decay(name, layer_decay):
    network = models.build(name, 3, 1, 8)
    network.head.bias.requires_grad_(False)
    groups = optimiser.parameter_groups(network, 5e-4, layer_decay=layer_decay)
    for group in groups:
        assert len({parameter.ndim <= 1 for parameter in group["params"]}) == 1
        assert group["weight_decay"] == (0 if group["params"][0].ndim <= 1 else 5e-4)
    listed = [id(p) for group in groups for p in group["params"]]
    trainable = {id(p) for p in network.parameters() if p.requires_grad}
    assert len(listed) == len(set(listed)) and set(listed) == trainable


def test_rates_fall_from_the_head_to_the_input(transformer):
    groups = optimiser.parameter_groups(transformer, 0.0, rate=5e-4, layer_decay=0.5)
    rate_of = {id(p): group["peak"] for group in groups for p in group["params"]}
    rates = {name: rate_of[id(p)] for name, p in transformer.named_parameters()}
    assert rates["head.weight"] == 5e-4
    assert rates["body.blocks.11.attn.qkv.weight"] == pytest.approx(5e-4 * 0.5)
    assert rates["body.blocks.0.norm1.bias"] == pytest.approx(5e-4 * 0.5**12)
    assert rates["body.pos_embed"] == pytest.approx(5e-4 * 0.5**13)
    assert groups[0]["peak"] == 5e-4, "the first group's is reported"


def stop_after(polls):
    left = iter(range(polls))
    return lambda: next(left, None) is None


@pytest.mark.slow
def test_a_killed_training_of_a_transformer_ends_like_an_undisturbed_one(stripes, make_run):
    """AdamW's moments and step counts are kept, and dropped paths follow the step's own seed."""
    config = FixMatchConfig(
        network=SMALL_VIT, steps=4, batch_size=4, unlabelled_ratio=1, layer_decay=0.65, warm_up=2
    )

    def weights(run):
        return FixMatch(config).fit(stripes(), run).state

    undisturbed = weights(make_run("undisturbed"))
    with pytest.raises(Stopped):
        weights(make_run("killed", checkpoint_seconds=0, should_stop=stop_after(2)))
    torch.rand(7)  # the global generator has no part in it
    again = weights(make_run("again", after=("killed",)))
    assert all(torch.equal(again[name], value) for name, value in undisturbed.items())


def test_dropped_paths_depend_on_the_step(stripes, make_run, transformer):
    run, images = make_run(), torch.ones(4, 1, 8, 8)
    transformer.train()

    def forward(step):
        with networks.keyed(transformer, run, step):
            return transformer(images)

    assert torch.equal(forward(1), forward(1))
    assert not torch.equal(forward(1), forward(2))


def test_a_warm_up_leaves_the_first_step_without_effect(stripes, make_run):
    """Weights at step 0 of a warm-up are the initial ones: the rate is 0."""
    config = SupervisedConfig(steps=1, warm_up=1)
    run = make_run()
    seed = run.generator("weights", device="cpu").initial_seed()
    drawn = networks.build("small-cnn", num_classes=3, channels=1, size=8, seed=seed)
    state = Supervised(config).fit(stripes(), run).state
    for name, parameter in drawn.named_parameters():
        assert torch.equal(state[name], parameter), name


@pytest.mark.slow
def test_pretrained_weights_are_read_from_the_folder_or_refused(stripes, make_run, tmp_path):
    config = SupervisedConfig(network=SMALL_VIT, pretrained=True, steps=1, warm_up=1, batch_size=4)
    with pytest.raises(ValueError, match=r"there is no vit_tiny_patch4_8\.safetensors or"):
        Supervised(config).fit(stripes(), make_run("without", weights=tmp_path))
    donor = models.build(SMALL_VIT, 9, 3, 8)
    torch.save(donor.body.state_dict(), tmp_path / "vit_tiny_patch4_8.pth")
    state = Supervised(config).fit(stripes(), make_run("with", weights=tmp_path)).state
    for name, value in donor.body.state_dict().items():
        assert torch.equal(state[f"body.{name}"], value), name
    plain = SupervisedConfig(pretrained=True)
    with pytest.raises(ValueError, match="small-cnn has no pre-trained weights"):
        Supervised(plain).fit(stripes(), make_run("plain", weights=tmp_path))


def test_images_that_do_not_fit_the_network_are_refused_before_the_first_step(stripes, make_run):
    with pytest.raises(ValueError, match="8 is no multiple of that"):
        Supervised(SupervisedConfig(network="timm:vit_tiny_patch3_9")).fit(stripes(), make_run())


def test_a_network_without_depths_learns_at_one_rate():
    groups = optimiser.parameter_groups(nn.Linear(2, 2), 0.1, rate=0.3, layer_decay=0.5)
    assert [group["peak"] for group in groups] == [0.3, 0.3]
