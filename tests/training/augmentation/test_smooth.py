"""The smooth strong view: an interpolating affine map, brightness and a box, per image."""

import pytest
import torch

from sslapp.training.augmentation import policies
from sslapp.training.augmentation.smooth import SmoothAugmentation
from sslapp.training.configuration import ConsistencyConfig
from sslapp.training.inputs.feed import strong_views

STILL = {"degrees": 0, "shear": 0, "scale": 0, "shift": 0, "brightness": 0, "box": 0}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def blob(count=1, channels=1, size=16):
    """A square in the middle, far enough from the border to be moved about."""
    images = torch.zeros(count, channels, size, size, dtype=torch.uint8)
    images[:, :, size // 2 - 2 : size // 2 + 2, size // 2 - 2 : size // 2 + 2] = 100
    return images


def centre(images):
    x = images.double().mean(dim=(0, 1))
    places = torch.arange(x.shape[1], dtype=torch.float64) + 0.5
    return float((x.sum(dim=0) * places).sum() / x.sum())


def test_views_keep_shape_and_type_and_differ_from_each_other():
    images = blob(6, 3)
    views = SmoothAugmentation(flip=True)(images, generator())
    assert views.shape == images.shape and views.dtype == torch.uint8
    assert len({view.numpy().tobytes() for view in views}) == 6


def test_the_same_generator_gives_the_same_views():
    augment = SmoothAugmentation(flip=False)
    assert torch.equal(augment(blob(4), generator(3)), augment(blob(4), generator(3)))
    assert not torch.equal(augment(blob(4), generator(3)), augment(blob(4), generator(4)))


def test_without_magnitudes_only_the_weak_shift_is_left():
    view = SmoothAugmentation(flip=False, **STILL)(blob(), generator())
    assert sorted(view.unique().tolist()) == [0, 100]
    assert (view == 100).sum() == 16


def test_small_rotations_are_interpolated():
    view = SmoothAugmentation(flip=False, **{**STILL, "degrees": 10})(blob(5), generator())
    assert len(view.unique()) > 4, "nearest sampling would leave 0 and 100 only"


@pytest.mark.parametrize("amount", [0.1, 0.25])
def test_shifts_stay_within_their_share_of_the_side(amount):
    images = blob(200, size=32)
    still = SmoothAugmentation(flip=False, **STILL)(images, generator(1))
    moved = SmoothAugmentation(flip=False, **{**STILL, "shift": amount})(images, generator(1))
    # the draws of the weak shift come first, so both lists share them
    by = [centre(a[None]) - centre(b[None]) for a, b in zip(moved, still, strict=True)]
    assert 0.8 * amount * 32 < max(abs(each) for each in by) <= amount * 32 + 0.1


def test_brightness_moves_both_ways_and_is_clamped():
    bright = torch.full((300, 1, 8, 8), 200, dtype=torch.uint8)
    views = SmoothAugmentation(flip=False, **{**STILL, "brightness": 0.4})(bright, generator())
    # weak shifts reflect and nothing moves: every view is one grey level
    levels = views.flatten(1)[:, 0]
    assert torch.equal(views, levels[:, None, None, None].expand_as(views))
    assert 118 <= levels.min() < 130 and levels.max() == 255


def test_the_box_is_filled_with_the_mean_and_no_larger_than_its_share():
    images = torch.zeros(200, 1, 20, 20, dtype=torch.uint8)
    images[:, :, ::2] = 200
    views = SmoothAugmentation(flip=False, **{**STILL, "box": 0.5})(images, generator())
    inside = (views == 100).sum(dim=(1, 2, 3))
    assert set(views.unique().tolist()) == {0, 100, 200}
    assert 60 < inside.max() <= 11 * 11


def test_every_named_policy_can_be_chosen():
    choices = ConsistencyConfig.model_json_schema()["properties"]["augmentation"]["enum"]
    assert sorted(choices) == sorted([*policies, "smooth", "auto"])
    for name in choices:
        config = ConsistencyConfig.model_validate({"augmentation": name})
        assert strong_views(config)(blob(3), generator()).shape == (3, 1, 16, 16)


@pytest.mark.parametrize(("side", "policy"), [(15, "smooth"), (16, "fixmatch")])
def test_the_automatic_policy_is_the_published_one_but_for_coarse_images(side, policy):
    images = blob(40)[:, :, :side, :side].contiguous()
    made, expected, other = (
        strong_views(ConsistencyConfig(augmentation=name))(images, generator())
        for name in ("auto", policy, "geometric")
    )
    assert torch.equal(made, expected)
    assert not torch.equal(made, other)
