"""Maps to calibrated probabilities: by hand, from logits as from probabilities, and as stored."""

import json

import numpy as np
import pytest

from sslapp.training.calibration.scaling import (
    Isotonic,
    Scaling,
    Temperature,
    Vector,
    scaling_from,
    softmax,
)

RAW = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], dtype=np.float32)
VECTOR = Vector(1.0, (1.0, 2.0, 1.0), (0.0, float(np.log(2)), 0.0))
ISOTONIC = Isotonic(1.0, (0.5, 0.9), (0.4, 0.8))
MAPS = [Temperature(1.7), VECTOR, ISOTONIC, Isotonic(1.7, (0.4, 0.9), (0.45, 0.95))]


def test_vector_scaling_by_hand() -> None:
    # p_c^w e^b: .5, .3^2 * 2 = .18, .2
    assert VECTOR.apply(RAW)[0] == pytest.approx(np.array([0.5, 0.18, 0.2]) / 0.88)
    assert VECTOR.apply(RAW)[1] == pytest.approx(np.array([0.1, 0.08, 0.7]) / 0.88)


def test_vector_scaling_may_name_another_class() -> None:
    swapped = Vector(1.0, (1.0, 1.0, 1.0), (0.0, 1.0, 0.0))
    assert swapped.apply(RAW).argmax(axis=1).tolist() == [1, 2]
    assert swapped.columns(RAW).tolist() == [1, 2]


def test_isotonic_regression_by_hand() -> None:
    # .7 lies halfway between .5 and .9: .6, and .4 goes to the others as 2 : 1
    found = ISOTONIC.apply(np.array([[0.2, 0.7, 0.1], [0.95, 0.05, 0.0]], dtype=np.float32))
    assert found[0] == pytest.approx([0.4 * 2 / 3, 0.6, 0.4 / 3])
    assert found[1] == pytest.approx([0.8, 0.2, 0.0], abs=1e-6), "clipped beyond the last corner"


@pytest.mark.parametrize("to", [0.0, 0.2, 0.5])
def test_isotonic_regression_keeps_the_likeliest_class_however_low_it_falls(to) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(500, 4)).astype(np.float32)
    z[:50] = 0  # ties
    raw = softmax(z)
    found = Isotonic(1.0, (0.0, 1.0), (to, to)).apply(raw)
    assert (found.argmax(axis=1) == raw.argmax(axis=1)).all()
    assert found.sum(axis=1) == pytest.approx(np.ones(500), abs=1e-5)
    assert (found >= 0).all()


def test_certainty_leaves_its_rest_to_the_others_alike() -> None:
    found = Isotonic(1.0, (0.5, 1.0), (0.5, 0.94)).apply(np.array([[1, 0, 0, 0]], np.float32))
    assert found[0] == pytest.approx([0.94, 0.02, 0.02, 0.02])
    alone = np.ones((3, 1), dtype=np.float32)
    assert ISOTONIC.apply(alone).tolist() == [[1], [1], [1]]


@pytest.mark.parametrize("scaling", MAPS, ids=lambda each: type(each).__name__)
def test_logits_and_their_probabilities_are_mapped_alike(scaling: Scaling) -> None:
    z = np.random.default_rng(1).normal(size=(300, 3)) * 4
    of_logits = scaling.of_logits(z)
    assert of_logits.dtype == np.float64
    assert of_logits.sum(axis=1) == pytest.approx(np.ones(300))
    assert scaling.of_logits(z + 3.5) == pytest.approx(of_logits), "a constant says nothing"
    raw = softmax(z).astype(np.float32)
    assert scaling.apply(raw).dtype == np.float32
    assert scaling.apply(raw) == pytest.approx(of_logits, abs=2e-5)
    assert scaling.columns(raw).tolist() == of_logits.argmax(axis=1).tolist()


def test_extreme_logits_are_mapped_as_what_is_stored_of_them() -> None:
    z = np.array([[0.0, -500.0, -900.0]])
    raw = softmax(z).astype(np.float32)
    assert VECTOR.of_logits(z) == pytest.approx(VECTOR.apply(raw), abs=1e-6)


@pytest.mark.parametrize("scaling", MAPS, ids=lambda each: type(each).__name__)
def test_a_map_comes_back_from_what_is_stored(scaling: Scaling) -> None:
    kept = json.loads(json.dumps(scaling.stored()))
    assert scaling_from(scaling.temperature, kept) == scaling


@pytest.mark.parametrize("temperature", [1.0, 0.6, 1.7])
def test_a_temperature_gives_the_bits_that_it_always_gave(temperature) -> None:
    raw = softmax(np.random.default_rng(2).normal(size=(1000, 5)).astype(np.float32) * 9)
    raw[0] = [1, 0, 0, 0, 0]
    logs = np.log(np.maximum(raw, np.finfo(np.float32).tiny)) / np.float32(temperature)
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    before = raw if temperature == 1 else powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(scaling_from(temperature, None).apply(raw), before)
