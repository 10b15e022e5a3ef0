"""What a job of kind `embed` does with an encoder, as its parameters say."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

WORK = "work"
"""Name of the parameter."""


class EncoderWork(StrEnum):
    """The three works of the lane that encoders run in."""

    FEATURES = "features"
    VIEWS = "views"
    PROJECTION = "projection"


def work_of(params: Mapping[str, Any]) -> EncoderWork:
    """What a job does.

    A job that a version before this parameter queued has the parameter that only its work needs,
    named like the work.
    """
    if WORK in params:
        return EncoderWork(params[WORK])
    own = (EncoderWork.VIEWS, EncoderWork.PROJECTION)
    return next((each for each in own if each in params), EncoderWork.FEATURES)
