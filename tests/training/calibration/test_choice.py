"""Which map is chosen: the true one where answers suffice to tell, temperature scaling else."""

import numpy as np
import pytest
import torch

from sslapp.training.calibration.calibration import calibrate
from sslapp.training.calibration.choice import PULL, choose_scaling, fit_isotonic, fit_vector
from sslapp.training.calibration.out_of_sample import OutOfSample
from sslapp.training.calibration.scaling import (
    Isotonic,
    Scaling,
    Temperature,
    Vector,
    log_probabilities,
    softmax,
)
from sslapp.training.calibration.temperature import fit_temperature
from sslapp.vocabulary import CalibratedOn

SKEWED = Vector(1.0, (0.4, 0.8, 1.2), (-1.2, 0.0, 1.2))
CAPPED = Isotonic(1.0, (0.0, 0.7, 0.71, 1.0), (0.3, 0.6, 0.8, 0.85))


def answers(true: Scaling, n: int, seed: int, classes: int = 3):
    """(n, C) logits, and (n,) labels drawn as the true map of them says."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, classes)) * 2.5
    beyond = rng.random((n, 1)) > true.of_logits(z).cumsum(axis=1)
    return z, beyond.sum(axis=1).clip(0, classes - 1)


def chosen(true: Scaling, n: int, seeds: int, classes: int = 3) -> list[type]:
    return [type(choose_scaling(*answers(true, n, seed, classes))) for seed in range(seeds)]


@pytest.mark.slow
def test_a_true_vector_scaling_is_found_with_its_parameters() -> None:
    assert chosen(SKEWED, 200, 10).count(Vector) >= 9
    found = choose_scaling(*answers(SKEWED, 4000, 0))
    assert isinstance(found, Vector)
    assert found.weight == pytest.approx(SKEWED.weight, abs=0.12)
    bias = np.array(found.bias) - np.mean(found.bias)
    assert bias == pytest.approx(SKEWED.bias, abs=0.25)


@pytest.mark.slow
def test_a_true_temperature_stays_but_by_chance() -> None:
    for n in (150, 400):
        assert chosen(Temperature(1.7), n, 10).count(Temperature) >= 9
    z, labels = answers(Temperature(1.7), 400, 3)
    same = fit_temperature(torch.from_numpy(z), torch.from_numpy(labels))
    assert choose_scaling(z, labels) == Temperature(same)


def test_a_confidence_that_never_rises_is_found_by_isotonic_regression() -> None:
    z, labels = answers(CAPPED, 2000, 0)
    found = choose_scaling(z, labels)
    assert isinstance(found, Isotonic)
    true = CAPPED.of_logits(z).max(axis=1)
    apart = np.abs(found.of_logits(z).max(axis=1) - true).mean()
    usual = Temperature(found.temperature).of_logits(z).max(axis=1)
    assert apart < 0.03 < np.abs(usual - true).mean()


def test_a_patients_answers_are_one_witness() -> None:
    z, labels = answers(SKEWED, 60, 1)
    often, again, patients = z.repeat(4, axis=0), labels.repeat(4), np.arange(60).repeat(4)
    assert isinstance(choose_scaling(often, again), Vector)
    assert isinstance(choose_scaling(often, again, patients), Temperature)
    assert isinstance(choose_scaling(often, again, patients // 20), Temperature), "three patients"
    alone = np.arange(len(z)) + 7
    assert choose_scaling(z, labels, alone) == choose_scaling(z, labels)


def test_too_few_answers_know_a_temperature_alone() -> None:
    z, labels = answers(SKEWED, 400, 0)
    assert isinstance(choose_scaling(z, labels), Vector)
    assert isinstance(choose_scaling(z[:99], labels[:99]), Temperature)
    of_class = np.flatnonzero(labels == 0)
    few = np.delete(np.arange(len(z)), of_class[9:])
    assert not isinstance(choose_scaling(z[few], labels[few]), Vector)
    curved, truth = answers(CAPPED, 299, 0)
    assert not isinstance(choose_scaling(curved, truth), Isotonic)


def test_answers_that_are_all_right_cannot_tell() -> None:
    z, _ = answers(Temperature(1.0), 400, 0)
    found = choose_scaling(z, z.argmax(axis=1))
    assert isinstance(found, Temperature)
    assert found.temperature >= 1


def test_the_same_answers_give_the_same_map() -> None:
    for true in (SKEWED, CAPPED):
        asked = answers(true, 500, 1)
        assert choose_scaling(*asked) == choose_scaling(*asked)


def test_a_vector_is_the_minimum_that_it_says() -> None:
    z, labels = answers(SKEWED, 150, 5)
    found = fit_vector(z, labels)
    logs = log_probabilities(z)

    def objective(weight: np.ndarray, bias: np.ndarray) -> float:
        p = softmax(logs * weight + bias)[np.arange(len(z)), labels]
        pull = ((weight * found.temperature - 1) ** 2).sum() + (bias**2).sum()
        return float(-np.log(p).sum() + PULL / 2 * pull)

    weight, bias = np.array(found.weight), np.array(found.bias)
    least = objective(weight, bias)
    for column in range(3):
        for step in (-1e-3, 1e-3):
            aside = np.eye(3)[column] * step
            assert objective(weight + aside, bias) > least
            assert objective(weight, bias + aside) > least


def test_isotonic_steps_by_hand() -> None:
    # 40 answers of which 20 are right, and 60 surer ones of which 57 are; one wrong answer is added
    # to the surest and one right to the least sure
    z = np.array([[0.5, 0.0]] * 40 + [[3.0, 0.0]] * 60)
    labels = np.array([0] * 20 + [1] * 20 + [0] * 57 + [1] * 3)
    found = fit_isotonic(z, labels)
    assert found.to == pytest.approx((21 / 41, 57 / 61))
    assert found.at == pytest.approx(softmax(z[[0, -1]] / found.temperature).max(axis=1))


@pytest.mark.parametrize("source", [CalibratedOn.HOLDOUT, CalibratedOn.FOLDS])
def test_a_round_is_calibrated_by_the_map_that_is_chosen(source) -> None:
    z, labels = answers(SKEWED, 300, 2)
    asked = OutOfSample(
        source=source,
        rows=np.arange(300),
        logits=torch.from_numpy(z).float(),
        labels=torch.from_numpy(labels),
    )
    found = calibrate(asked)
    assert found.scaling == choose_scaling(asked.logits.double().numpy(), labels)
    assert isinstance(found.scaling, Vector)
    assert found.temperature == fit_temperature(asked.logits, asked.labels)
    assert found.ece_after < found.ece_before
