"""The method to begin a round with, where nobody has chosen one, and why.

Measured by benchmarks/prototypes.py on features of EfficientNet-Lite0: with ten kinds of objects
and with six kinds of medical images prototypes were ahead of the linear probe at one to 25 labels a
class. With two classes of chest X-rays the probe was ahead from 40 labels on: where the images' own
clusters are not the classes, prototypes follow the clusters.
"""

from dataclasses import dataclass

from sslapp.usecases.images.embeddings import DEFAULT_ENCODER
from sslapp.vocabulary import Gear

NETWORK, FEW, MANY = "fixmatch", "prototypes", "supervised"
"""Names of the methods: on pixels, and on features with few labels and with many."""

FEW_A_CLASS = 25
"""Labels, divided by classes, up to which prototypes were compared with the linear probe."""

CLASSES_TO_CLUSTER = 3
"""Classes from which on they are taken to be the clusters of the images."""


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
    few = FEW_A_CLASS * classes if classes >= CLASSES_TO_CLUSTER else 0
    learned = encoder not in (None, DEFAULT_ENCODER)
    if gear == Gear.FEATURES or (gear is None and learned and labels <= FEW_A_CLASS * classes):
        if labels <= few:
            reason = f"Prototypes: the best of the features gear up to about {few:,} labels."
            return Suggestion(FEW, Gear.FEATURES, reason)
        reason = f"Linear probe: prototypes were compared with it up to {few:,} labels only."
        if not few:
            reason = "Linear probe: with two classes it was ahead of prototypes from 40 labels on."
        return Suggestion(MANY, Gear.FEATURES, reason)
    if learned:
        reason = (
            f"FixMatch trains the network itself, beyond the {FEW_A_CLASS * classes:,} labels for "
            "which features are offered first."
        )
    else:
        reason = "FixMatch trains the network itself: there are no features of a learned encoder."
    return Suggestion(NETWORK, Gear.PIXELS, reason)
