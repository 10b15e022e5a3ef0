"""Whose labels a round is calibrated on. Pages ask before it starts, in a process without torch.

In this order: the holdout, if it has 30 labels; cross-fitting on the experts' labels, where a fit
takes seconds; a second training without a third of them, where it takes minutes.
"""

from sslapp.training.configuration import LongConfig, MethodConfig
from sslapp.vocabulary import CalibratedOn, Gear

LEAST_HOLDOUT = 30
"""Labels of the holdout that need no others beside them."""

LEAST_LABELS = 10
"""Expert labels below which nothing is asked: a mistake more or less would decide."""


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
    if isinstance(config, LongConfig) and config.second_training:
        return CalibratedOn.THIRD
    return CalibratedOn.NOTHING
