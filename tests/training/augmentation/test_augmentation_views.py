"""Weak and strong views: what is drawn, how it is put together, and that it repeats."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from sslapp.training.augmentation import (
    Policy,
    StrongAugmentation,
    normalise,
    policies,
    weak,
)
from sslapp.training.augmentation.crop import crop
from sslapp.training.augmentation.cutout import boxes, cut_out
from sslapp.training.augmentation.operations import MATRICES, OPERATIONS
from sslapp.training.augmentation.strong import Draws, draw_operations, rand_augment

CROP_ONLY = Policy(operations={"Identity": (0, 0)}, draws=1)


def seeded(seed: int = 0, device: str = "cpu") -> torch.Generator:
    return torch.Generator(device=device).manual_seed(seed)


def random_images(count: int, channels: int, height: int, width: int) -> Tensor:
    shape = (count, channels, height, width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=seeded(9))


def numbered(count: int, side: int) -> Tensor:
    """Images whose pixels all differ: the first channel is the column, the second the row."""
    x = torch.arange(side).expand(side, side)
    image = torch.stack([x, x.T, torch.full((side, side), 7)]).to(torch.uint8)
    return image.expand(count, -1, -1, -1)


shapes = st.tuples(
    st.integers(0, 9), st.sampled_from([1, 3]), st.integers(1, 40), st.integers(1, 40)
)


@settings(max_examples=60, deadline=None)
@given(shape=shapes, policy=st.sampled_from(sorted(policies)), flip=st.booleans())
def test_views_keep_shape_type_and_the_input(
    shape: tuple[int, int, int, int], policy: str, flip: bool
) -> None:
    images = random_images(*shape)
    before = images.clone()
    for view in (
        weak(images, seeded(), flip=flip),
        StrongAugmentation(policy, flip=flip)(images, seeded()),
    ):
        assert view.shape == images.shape
        assert view.dtype == torch.uint8
        assert view.device == images.device
    assert torch.equal(images, before)


@pytest.mark.parametrize("side", [8, 13, 28, 32])
def test_weak_view_is_a_crop_out_of_a_reflected_border(side: int) -> None:
    count, padding = 200, max(1, side // 8)
    images = random_images(count, 3, side, side)
    bordered = torch.nn.functional.pad(images.float(), [padding] * 4, mode="reflect").byte()
    views = weak(images, seeded(), flip=False)
    seen = set()
    for border, view in zip(bordered, views, strict=True):
        found = [
            (x, y)
            for x in range(2 * padding + 1)
            for y in range(2 * padding + 1)
            if torch.equal(border[:, y : y + side, x : x + side], view)
        ]
        assert len(found) == 1
        seen.add(found[0])
    assert {x for x, _ in seen} == {y for _, y in seen} == set(range(2 * padding + 1))


def test_flip_mirrors_about_half_of_the_images() -> None:
    images = numbered(2000, 16)
    columns = weak(images, seeded(), flip=True, padding=0)[:, 0, 0].int()
    mirrored = columns[:, 0] == 15
    assert torch.equal(columns[mirrored], columns[mirrored].sort(dim=1, descending=True).values)
    assert torch.equal(columns[~mirrored], columns[~mirrored].sort(dim=1).values)
    assert 900 < int(mirrored.sum()) < 1100


@pytest.mark.parametrize("policy", [CROP_ONLY, "geometric"])
def test_without_flip_no_view_is_mirrored(policy: str | Policy) -> None:
    images = numbered(500, 16)
    strong = StrongAugmentation(policy, flip=False)
    for view in (weak(images, seeded(), flip=False), strong(images, seeded())):
        # away from the reflected border a column's successor lies to its right
        columns = view[:, 0, 7:9, 5:11].float()
        assert bool((columns[..., -1].mean(1) > columns[..., 0].mean(1)).all())


def test_padding_0_without_flip_is_the_identity() -> None:
    images = random_images(5, 1, 9, 9)
    assert torch.equal(weak(images, seeded(), flip=False, padding=0), images)


@pytest.mark.parametrize("policy", sorted(policies))
@pytest.mark.parametrize("channels", [1, 3])
def test_same_seed_same_views_and_another_seed_others(policy: str, channels: int) -> None:
    images = random_images(64, channels, 28, 28)
    strong = StrongAugmentation(policy, flip=True)
    generator = seeded(3)
    first, second = strong(images, generator), strong(images, generator)
    again = seeded(3)
    assert torch.equal(strong(images, again), first)
    assert torch.equal(strong(images, again), second)
    assert not torch.equal(first, second)


def test_views_do_not_depend_on_the_rest_of_the_batch() -> None:
    images = random_images(64, 3, 32, 32)
    other = images.clone()
    other[1:] = 255 - other[1:]
    strong = StrongAugmentation("fixmatch", flip=True)
    assert torch.equal(strong(images, seeded())[0], strong(other, seeded())[0])


def draws_of(policy: Policy, count: int = 28_000) -> Draws:
    uniforms = torch.rand(count, 4 * policy.draws, generator=seeded(1), dtype=torch.float64)
    return draw_operations(uniforms, policy)


def drawn(draws: Draws, name: str) -> Tensor:
    return draws.magnitude[draws.operation == draws.names.index(name)]


def test_fixmatch_draws_two_operations_each_applied_half_of_the_time() -> None:
    draws = draws_of(policies["fixmatch"])
    assert draws.operation.shape == (2, 28_000)
    for name in OPERATIONS:
        share = len(drawn(draws, name)) / draws.operation.numel()
        expected = 0.5 / 14 + (0.5 if name == "Identity" else 0)
        assert abs(share - expected) < 0.004, name


def test_fixmatch_magnitudes_are_those_of_the_papers_table() -> None:
    draws = draws_of(policies["fixmatch"])
    v = np.arange(1, 10)
    for name in ("Brightness", "Color", "Contrast", "Sharpness"):
        assert np.allclose(drawn(draws, name).unique(), 0.05 + 0.9 * v / 10)
    assert drawn(draws, "Posterize").unique().tolist() == [4, 5, 6, 7]
    assert drawn(draws, "Solarize").unique().tolist() == [int(256 * level / 10) for level in v]
    for name, top in (("Rotate", 30), ("ShearX", 0.3), ("ShearY", 0.3), ("TranslateX", 0.3)):
        values = drawn(draws, name)
        assert np.allclose(values.abs().mul(1e6).round().unique() / 1e6, top * v / 10)
        assert abs(float((values < 0).float().mean()) - 0.5) < 0.05


def test_usb_always_applies_three_operations_with_continuous_magnitudes() -> None:
    draws = draws_of(policies["usb"])
    assert draws.operation.shape[0] == 3
    for name in OPERATIONS:
        assert abs(len(drawn(draws, name)) / draws.operation.numel() - 1 / 14) < 0.004, name
    assert drawn(draws, "Posterize").unique().tolist() == [4, 5, 6, 7]
    for name, low, high in (("Rotate", -30, 30), ("Contrast", 0.05, 0.95), ("Solarize", 0, 256)):
        values = drawn(draws, name)
        span = high - low
        assert len(values.unique()) == len(values)
        assert low <= float(values.min()) < low + 0.01 * span
        assert high - 0.01 * span < float(values.max()) < high


def test_gentle_policies_leave_intensities_alone() -> None:
    assert set(policies["geometric"].operations) == {"Identity", *MATRICES}
    assert "Color" not in policies["usb-medical"].operations
    assert len(policies["usb-medical"].operations) == 9
    images = random_images(50, 1, 8, 8) // 2 + 100
    view = StrongAugmentation("geometric", flip=False)(images, seeded())
    for before, after in zip(images, view, strict=True):
        assert set(after.unique().tolist()) <= {0, *before.unique().tolist()}


def test_strong_view_is_the_weak_view_then_operations_then_the_box() -> None:
    images = random_images(40, 3, 32, 32)
    policy = policies["fixmatch"]
    drawn_before = torch.rand(40, 3 + 8 + 3, generator=seeded(2), dtype=torch.float64)
    expected = crop(images, drawn_before[:, :3], flip=True, padding=4)
    expected = rand_augment(expected, draw_operations(drawn_before[:, 3:11], policy))
    box = boxes(drawn_before[:, 11:], 32, 32, (0.5, 0.5))
    for image, (left, top, right, bottom) in zip(expected, box.tolist(), strict=True):
        image[:, top:bottom, left:right] = 127
    assert torch.equal(StrongAugmentation("fixmatch", flip=True)(images, seeded(2)), expected)


def cut_area(policy: str, channels: int, side: int, count: int = 3000) -> Tensor:
    """(n,) painted pixels of white images, where the policy only cuts."""
    only_cut = dataclasses.replace(
        policies[policy], operations={"Identity": (0, 0)}, whole=frozenset(), signed=frozenset()
    )
    images = torch.full((count, channels, side, side), 255, dtype=torch.uint8)
    view = StrongAugmentation(only_cut, flip=True)(images, seeded(4))
    return (view != 255).all(dim=1).sum(dim=(1, 2))


@pytest.mark.parametrize("side", [8, 13, 28, 32])
def test_fixmatch_cuts_a_box_of_half_the_side_in_every_image(side: int) -> None:
    area = cut_area("fixmatch", 3, side)
    half = side // 2
    assert int(area.max()) == half**2
    # a centre in the last pixel of the right and lower edge leaves at least half the side
    assert int(area.min()) >= (half // 2) ** 2
    assert float((area == half**2).float().mean()) > 0.4


def test_usb_cuts_boxes_of_up_to_half_the_side() -> None:
    area = cut_area("usb", 1, 32).float().sqrt()
    assert float(area.max()) <= 16
    assert float(area.max()) > 14
    assert float(area.min()) < 2


def test_cutout_fills_with_the_policys_colour_and_its_luma_in_grey_images() -> None:
    box = torch.tensor([[1, 2, 3, 6]], dtype=torch.int32)
    colour = cut_out(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), box, (125, 123, 114))
    assert colour[0, :, 2:6, 1:3].flatten(1).unique(dim=1).flatten().tolist() == [125, 123, 114]
    assert int(colour.sum()) == 8 * (125 + 123 + 114)
    grey = cut_out(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), box, (125, 123, 114))
    assert grey.unique().tolist() == [0, 123]
    assert Image.new("RGB", (1, 1), (125, 123, 114)).convert("L").getpixel((0, 0)) == 123


def test_normalise_gives_float32_of_mean_0_and_std_1() -> None:
    images = random_images(16, 3, 16, 16)
    scaled = images.double() / 255
    mean = scaled.mean(dim=(0, 2, 3))
    std = scaled.std(dim=(0, 2, 3))
    out = normalise(images, mean.tolist(), std.tolist())
    assert out.dtype == torch.float32
    expected = (scaled - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    assert torch.allclose(out.double(), expected, atol=1e-6)


def test_wrong_input_is_refused_with_the_mend() -> None:
    images = random_images(2, 3, 8, 8)
    with pytest.raises(ValueError, match="uint8"):
        weak(images.float(), seeded(), flip=True)
    with pytest.raises(ValueError, match="channels first"):
        StrongAugmentation(flip=True)(images.permute(0, 2, 3, 1), seeded())
    with pytest.raises(ValueError, match="reflected border"):
        weak(images, seeded(), flip=True, padding=8)
    with pytest.raises(ValueError, match='"fixmach" is not one of fixmatch, usb'):
        StrongAugmentation("fixmach", flip=True)
    with pytest.raises(ValueError, match="Blur"):
        Policy(operations={"Blur": (0, 1)}, draws=1)
    with pytest.raises(ValueError, match="at least 1"):
        Policy(operations={"Identity": (0, 0)}, draws=0)
    with pytest.raises(ValueError, match="smallest <= largest"):
        Policy(operations={"Identity": (0, 0)}, draws=1, cutout=(0.5, 0.2))
    with pytest.raises(ValueError, match="Give one number a channel"):
        normalise(images, [0.5], [0.5])
    with pytest.raises(ValueError, match="constant channel"):
        normalise(images, [0.5] * 3, [0.5, 0.0, 0.5])


@pytest.mark.needs("a CUDA device")
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("policy", sorted(policies))
def test_cuda_gives_the_same_pixels_and_is_never_waited_for(policy: str) -> None:
    images = random_images(448, 3, 32, 32)
    strong = StrongAugmentation(policy, flip=True)
    on_device = images.cuda()
    strong(on_device, seeded())
    torch.cuda.set_sync_debug_mode("error")
    try:
        view = strong(on_device, seeded())
        soft = weak(on_device, seeded(), flip=True)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(view.cpu(), strong(images, seeded()))
    assert torch.equal(soft.cpu(), weak(images, seeded(), flip=True))
