"""Whose labels a round is calibrated on. Pages ask before it starts, in a process without torch.

In this order: the holdout, if it has 30 labels; the experts' labels, by cross-fitting where a fit
takes seconds, and by further trainings without a third of them where it takes minutes.
"""

from sslapp.training.configuration import LongConfig, MethodConfig
from sslapp.vocabulary import CalibratedOn, Gear

LEAST_HOLDOUT = 30
"""Labels of the holdout that need no others beside them."""

ENOUGH_FOR_A_THIRD = 3 * LEAST_HOLDOUT
"""Expert labels a third of which say as much as a holdout does."""

LEAST_LABELS = 10
"""Expert labels below which nothing is asked: a mistake more or less would decide."""


FITS = {
    CalibratedOn.HOLDOUT: 1,
    CalibratedOn.NOTHING: 1,
    CalibratedOn.THIRD: 2,
    CalibratedOn.THIRDS: 4,
    CalibratedOn.FOLDS: 6,
}
"""Fits that a round is made of; on few labels of a small set FOLDS may be one a label."""


def source_for(config: MethodConfig, gear: Gear, *, holdout: int, experts: int) -> CalibratedOn:
    """Where the out-of-sample answers of a round come from.

    Args:
        config: the options of its method.
        holdout: labels of the holdout.
        experts: labels to train on that readers gave.
    """
    if holdout >= LEAST_HOLDOUT:
        return CalibratedOn.HOLDOUT
    if experts < LEAST_LABELS:
        return CalibratedOn.NOTHING
    if gear is Gear.FEATURES and config.quick_on_features:
        return CalibratedOn.FOLDS
    return (
        _by_trainings(config, experts) if isinstance(config, LongConfig) else CalibratedOn.NOTHING
    )


def _by_trainings(config: LongConfig, experts: int) -> CalibratedOn:
    few = experts < ENOUGH_FOR_A_THIRD
    return {
        "auto": CalibratedOn.THIRDS if few else CalibratedOn.THIRD,
        "three": CalibratedOn.THIRDS,
        "one": CalibratedOn.THIRD,
        "none": CalibratedOn.NOTHING,
    }[config.calibration_trainings]
