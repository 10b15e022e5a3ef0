"""What Mean Teacher is called and its options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.consistency.config import RampedConfig, Variant
from sslapp.vocabulary import Gear


class MeanTeacherConfig(RampedConfig):
    """Mean Teacher's options."""

    lambda_u: float = Field(
        50.0,
        ge=0,
        le=1000,
        description="Highest weight of the unlabelled loss.",
        json_schema_extra={"usual": True},
    )
    variant: Variant = Field(
        "paper", description="paper: the weight rises by a sigmoid ramp; usb: by a linear one."
    )


CARD = MethodCard(
    "mean-teacher",
    "Mean Teacher",
    "Predictions follow those of the averaged weights on another view.",
    (Gear.PIXELS,),
    MeanTeacherConfig,
)
