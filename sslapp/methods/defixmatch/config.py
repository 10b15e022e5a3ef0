"""What DeFixMatch is called and its options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import ThresholdConfig
from sslapp.vocabulary import Gear


class DeFixMatchConfig(ThresholdConfig):
    """DeFixMatch's options."""

    lambda_u: float = Field(
        0.5,
        ge=0,
        le=100,
        description="Weight of the unlabelled loss less the same of labelled images; less than 1.",
    )
    tau: float = Field(
        0.95,
        ge=0,
        le=1,
        description="Confidence from which on a pseudo-label counts.",
        json_schema_extra={"usual": True},
    )


CARD = MethodCard(
    "defixmatch",
    "DeFixMatch",
    "FixMatch less the same loss on labelled images, so that pseudo-labels bring no bias.",
    (Gear.PIXELS,),
    DeFixMatchConfig,
)
