"""The method to begin a round with, where nobody has chosen one, and why.

In the features gear it is the ensemble. Each of its members is the best on some set: prototypes
follow the images' own clusters, which need not be the classes, and the linear probe knows nothing
of the unlabelled images. docs/benchmarks.md, Calibration, has them side by side.
"""

from dataclasses import dataclass

from sslapp.usecases.images.embeddings import DEFAULT_ENCODER
from sslapp.vocabulary import Gear

NETWORK, ENSEMBLE = "fixmatch", "head-ensemble"
"""Names of the methods: on pixels, and on features."""

FEW_A_CLASS = 25
"""Labels, divided by classes, up to which features of a learned encoder are offered first."""


@dataclass(frozen=True)
class Suggestion:
    """A method, the gear to run it in, and a sentence that says why."""

    method: str
    gear: Gear
    reason: str


def suggest(
    *, labels: int, classes: int, encoder: str | None, gear: Gear | None = None
) -> Suggestion:
    """What to offer first.

    Args:
        labels: to train on.
        classes: C.
        encoder: whose features cover all images; None when nobody's do.
        gear: the one that was asked for; None lets the features gear come first while labels are
            few and the features are those of a network that has learned from many images.
    """
    learned = encoder not in (None, DEFAULT_ENCODER)
    if gear == Gear.FEATURES or (gear is None and learned and labels <= FEW_A_CLASS * classes):
        reason = (
            "The ensemble averages three quick methods: which of them is best alone cannot be told "
            f"from {labels:,} labels."
        )
        return Suggestion(ENSEMBLE, Gear.FEATURES, reason)
    if learned:
        reason = (
            f"FixMatch trains the network itself, beyond the {FEW_A_CLASS * classes:,} labels for "
            "which features are offered first."
        )
    else:
        reason = "FixMatch trains the network itself: there are no features of a learned encoder."
    return Suggestion(NETWORK, Gear.PIXELS, reason)
