"""From out-of-sample answers to the calibration of a round, and how far it can be trusted."""

from dataclasses import dataclass

import numpy as np

from sslapp.training.calibration.choice import choose_scaling
from sslapp.training.calibration.out_of_sample import OutOfSample
from sslapp.training.calibration.scaling import Scaling, Temperature, softmax
from sslapp.training.calibration.table import calibration_table, error_interval
from sslapp.training.calibration.temperature import upper_temperature
from sslapp.vocabulary import CalibratedOn

MANY = 100
"""Held-out labels from which on the likeliest temperature is taken as it is."""

FEW_FOLDED = 20
"""Cross-fitted labels below which the upper limit is taken: fewer were never measured."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A map to calibrated probabilities and the expected calibration error it leaves.

    Attributes:
        scaling: the map; temperature scaling, unless labels suffice to know a better one.
        source: whose labels it rests on.
        count: how many.
        cautious: whether its temperature is the upper end of its interval.
        ece_before, ece_after: without the map and with it, of the class that the method gives most,
            both on the same labels, so `ece_after` is an optimistic figure; NaN without labels.
        interval: of `ece_after`, 95 %.
    """

    scaling: Scaling
    source: CalibratedOn
    count: int
    cautious: bool
    ece_before: float
    ece_after: float
    interval: tuple[float, float]

    @property
    def temperature(self) -> float:
        """T of softmax(logits / T), or of what the map was fitted around."""
        return self.scaling.temperature

    @property
    def calibrated(self) -> bool:
        """Whether confidences mean anything."""
        return self.source is not CalibratedOn.NOTHING


def calibrate(answers: OutOfSample) -> Calibration:
    """Fit a map to out-of-sample answers.

    A fit on four fifths of the labels is the humbler one already, so the likeliest temperature of
    cross-fitting is cautious enough. From fewer than 100 held-out labels it was not: the upper end
    of its interval is taken there.
    """
    logits, labels = answers.logits, answers.labels
    folded = answers.source in {CalibratedOn.FOLDS, CalibratedOn.THIRDS}
    cautious = len(answers) < (FEW_FOLDED if folded else MANY)
    z = logits.double().numpy()
    scaling: Scaling = Temperature(1.0)
    if answers.source is not CalibratedOn.NOTHING:
        if cautious:
            scaling = Temperature(upper_temperature(logits, labels))
        else:
            scaling = choose_scaling(z, labels.numpy(), answers.groups)
    said = z.argmax(axis=1)
    sure = scaling.of_logits(z)[np.arange(len(z)), said]
    right = said == labels.numpy()
    raw = softmax(z).max(axis=1)
    return Calibration(
        scaling=scaling,
        source=answers.source,
        count=len(answers),
        cautious=cautious and answers.source is not CalibratedOn.NOTHING,
        ece_before=calibration_table(raw, right).error,
        ece_after=calibration_table(sure, right).error,
        interval=error_interval(sure, right),
    )
