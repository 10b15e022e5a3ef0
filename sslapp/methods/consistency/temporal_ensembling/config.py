"""What temporal ensembling is called and its options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.consistency.config import PerturbedConfig
from sslapp.vocabulary import Gear


class TemporalEnsemblingConfig(PerturbedConfig):
    """Options of temporal ensembling."""

    lambda_u: float = Field(
        10.0,
        ge=0,
        le=1000,
        description="Highest weight of the unlabelled loss (w_max).",
        json_schema_extra={"usual": True},
    )
    momentum: float = Field(
        0.6, ge=0, lt=1, description="Decay of the predictions that are averaged (alpha)."
    )


CARD = MethodCard(
    "temporal-ensembling",
    "Temporal ensembling",
    "Predictions follow the average of those of earlier epochs.",
    (Gear.PIXELS,),
    TemporalEnsemblingConfig,
)
