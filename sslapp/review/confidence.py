"""From what a round says to the confidence that a reader is shown."""

from sslapp.store.rounds import FinishedRound
from sslapp.training.calibration.scaling import Scaling, scaling_from


def scaling_of(found: FinishedRound) -> Scaling:
    """The map with which a round was published; of an earlier version's its temperature."""
    return scaling_from(found.temperature, found.metrics.get("scaling"))
