"""Every operation against PIL's own result on the same image."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from sklearn.datasets import load_digits, load_sample_image
from torch import Tensor

from sslapp.training.augmentation.operations import (
    MATRICES,
    OPERATIONS,
    rotate,
    shear_x,
    translate_y,
)
from sslapp.training.augmentation.policy import policies
from sslapp.training.augmentation.strong import draw_operations, rand_augment

RANGES = {
    "Brightness": (0, 1),
    "Color": (0, 1),
    "Contrast": (0, 1),
    "Posterize": (1, 8.99),
    "Rotate": (-180, 180),
    "Sharpness": (0, 1),
    "ShearX": (-0.6, 0.6),
    "ShearY": (-0.6, 0.6),
    "Solarize": (0, 256),
    "TranslateX": (-0.6, 0.6),
    "TranslateY": (-0.6, 0.6),
}


def affine(image: Image.Image, *matrix: float) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix)


PIL: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "AutoContrast": lambda image, v: ImageOps.autocontrast(image),
    "Brightness": lambda image, v: ImageEnhance.Brightness(image).enhance(v),
    "Color": lambda image, v: ImageEnhance.Color(image).enhance(v),
    "Contrast": lambda image, v: ImageEnhance.Contrast(image).enhance(v),
    "Equalize": lambda image, v: ImageOps.equalize(image),
    "Identity": lambda image, v: image,
    "Posterize": lambda image, v: ImageOps.posterize(image, int(v)),
    "Rotate": lambda image, v: image.rotate(v),
    "Sharpness": lambda image, v: ImageEnhance.Sharpness(image).enhance(v),
    "ShearX": lambda image, v: affine(image, 1, v, 0, 0, 1, 0),
    "ShearY": lambda image, v: affine(image, 1, 0, 0, v, 1, 0),
    "Solarize": ImageOps.solarize,
    "TranslateX": lambda image, v: affine(image, 1, 0, v * image.width, 0, 1, 0),
    "TranslateY": lambda image, v: affine(image, 1, 0, 0, 0, 1, v * image.height),
}


def to_pil(image: Tensor) -> Image.Image:
    array = image.permute(1, 2, 0).numpy()
    return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)


def to_tensor(image: Image.Image) -> Tensor:
    array = np.array(image)
    return torch.from_numpy(array if array.ndim == 3 else array[..., None]).permute(2, 0, 1)


def random_images(channels: int, height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(height * width + channels)
    noise = torch.randint(
        0, 256, (24, channels, height, width), dtype=torch.uint8, generator=generator
    )
    noise[8:16] = noise[8:16] // 16 + 100  # few, crowded levels
    noise[16:] = (noise[16:] > 128).to(torch.uint8) * 37 + 5  # two levels
    return noise


def constant_images() -> Tensor:
    return torch.arange(0, 256, 5, dtype=torch.uint8).view(-1, 1, 1, 1).repeat(1, 3, 9, 9)


def gradient_images() -> Tensor:
    ramp = torch.linspace(3, 250, 40).view(1, 1, 1, 40).expand(1, 1, 40, 40)
    return (
        torch.cat([ramp, ramp.mT, (ramp + ramp.mT) / 2], dim=1).to(torch.uint8).repeat(16, 1, 1, 1)
    )


def photo_crops() -> Tensor:
    photo = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)
    crops = photo.unfold(1, 32, 61).unfold(2, 32, 67)  # (3, rows, columns, 32, 32)
    return crops.permute(1, 2, 0, 3, 4).reshape(-1, 3, 32, 32).contiguous()


def digits() -> Tensor:
    images = torch.from_numpy(load_digits().images[:40] * 15.9).to(torch.uint8)
    return images.repeat_interleave(4, dim=1).repeat_interleave(4, dim=2).unsqueeze(1)


BATCHES: dict[str, Callable[[], Tensor]] = {
    "random colour 32x32": lambda: random_images(3, 32, 32),
    "random grey 28x28": lambda: random_images(1, 28, 28),
    "random colour 8x8": lambda: random_images(3, 8, 8),
    "random grey 13x21": lambda: random_images(1, 13, 21),
    "random colour 2x2": lambda: random_images(3, 2, 2),
    "random grey 1x1": lambda: random_images(1, 1, 1),
    "constant": constant_images,
    "gradient": gradient_images,
    "photo crops": photo_crops,
    "digits": digits,
}


def magnitudes(name: str, count: int) -> Tensor:
    low, high = RANGES.get(name, (0, 0))
    drawn = torch.rand(count, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    values = low + (high - low) * drawn
    values[:3] = torch.tensor([low, high, (low + high) / 2])
    return values


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_equals_pil_to_the_level(name: str, batch: str) -> None:
    images = BATCHES[batch]()
    before = images.clone()
    values = magnitudes(name, len(images))
    ours = OPERATIONS[name](images, values)
    expected = torch.stack(
        [
            to_tensor(PIL[name](to_pil(image), value))
            for image, value in zip(images, values.tolist(), strict=True)
        ]
    )
    assert torch.equal(ours, expected)
    assert torch.equal(images, before), "the operation changed its input"


@pytest.mark.parametrize("policy", ["fixmatch", "usb"])
def test_rand_augment_equals_pil_applied_image_by_image(policy: str) -> None:
    images = photo_crops()[:150]
    generator = torch.Generator().manual_seed(1)
    columns = 4 * policies[policy].draws
    uniforms = torch.rand(len(images), columns, generator=generator, dtype=torch.float64)
    draws = draw_operations(uniforms, policies[policy])
    ours = rand_augment(images.clone(), draws)
    for position, image in enumerate(images):
        expected = to_pil(image)
        for operation, magnitude in zip(draws.operation, draws.magnitude.tolist(), strict=True):
            expected = PIL[draws.names[operation[position]]](expected, magnitude[position])
        assert torch.equal(ours[position], to_tensor(expected))


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("side", [8, 13, 28, 32, 96])
def test_geometry_equals_pil_at_every_magnitude(name: str, side: int) -> None:
    # numbered pixels, so that a wrong source can not hide behind an equal colour
    number = torch.arange(side * side).view(1, side, side)
    image = torch.cat([number % 256, number // 256, number * 0 + 200]).to(torch.uint8)
    low, high = RANGES[name]
    values = torch.cat(
        [torch.linspace(low, high, 121, dtype=torch.float64), torch.arange(-9, 10) * high / 10]
    )
    ours = OPERATIONS[name](image.expand(len(values), -1, -1, -1), values)
    expected = [to_tensor(PIL[name](to_pil(image), value)) for value in values.tolist()]
    assert torch.equal(ours, torch.stack(expected))


def test_enhancement_beyond_the_image_clips_as_pil_does() -> None:
    images = photo_crops()
    values = torch.linspace(1, 2, len(images), dtype=torch.float64)
    for name in ("Brightness", "Color", "Contrast", "Sharpness"):
        expected = [
            to_tensor(PIL[name](to_pil(image), value))
            for image, value in zip(images, values.tolist(), strict=True)
        ]
        assert torch.equal(OPERATIONS[name](images, values), torch.stack(expected)), name


def test_fill_replaces_black() -> None:
    image = random_images(3, 16, 16)[:1]
    turned = rotate(image, torch.tensor([30.0]), fill=77)
    expected = to_pil(image[0]).rotate(30, fillcolor=(77, 77, 77))
    assert torch.equal(turned[0], to_tensor(expected))


def test_each_image_follows_its_own_magnitude() -> None:
    images = random_images(3, 16, 16)[:1].repeat(2, 1, 1, 1)
    for name, (low, high) in RANGES.items():
        both = OPERATIONS[name](images, torch.tensor([low, 0.7 * high], dtype=torch.float64))
        alone = OPERATIONS[name](images[1:], torch.tensor([0.7 * high], dtype=torch.float64))
        assert torch.equal(both[1:], alone), name
        assert not torch.equal(both[0], both[1]), name


def test_solarize_256_is_the_identity_and_0_inverts() -> None:
    images = random_images(3, 8, 8)
    count = len(images)
    assert torch.equal(OPERATIONS["Solarize"](images, torch.full((count,), 256.0)), images)
    assert torch.equal(OPERATIONS["Solarize"](images, torch.zeros(count)), 255 - images)


def test_brightness_0_is_black_and_1_the_identity() -> None:
    images = random_images(3, 8, 8)
    assert not OPERATIONS["Brightness"](images, torch.zeros(len(images))).any()
    assert torch.equal(OPERATIONS["Brightness"](images, torch.ones(len(images))), images)


@pytest.mark.parametrize("bits", range(1, 9))
def test_posterize_keeps_that_many_bits(bits: int) -> None:
    levels = torch.arange(256).to(torch.uint8).view(1, 1, 16, 16)
    out = OPERATIONS["Posterize"](levels, torch.tensor([bits + 0.9]))
    assert len(out.unique()) == 2**bits
    assert bool((out <= levels).all())


def test_posterize_refuses_zero_bits() -> None:
    with pytest.raises(ValueError, match="1 to 8 bits"):
        OPERATIONS["Posterize"](random_images(1, 4, 4), torch.zeros(24))


def test_color_leaves_grey_images_alone() -> None:
    images = random_images(1, 8, 8)
    assert torch.equal(OPERATIONS["Color"](images, torch.zeros(len(images))), images)


def test_translation_moves_whole_pixels_and_shear_keeps_the_first_row() -> None:
    images = random_images(3, 10, 10)
    moved = translate_y(images, torch.full((24,), 0.3))
    assert torch.equal(moved[:, :, :7], images[:, :, 3:])
    assert not moved[:, :, 7:].any()
    sheared = shear_x(images, torch.full((24,), 0.3))
    assert torch.equal(sheared[:, :, 0], images[:, :, 0])


def test_a_map_beyond_fixed_point_is_refused() -> None:
    with pytest.raises(ValueError, match="smaller magnitude"):
        shear_x(random_images(1, 8, 8), torch.full((24,), 1e6))


def test_smoothing_keeps_the_outermost_pixels() -> None:
    image = random_images(3, 12, 12)[:1]
    smooth = OPERATIONS["Sharpness"](image, torch.zeros(1))
    assert torch.equal(smooth[0], to_tensor(to_pil(image[0]).filter(ImageFilter.SMOOTH)))
    assert torch.equal(smooth[:, :, 0], image[:, :, 0])
    assert not torch.equal(smooth, image)


def test_operations_take_strided_and_empty_batches() -> None:
    images = random_images(3, 12, 12)
    channels_last = images.to(memory_format=torch.channels_last)
    for name, operation in OPERATIONS.items():
        values = magnitudes(name, len(images))
        assert torch.equal(operation(channels_last, values), operation(images, values)), name
        assert operation(images[:0], values[:0]).shape == (0, 3, 12, 12), name
