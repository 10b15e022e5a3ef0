"""Which temperature is taken for which answers, and what is reported with it."""

import math

import numpy as np
import pytest
import torch

from sslapp.training.calibration.calibration import calibrate
from sslapp.training.calibration.out_of_sample import OutOfSample
from sslapp.training.calibration.temperature import fit_temperature, upper_temperature
from sslapp.vocabulary import CalibratedOn


def answers(source: CalibratedOn, right: int, wrong: int, logit: float = 4.0) -> OutOfSample:
    count = right + wrong
    return OutOfSample(
        source=source,
        rows=np.arange(count),
        logits=torch.tensor([[logit, 0.0]]).repeat(count, 1),
        labels=torch.tensor([0] * right + [1] * wrong, dtype=torch.int64),
    )


@pytest.mark.parametrize(
    ("source", "right", "wrong", "cautious"),
    [
        (CalibratedOn.FOLDS, 30, 10, False),
        (CalibratedOn.FOLDS, 12, 4, True),
        (CalibratedOn.THIRDS, 30, 10, False),
        (CalibratedOn.THIRDS, 12, 4, True),
        (CalibratedOn.HOLDOUT, 30, 10, True),
        (CalibratedOn.HOLDOUT, 90, 30, False),
        (CalibratedOn.THIRD, 12, 4, True),
        (CalibratedOn.THIRD, 90, 30, False),
    ],
)
def test_few_held_out_labels_ask_for_caution(source, right, wrong, cautious) -> None:
    asked = answers(source, right, wrong)
    found = calibrate(asked)
    rule = upper_temperature if cautious else fit_temperature
    assert found.temperature == rule(asked.logits, asked.labels)
    assert (found.calibrated, found.cautious, found.count) == (True, cautious, right + wrong)


def test_the_error_is_reported_before_and_after_with_its_interval() -> None:
    found = calibrate(answers(CalibratedOn.HOLDOUT, 90, 30))
    assert found.ece_before == pytest.approx(1 / (1 + math.exp(-4)) - 0.75, abs=1e-6)
    assert found.ece_after == pytest.approx(0, abs=1e-6)
    lower, upper = found.interval
    # 95 % of the means of 120 that are right with .75 lie within 2.2 deviations of .0395
    assert 0 <= lower < 0.01
    assert 0.06 < upper < 0.11


def test_without_answers_nothing_is_calibrated() -> None:
    found = calibrate(answers(CalibratedOn.NOTHING, 0, 0))
    assert (found.calibrated, found.cautious, found.temperature) == (False, False, 1.0)
    assert math.isnan(found.ece_after)
    assert math.isnan(found.interval[0])
