"""What the supervised baseline is called and its options."""

from typing import ClassVar

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.training.configuration import TrainingConfig
from sslapp.vocabulary import Gear


class SupervisedConfig(TrainingConfig):
    """Options of supervised training; the features gear uses `penalty` alone."""

    quick_on_features: ClassVar[bool] = True

    penalty: float = Field(
        1.0, gt=0, le=1e6, description="Strength of the linear probe's L2 penalty (features)."
    )


CARD = MethodCard(
    "supervised",
    "Supervised baseline",
    "The network, or a linear probe, on labels alone.",
    (Gear.PIXELS, Gear.FEATURES),
    SupervisedConfig,
    {
        Gear.PIXELS: frozenset({"penalty"}),
        Gear.FEATURES: frozenset(TrainingConfig.model_fields),
    },
)
