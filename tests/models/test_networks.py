"""Networks: sizes that papers state, gradients that reach every parameter, shapes, depths."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models import LITE, NETWORKS, build, normalisation
from models.small_cnn import SmallCNN
from models.timm_network import TimmNetwork
from models.wide_resnet import STL_WIDTHS, WideResNet

SMALL_VIT = "timm:vit_tiny_patch4_8"


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
    assert count(build("wrn-37-2", 10, 3, 96)) == pytest.approx(5.93e6, rel=0.001)


def test_the_quirk_changes_no_parameter_count():
    assert count(WideResNet(10, 3, 32, torchssl_quirk=True)) == count(WideResNet(10, 3, 32))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "classes", "size", "millions"),
    [
        ("wrn-28-2", 10, 32, 214.4),
        ("wrn-28-8", 100, 32, 3360),
        ("wrn-37-2", 10, 96, 645.7),
        ("timm:vit_tiny_patch2_32", 10, 32, 1670),
    ],
)
def test_networks_need_the_published_multiplications(name, classes, size, millions):
    network = build(name, classes, 3, size).to("meta")
    images = torch.empty(1, 3, size, size, device="meta")
    with FlopCounterMode(display=False) as counter:
        network(images)
    assert counter.get_total_flops() / 2 / 1e6 == pytest.approx(millions, rel=0.01)


@pytest.mark.parametrize(
    ("name", "size"), [("small-cnn", 16), ("wrn-28-2", 16), ("wrn-37-2", 32), (SMALL_VIT, 8)]
)
def test_every_parameter_gets_a_gradient(name, size):
    network = build(name, 4, 3, size)
    if name == SMALL_VIT:
        network.eval()  # stochastic depth leaves out blocks; it has no batch statistics
    assert without_gradient(network, size) == set()


@pytest.mark.parametrize(
    ("options", "size", "blocks"),
    [({}, 16, (4, 8)), ({"widths": STL_WIDTHS, "first_stride": 2}, 32, (4, 8, 12))],
)
def test_the_quirk_leaves_exactly_the_first_norms_of_later_stages_unused(options, size, blocks):
    network = WideResNet(4, 3, size, torchssl_quirk=True, **options)
    unused = without_gradient(network, size)
    assert unused == {f"blocks.{n}.bn1.{what}" for n in blocks for what in ("weight", "bias")}
    assert all(p.grad is None for name, p in network.named_parameters() if name in unused), (
        "an unused norm has no gradient at all"
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", [*sorted(NETWORKS), SMALL_VIT, "timm:resnet18"])
@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 32)])
def test_logits_are_the_head_of_the_features(name, channels, size):
    if name in ("wrn-37-2", "timm:resnet18", *LITE) and size < 32:
        size = 32
    network = build(name, 5, channels, size).eval()
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


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("wrn-28-2", 7, "image_size: 7 pixels are too few, use 8 or more"),
        ("wrn-37-2", 28, "image_size: 28 pixels are too few, use 32 or more"),
        ("timm:vit_tiny_patch2_32", 9, "patches of 2 pixels, and 9 is no multiple"),
        ("timm:resnet18", 16, "shrinks images 32 times and these have 16 pixels"),
        ("efficientnet-lite0", 31, "shrinks images 32 times and these have 31 pixels"),
        ("timm:no_such_model", 32, 'timm has no model "no_such_model"'),
        ("resnet18", 32, '"resnet18" is unknown; use one of small-cnn'),
    ],
)
def test_a_network_says_which_images_it_does_not_take(name, size, said):
    with pytest.raises(ValueError, match=said):
        build(name, 3, 3, size)


def test_usbs_small_vision_transformers_have_their_published_sizes():
    tiny = build("timm:vit_tiny_patch2_32", 10, 3, 32)
    assert count(tiny) == pytest.approx(5.4e6, rel=0.015)
    assert tiny.body.pos_embed.shape == (1, 257, 192)
    assert (tiny.optimiser, tiny.draws) == ("adamw", True)
    assert TimmNetwork("resnet18", 10, 3, 32).optimiser == "sgd"


@pytest.mark.parametrize(
    ("name", "size", "deepest"),
    [
        ("small-cnn", 8, 4),
        ("wrn-28-2", 8, 13),
        ("wrn-37-2", 32, 17),
        (SMALL_VIT, 8, 13),
        ("efficientnet-lite0", 32, 18),
        ("efficientnet-lite2", 32, 23),
    ],
)
def test_depths_run_from_the_input_to_the_head(name, size, deepest):
    network = build(name, 4, 3, size)
    depths = network.depths()
    assert depths.keys() == dict(network.named_parameters()).keys()
    assert set(depths.values()) == set(range(deepest + 1))
    assert {key for key, depth in depths.items() if depth == deepest} == {
        "head.weight",
        "head.bias",
    }
    first = next(iter(dict(network.named_parameters())))
    assert depths[first] == 0


def test_a_vision_transformers_stem_and_blocks_have_the_papers_depths():
    depths = build(SMALL_VIT, 4, 3, 8).depths()
    assert {depths[f"body.{name}"] for name in ("pos_embed", "cls_token")} == {0}
    assert depths["body.patch_embed.proj.weight"] == 0
    assert [depths[f"body.blocks.{n}.attn.qkv.weight"] for n in (0, 5, 11)] == [1, 6, 12]


def test_pretrained_weights_start_the_body_and_leave_the_head():
    torch.manual_seed(1)
    donor = build("timm:vit_tiny_patch4_16", 7, 3, 16)
    with torch.no_grad():
        donor.body.pos_embed += torch.arange(192)
    network = build(SMALL_VIT, 4, 3, 8)
    head = network.head.weight.clone()
    network.load_body({**donor.body.state_dict(), "head.weight": donor.head.weight})
    assert torch.equal(network.head.weight, head)
    block = "blocks.3.attn.qkv.weight"
    assert torch.equal(network.body.state_dict()[block], donor.body.state_dict()[block])
    # 16 positions of the donor become 4: the size is the network's own, the mean the donor's
    grids = [each.body.pos_embed[0, 1:].mean(dim=0) for each in (network, donor)]
    assert network.body.pos_embed.shape == (1, 5, 192)
    assert torch.allclose(*grids, atol=0.05)
    with pytest.raises(ValueError, match="belongs to another network"):
        network.load_body(TimmNetwork("resnet18", 4, 3, 32).body.state_dict())


def test_an_efficientnet_computes_what_its_package_does():
    """The published weights then mean the same to both."""
    from efficientnet_lite_pytorch import EfficientNet

    network = build("efficientnet-lite0", 4, 3, 64).eval()
    package = EfficientNet.from_name("efficientnet-lite0").eval()
    network.load_body(package.state_dict())
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    # to its last digits: at 64 pixels both pad alike, whatever size the package was made for
    expected = package.extract_features(images).mean((2, 3))
    assert torch.allclose(network.features(images), expected, atol=1e-5)


def test_published_weights_bring_their_normalisation():
    mean, deviation = normalisation("efficientnet-lite0")
    grey = torch.tensor([0.0, 127.0, 255.0])
    assert torch.allclose((grey / 255 - mean[0]) / deviation[0], (grey - 127) / 128)
    assert normalisation("timm:resnet18") == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert normalisation(SMALL_VIT) == normalisation("timm:resnet18"), "as USB trains them"
    assert normalisation("timm:vit_base_patch16_224.augreg_in21k")[0] == (0.5, 0.5, 0.5)
    with pytest.raises(ValueError, match="small-cnn has no pre-trained weights"):
        normalisation("small-cnn")
