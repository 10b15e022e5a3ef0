"""How whoever waits for a source to be read is told how far it is, and stops it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Watch:
    """Who waits.

    Attributes:
        progress: progress(done, total) is called after each file.
        should_stop: polled as often.
    """

    progress: Callable[[int, int], None] = lambda done, total: None
    should_stop: Callable[[], bool] = lambda: False


UNWATCHED = Watch()
