"""What MixMatch is called and its options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.mixing.config import MixingConfig
from sslapp.vocabulary import Gear


class MixMatchConfig(MixingConfig):
    """MixMatch's options."""

    lambda_u: float = Field(
        10.0,
        ge=0,
        le=1000,
        description="Highest weight of the unlabelled loss.",
        json_schema_extra={"usual": True},
    )


CARD = MethodCard(
    "mixmatch",
    "MixMatch",
    "Mixtures of labelled images and of unlabelled ones with guessed labels.",
    (Gear.PIXELS,),
    MixMatchConfig,
)
