"""From out-of-sample answers to the temperature of a round, and how far it can be trusted."""

from dataclasses import dataclass

import torch

from sslapp.training.calibration.out_of_sample import OutOfSample
from sslapp.training.calibration.table import calibration_table, error_interval
from sslapp.training.calibration.temperature import fit_temperature, upper_temperature
from sslapp.vocabulary import CalibratedOn

MANY = 100
"""Held-out labels from which on the likeliest temperature is taken as it is."""

FEW_FOLDED = 20
"""Cross-fitted labels below which the upper limit is taken: fewer were never measured."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A temperature and the expected calibration error it leaves.

    Attributes:
        temperature: T; calibrated probabilities are softmax(logits / T).
        source: whose labels it rests on.
        count: how many.
        cautious: whether T is the upper end of its interval.
        ece_before, ece_after: at T = 1 and at T, both on the same labels, so `ece_after` is an
            optimistic figure; NaN without labels.
        interval: of `ece_after`, 95 %.
    """

    temperature: float
    source: CalibratedOn
    count: int
    cautious: bool
    ece_before: float
    ece_after: float
    interval: tuple[float, float]

    @property
    def calibrated(self) -> bool:
        """Whether confidences mean anything."""
        return self.source is not CalibratedOn.NOTHING


def calibrate(answers: OutOfSample) -> Calibration:
    """Fit a temperature to out-of-sample answers.

    A fit on four fifths of the labels is the humbler one already, so the likeliest temperature of
    cross-fitting is cautious enough. From fewer than 100 held-out labels it was not: the upper end
    of its interval is taken there.
    """
    logits, labels = answers.logits, answers.labels
    folded = answers.source is CalibratedOn.FOLDS
    cautious = len(answers) < (FEW_FOLDED if folded else MANY)
    temperature = 1.0
    if answers.source is not CalibratedOn.NOTHING:
        fitted = upper_temperature if cautious else fit_temperature
        temperature = fitted(logits, labels)
    sure, predicted = torch.softmax(logits.double() / temperature, dim=1).max(dim=1)
    right = (predicted == labels).numpy()
    raw = torch.softmax(logits.double(), dim=1).amax(dim=1)
    return Calibration(
        temperature=temperature,
        source=answers.source,
        count=len(answers),
        cautious=cautious and answers.source is not CalibratedOn.NOTHING,
        ece_before=calibration_table(raw.numpy(), right).error,
        ece_after=calibration_table(sure.numpy(), right).error,
        interval=error_interval(sure.numpy(), right),
    )
