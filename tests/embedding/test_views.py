"""Views encoded in chunks: repeatable, resumable, and beside the features they belong to."""

import numpy as np
import pytest

from sslapp.embedding import views
from sslapp.embedding.encoder import EncodingStopped, encode
from sslapp.embedding.encoders import open_encoder
from sslapp.embedding.views import CHUNK, ViewChunks, check_same, encode_views, view_names

NAMES = ["weak-0", "strong-0"]
COUNT = 2 * CHUNK + 50


def darker(images, view, first):
    """Another copy for every view and chunk."""
    share = 0.5 if view.startswith("strong") else 0.9
    return (images * (share - first * 1e-4)).astype(np.uint8)


def quiet(*_):
    return None


def fitted(pixels):
    return open_encoder("pixels").fit(
        pixels, np.arange(COUNT), seed=0, progress=quiet, should_stop=lambda: False
    )


def run(pixels, chunks, *, should_stop=lambda: False, progress=quiet):
    return encode_views(
        fitted(pixels),
        pixels,
        chunks,
        NAMES,
        darker,
        batch=100,
        progress=progress,
        should_stop=should_stop,
    )


def joined(chunks, folder):
    for name in NAMES:
        chunks.join(name, folder / f"{name}.npy")
    return [(folder / f"{name}.npy").read_bytes() for name in NAMES]


def test_a_view_holds_the_vector_of_every_augmented_image(digits, as_source, tmp_path):
    pixels = as_source(digits[0][:COUNT])
    chunks = ViewChunks(COUNT, tmp_path / "chunks")
    assert run(pixels, chunks) == 2 * COUNT
    joined(chunks, tmp_path)
    found = np.load(tmp_path / "strong-0.npy")
    vectors = fitted(pixels)
    expected = vectors(darker(digits[0][CHUNK : 2 * CHUNK], "strong-0", CHUNK))
    np.testing.assert_allclose(found[CHUNK : 2 * CHUNK], expected, atol=1e-6)
    assert found.shape[0] == COUNT
    assert found.dtype == np.float32


def test_a_stopped_encoding_goes_on_with_the_chunk_that_is_missing(digits, as_source, tmp_path):
    pixels = as_source(digits[0][:COUNT])
    whole = ViewChunks(COUNT, tmp_path / "whole")
    run(pixels, whole)
    polls = iter(range(8))  # of 12: in the second view
    with pytest.raises(EncodingStopped):
        first = ViewChunks(COUNT, tmp_path / "attempt-1")
        run(pixels, first, should_stop=lambda: next(polls, None) is None)
    seen = []
    second = ViewChunks(COUNT, tmp_path / "attempt-2", [tmp_path / "attempt-1"])
    left = len(second.missing(NAMES))
    assert 0 < left < 6
    taken = run(pixels, second, progress=lambda *at: seen.append(at))
    assert seen[-1] == (taken, taken)
    assert taken < 2 * COUNT
    assert joined(second, tmp_path / "b") == joined(whole, tmp_path / "a")


def test_an_incomplete_view_is_not_joined(digits, as_source, tmp_path):
    chunks = ViewChunks(COUNT, tmp_path / "chunks")
    run(as_source(digits[0][:COUNT]), chunks)
    (tmp_path / "chunks" / "weak-0" / f"{CHUNK:09d}.npy").unlink()
    with pytest.raises(ValueError, match="weak-0: 1 of its chunks"):
        chunks.join("weak-0", tmp_path / "weak-0.npy")
    assert not (tmp_path / "weak-0.npy").exists()


def test_an_encoder_that_makes_other_features_is_refused(digits, as_source):
    pixels = as_source(digits[0][:COUNT])
    features = encode(
        open_encoder("pixels"),
        pixels,
        np.arange(COUNT),
        seed=0,
        progress=quiet,
        should_stop=lambda: False,
    )
    check_same(fitted(pixels), pixels, features)
    for other in (features[:, :-1], features + np.float32(0.01)):
        with pytest.raises(ValueError, match="Embed the images again"):
            check_same(fitted(pixels), pixels, other)


def test_views_are_named_by_kind_and_their_number_is_bounded():
    assert view_names(1, 2) == ["weak-0", "strong-0", "strong-1"]
    for weak, strong in ((0, 0), (-1, 1), (views.MOST_VIEWS + 1, 1)):
        with pytest.raises(ValueError, match="choose 0 to"):
            view_names(weak, strong)
