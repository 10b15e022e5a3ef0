"""What the ensemble of heads is called; it has nothing to choose."""

from typing import ClassVar

from sslapp.methods.card import MethodCard
from sslapp.training.configuration import MethodConfig
from sslapp.vocabulary import Gear


class HeadEnsembleConfig(MethodConfig):
    """No options: its members run with theirs as they are by default."""

    cross_fits: ClassVar[bool] = True


CARD = MethodCard(
    "head-ensemble",
    "Ensemble of heads",
    "Linear probe, prototypes and label propagation, averaged: none has to be chosen.",
    (Gear.FEATURES,),
    HeadEnsembleConfig,
    averages_encoders=True,
)
