"""How a weight rises over the first part of a run; numbers of the step alone, without state."""

import math

STEEPNESS = 5.0


def linear(number: int, total: int, share: float) -> float:
    """k / (share K), from 0 at the first step to 1 where that share of the run is over.

    Args:
        number: k, from 0.
        total: K.
        share: in [0, 1]; 0 is no ramp.
    """
    rise = share * total
    return 1.0 if number >= rise else number / rise


def sigmoid(t: float) -> float:
    """exp(-5 (1 - t)^2), Laine and Aila's ramp: .0067 at 0, 1 at 1. t: in [0, 1]."""
    return math.exp(-STEEPNESS * (1 - t) ** 2)
