"""Networks: sizes that papers state, gradients that reach every parameter, shapes."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models import NETWORKS
from models.small_cnn import SmallCNN
from models.wide_resnet import WideResNet


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def without_gradient(network: nn.Module, size: int) -> set[str]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(8, 3, size, size, generator=generator)
    network(images).square().sum().backward()
    return {
        name
        for name, p in network.named_parameters()
        if p.grad is None or not bool((p.grad != 0).any())
    }


def test_wide_resnets_have_the_published_numbers_of_parameters():
    assert count(WideResNet(10, 3, 32, widen=2)) == pytest.approx(1.467e6, rel=0.001)
    assert count(WideResNet(100, 3, 32, widen=8)) == pytest.approx(23.4e6, rel=0.003)


def test_the_quirk_changes_no_parameter_count():
    assert count(WideResNet(10, 3, 32, torchssl_quirk=True)) == count(WideResNet(10, 3, 32))


@pytest.mark.parametrize(("widen", "classes", "millions"), [(2, 10, 214.4), (8, 100, 3360)])
def test_wide_resnets_need_the_published_multiplications(widen, classes, millions):
    network = WideResNet(classes, 3, 32, widen=widen)
    with torch.device("meta"):
        network = network.to("meta")
        images = torch.empty(1, 3, 32, 32)
    with FlopCounterMode(display=False) as counter:
        network(images)
    assert counter.get_total_flops() / 2 / 1e6 == pytest.approx(millions, rel=0.01)


@pytest.mark.parametrize("name", ["small-cnn", "wrn-28-2"])
def test_every_parameter_gets_a_gradient(name):
    assert without_gradient(NETWORKS[name](4, 3, 16), 16) == set()


def test_the_quirk_leaves_exactly_the_first_norms_of_stages_two_and_three_unused():
    network = WideResNet(4, 3, 16, torchssl_quirk=True)
    unused = without_gradient(network, 16)
    assert unused == {f"blocks.{n}.bn1.{what}" for n in (4, 8) for what in ("weight", "bias")}
    assert all(p.grad is None for name, p in network.named_parameters() if name in unused), (
        "an unused norm has no gradient at all"
    )


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 16)])
def test_logits_are_the_head_of_the_features(name, channels, size):
    network = NETWORKS[name](5, channels, size).eval()
    images = torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(1))
    features = network.features(images)
    assert features.shape == (2, network.num_features)
    assert torch.equal(network(images), network.head(features))


@pytest.mark.parametrize("size", [4, 8, 28, 32, 64, 100, 224])
def test_the_small_cnn_takes_any_size_from_four_pixels(size):
    assert SmallCNN(3, 1, size)(torch.zeros(2, 1, size, size)).shape == (2, 3)


def test_impossible_shapes_are_refused():
    with pytest.raises(ValueError, match="image_size: 3"):
        SmallCNN(3, 1, 3)
    with pytest.raises(ValueError, match="depth: 27"):
        WideResNet(3, 1, 32, depth=27)
