"""Rounds: from a snapshot to a task, through a method, to predictions, as a job."""

from enum import StrEnum

PASSED_OVER = "passed_over"
"""In a round's plan: the damaged files that its attempts found and did without, as sentences."""


class RoundPhase(StrEnum):
    """What a running round is at, as its job's message says it."""

    READING = "reading originals"
    TRAINING = "training"
    PREDICTING = "predicting"
    MAPPING = "drawing its map"
    CALIBRATING = "calibrating"
