"""What AdaMatch is called and its options."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import ThresholdConfig
from sslapp.training.configuration import Automatic
from sslapp.vocabulary import Gear


class AdaMatchConfig(ThresholdConfig):
    """AdaMatch's options."""

    aligns: ClassVar[bool] = True

    tau: Annotated[float, Automatic(".9, or .95 with the variant usb")] = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the mean confidence in the batch's labelled images from which on a "
        "pseudo-label counts.",
        json_schema_extra={"usual": True},
    )
    variant: Literal["paper", "usb"] = Field(
        "paper",
        description="paper: logits of labelled images between two passes, a strong view of them, "
        "and an unlabelled loss that rises; usb: as that library has it, without the three.",
    )


CARD = MethodCard(
    "adamatch",
    "AdaMatch",
    "FixMatch, aligned with predictions of labelled images and with a threshold relative to them.",
    (Gear.PIXELS,),
    AdaMatchConfig,
)
