"""What multi-head co-training is called and its options."""

from typing import Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import WeightsConfig
from sslapp.vocabulary import Gear


class MultiHeadConfig(WeightsConfig):
    """Options of multi-head co-training."""

    weighting: Literal["agreement", "apm"] = Field(
        "agreement",
        description="Which images teach a head: those on which the two others agree, or by "
        "MultiMatch's average pseudo-margins as well, which may let one of them teach alone.",
        json_schema_extra={"usual": True},
    )


CARD = MethodCard(
    "multi-head-co-training",
    "Multi-head co-training",
    "Three classifiers on one network, each taught by what the two others agree on.",
    (Gear.PIXELS,),
    MultiHeadConfig,
)
