import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from sslapp.embedding import encoder as encoding
from sslapp.embedding.encoder import EncodingStopped
from sslapp.embedding.encoders import ENCODERS, open_encoder
from sslapp.embedding.precision import SAME, Precision

NO_ROWS = np.zeros(0, dtype=np.int64)


def encode(encoder, source, rows=NO_ROWS, *, seed=0, progress=None, should_stop=lambda: False):
    progress = progress or (lambda *_: None)
    return encoding.encode(
        encoder, source, rows, seed=seed, progress=progress, should_stop=should_stop
    )


def test_unknown_encoder_is_refused_with_the_names_that_exist():
    with pytest.raises(ValueError, match=r"no encoder \"clip\".*pixels, efficientnet-lite0"):
        open_encoder("clip")


def test_every_encoder_of_the_list_opens_under_its_own_name():
    own = [name for name, choice in ENCODERS.items() if not choice.needs_weights]
    assert [open_encoder(name).name for name in own] == own


def test_the_list_of_encoders_imports_no_torch():
    code = "import sys, sslapp.embedding.encoders; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pixels_features_find_the_same_digit(digits, as_source):
    images, classes = digits
    rows = np.arange(900)
    encoded = encode(open_encoder("pixels"), as_source(images), rows)
    assert encoded.shape[1] <= 64
    distances = ((encoded[900:, None] - encoded[None, :900]) ** 2).sum(2)
    assert (classes[distances.argmin(1)] == classes[900:]).mean() > 0.95
    assert 0.95 <= (encoded[rows] ** 2).sum(1).mean() <= 1.0


def test_pixels_encoder_learns_from_the_rows_to_fit_alone(digits, as_source):
    images = digits[0][:600]
    rows = np.arange(200, 600)
    poisoned = images.copy()
    poisoned[:200] = 255 - poisoned[:200]
    clean = encode(open_encoder("pixels"), as_source(images), rows)
    other = encode(open_encoder("pixels"), as_source(poisoned), rows)
    np.testing.assert_array_equal(clean[200:], other[200:])
    assert not np.array_equal(clean[:200], other[:200])


def test_pixels_encoder_is_repeatable_and_ignores_the_order_of_rows(digits, as_source):
    images = digits[0][:500]
    first = encode(open_encoder("pixels"), as_source(images), np.arange(500))
    second = encode(open_encoder("pixels"), as_source(images), np.arange(500)[::-1])
    np.testing.assert_array_equal(first, second)


def test_pixels_encoder_averages_large_images_down_and_reads_them_in_pieces(as_source):
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (1500, 6, 6, 1), dtype=np.uint8)
    large = small.repeat(16, axis=1).repeat(16, axis=2)  # 96 x 96, the same pictures
    source = as_source(large)
    encoded = encode(open_encoder("pixels"), source, np.arange(1500))
    assert source.largest_piece <= 1024
    spread = ((encoded[:300, None] - encoded[None, :300]) ** 2).sum(2)
    pixels = small[:300].reshape(300, -1).astype(float)
    truth = ((pixels[:, None] - pixels[None]) ** 2).sum(2)
    upper = np.triu_indices(300, 1)
    assert np.corrcoef(spread[upper], truth[upper])[0, 1] > 0.9


def test_pixels_encoder_gives_zeros_for_equal_images(as_source):
    encoded = encode(
        open_encoder("pixels"), as_source(np.full((5, 4, 4, 1), 9, np.uint8)), np.arange(5)
    )
    np.testing.assert_array_equal(encoded, np.zeros((5, 1), np.float32))


def test_pixels_encoder_needs_rows_to_fit_and_takes_no_weights(digits, as_source):
    with pytest.raises(ValueError, match="pool is empty"):
        encode(open_encoder("pixels"), as_source(digits[0]))
    with pytest.raises(ValueError, match="no weights"):
        open_encoder("pixels", Path("some.pth"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pixels", "efficientnet-lite0"])
def test_progress_only_grows_and_ends_complete(name, digits, as_source):
    seen = []
    images = digits[0][:20]  # more than two batches
    encode(
        open_encoder(name), as_source(images), np.arange(20), progress=lambda *at: seen.append(at)
    )
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
    assert len({total for _, total in seen}) == 1


@pytest.mark.parametrize("name", ["pixels", "efficientnet-lite0"])
def test_encoding_stops_when_asked(name, digits, as_source):
    with pytest.raises(EncodingStopped):
        encode(open_encoder(name), as_source(digits[0]), np.arange(40), should_stop=lambda: True)


@pytest.mark.slow
def test_efficientnet_tells_a_palace_from_a_flower(photo_crops, as_source):
    encoded = encode(open_encoder("efficientnet-lite0"), as_source(photo_crops))
    assert encoded.shape == (8, 1280)
    assert encoded.dtype == np.float32
    unit = encoded / np.linalg.norm(encoded, axis=1, keepdims=True)
    alike = unit @ unit.T
    palaces, flowers, across = alike[:4, :4], alike[4:, 4:], alike[:4, 4:]
    assert min(palaces.mean(), flowers.mean()) > across.mean() + 0.2
    nearest = (alike - 2 * np.eye(8)).argmax(axis=1)
    assert (nearest // 4 == np.arange(8) // 4).all()


@pytest.mark.slow
def test_the_larger_efficientnet_reads_larger_images_and_tells_them_apart_too(
    photo_crops, as_source
):
    encoder = open_encoder("efficientnet-lite2")
    assert (encoder.name, encoder.side) == ("efficientnet-lite2", 260)
    encoded = encode(encoder, as_source(photo_crops))
    unit = encoded / np.linalg.norm(encoded, axis=1, keepdims=True)
    nearest = (unit @ unit.T - 2 * np.eye(8)).argmax(axis=1)
    assert (nearest // 4 == np.arange(8) // 4).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-lite2"])
def test_half_the_digits_point_the_same_way(name, photo_crops, as_source):
    source = as_source(photo_crops[:2])
    whole = encode(open_encoder(name), source)
    half = encode(open_encoder(name, None, Precision.BFLOAT16), source)
    assert (half.dtype, half.shape) == (np.float32, whole.shape)
    cosine = (whole * half).sum(1) / np.linalg.norm(whole, axis=1) / np.linalg.norm(half, axis=1)
    assert 0.98 < cosine.min() < 1 - 1e-6
    apart = np.linalg.norm(whole - half) / np.linalg.norm(whole)
    assert apart > SAME[Precision.BFLOAT16], "so that views are not taken for those of another"
    alone = encode(open_encoder(name, None, Precision.BFLOAT16), as_source(photo_crops[1:2]))
    assert np.linalg.norm(alone - half[1:]) < SAME[Precision.BFLOAT16] * np.linalg.norm(alone)


def test_efficientnet_is_repeatable_and_reads_grey_as_rgb(photo_crops, as_source):
    encoder = open_encoder("efficientnet-lite0")
    grey = photo_crops[:2, ..., :1]
    first = encode(encoder, as_source(grey))
    np.testing.assert_array_equal(first, encode(encoder, as_source(grey)))
    np.testing.assert_array_equal(first, encode(encoder, as_source(grey.repeat(3, axis=3))))


def test_folding_batch_norms_changes_nothing_but_rounding() -> None:
    from efficientnet_lite_pytorch import EfficientNet

    from sslapp.embedding.efficientnet import IN_BLOCKS, STEM_AND_HEAD
    from sslapp.embedding.folding import fold_batch_norms

    torch.manual_seed(0)
    plain = EfficientNet.from_name("efficientnet-lite0").eval()
    for each in plain.modules():
        if isinstance(each, torch.nn.BatchNorm2d):  # a fresh one is the identity
            each.running_mean.normal_(0, 0.1)
            each.running_var.uniform_(0.5, 2)
    folded = copy.deepcopy(plain)
    fold_batch_norms(folded, STEM_AND_HEAD)
    for block in folded._blocks:
        fold_batch_norms(block, IN_BLOCKS)
    assert not any(isinstance(each, torch.nn.BatchNorm2d) for each in folded.modules())
    x = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected, found = plain.extract_features(x), folded.extract_features(x)
    assert expected.abs().max() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_efficientnet_refuses_four_channels(as_source):
    images = np.zeros((2, 8, 8, 4), np.uint8)
    with pytest.raises(ValueError, match="4 channels"):
        encode(open_encoder("efficientnet-lite0"), as_source(images))


@pytest.mark.slow
def test_efficientnet_reads_weights_from_a_file_and_refuses_others(
    photo_crops, as_source, tmp_path
):
    from efficientnet_lite_pytorch import EfficientNet

    torch.manual_seed(0)
    own = EfficientNet.from_name("efficientnet-lite0").state_dict()
    safetensors.torch.save_file(own, tmp_path / "own.safetensors")
    torch.save(own, tmp_path / "own.pth")
    source = as_source(photo_crops[:1])
    first = encode(open_encoder("efficientnet-lite0", tmp_path / "own.safetensors"), source)
    second = encode(open_encoder("efficientnet-lite0", tmp_path / "own.pth"), source)
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, encode(open_encoder("efficientnet-lite0"), source))

    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other\.pth does not hold the weights"):
        open_encoder("efficientnet-lite0", tmp_path / "other.pth")
