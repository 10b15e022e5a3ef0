"""Temperature and calibration error against values computed by hand."""

import math

import pytest
import torch

from sslapp.training.calibration.temperature import (
    expected_calibration_error,
    fit_temperature,
    upper_temperature,
)


def two_classes(right: int, wrong: int, logit: float) -> tuple[torch.Tensor, torch.Tensor]:
    logits = torch.tensor([[logit, 0.0]]).repeat(right + wrong, 1)
    return logits, torch.tensor([0] * right + [1] * wrong)


def test_the_calibration_error_weighs_the_gaps_of_its_bins():
    confidence = torch.tensor([0.95, 0.95, 0.65, 0.65])
    p = torch.stack([confidence, 1 - confidence], dim=1)
    labels = torch.tensor([0, 1, 0, 0])
    # bins of width .1: |.5 - .95| / 2 + |1 - .65| / 2
    assert expected_calibration_error(p, labels, bins=10) == pytest.approx(0.40)


def test_perfect_calibration_has_no_error():
    p = torch.tensor([[0.75, 0.25]]).repeat(8, 1)
    assert expected_calibration_error(p, torch.tensor([0] * 6 + [1] * 2)) == pytest.approx(0)


def test_certainty_falls_into_the_last_bin():
    assert expected_calibration_error(torch.tensor([[1.0, 0.0]]), torch.tensor([0])) == 0


def test_no_labels_have_no_error_to_speak_of():
    assert math.isnan(expected_calibration_error(torch.zeros(0, 2), torch.zeros(0).long()))


def test_the_temperature_turns_confidence_into_accuracy():
    # 3 of 4 right at logit 4: softmax must become .75, that is 4 / T = log 3
    logits, labels = two_classes(30, 10, 4.0)
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(4 / math.log(3), rel=1e-6)
    p = torch.softmax(logits / temperature, dim=1)
    assert p[:, 0].tolist() == pytest.approx([0.75] * 40, abs=1e-6)


def test_the_temperature_minimises_the_likelihood_loss():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(200, 5, generator=generator)
    labels = torch.multinomial(torch.softmax(logits / 2.5, 1), 1, generator=generator)[:, 0]
    fitted = fit_temperature(logits, labels)

    def loss(temperature):
        return float(torch.nn.functional.cross_entropy(logits.double() / temperature, labels))

    assert loss(fitted) < min(loss(fitted * 1.01), loss(fitted / 1.01))
    assert fitted == pytest.approx(2.5, rel=0.2)


def test_scaling_the_logits_scales_the_temperature_and_no_probability():
    logits, labels = two_classes(30, 10, 4.0)
    one, other = fit_temperature(logits, labels), fit_temperature(logits * 3, labels)
    assert other == pytest.approx(3 * one, rel=1e-6)


def test_a_faultless_holdout_does_not_make_the_model_surer():
    logits, labels = two_classes(40, 0, 2.0)
    assert fit_temperature(logits, labels) == 1


def test_worthless_logits_end_at_the_largest_temperature():
    logits, labels = two_classes(10, 30, 4.0)
    assert fit_temperature(logits, labels) == pytest.approx(20)


ORACLE = (
    torch.tensor([(2.0, 0), (2, 0), (1, 0), (0, 3), (0, 2), (1, 0)]),
    torch.tensor([0, 1, 0, 1, 1, 0]),
)


def mean_loss(logits, labels, temperature) -> float:
    return float(torch.nn.functional.cross_entropy(logits.double() / temperature, labels))


def test_the_temperature_and_losses_of_the_oracle():
    fitted = fit_temperature(*ORACLE)
    assert fitted == pytest.approx(1.320219, abs=1e-6)
    assert mean_loss(*ORACLE, fitted) == pytest.approx(0.496351, abs=1e-6)
    assert mean_loss(*ORACLE, 1.0) == pytest.approx(0.509316, abs=1e-6)


def test_the_upper_temperature_is_where_the_profile_ends():
    logits, labels = two_classes(60, 12, 4.0)
    best, upper = fit_temperature(logits, labels), upper_temperature(logits, labels)
    assert upper > best
    fallen = 72 * (mean_loss(logits, labels, upper) - mean_loss(logits, labels, best))
    assert fallen == pytest.approx(1.353, abs=1e-6)


def test_few_labels_leave_the_temperature_open_and_many_do_not():
    small = upper_temperature(*two_classes(6, 2, 4.0))
    large = upper_temperature(*two_classes(30_000, 10_000, 4.0))
    assert small > 2 * large
    assert large == pytest.approx(4 / math.log(3), rel=0.03)
    assert upper_temperature(*two_classes(3, 1, 4.0)) == pytest.approx(20)


def test_the_upper_temperature_never_sharpens():
    # at logit .5 nine of ten are right: the likeliest T lies below 1
    logits, labels = two_classes(900, 100, 0.5)
    assert fit_temperature(logits, labels) < 0.5
    assert upper_temperature(logits, labels) == 1


def test_a_few_faultless_answers_allow_no_certainty():
    sure = upper_temperature(*two_classes(7, 0, 6.0))
    # 7 of 7 right proves no more than 65 %
    assert 1 / (1 + math.exp(-6.0 / sure)) < 0.9
