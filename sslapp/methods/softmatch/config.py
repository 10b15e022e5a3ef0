"""What SoftMatch is called and its options."""

from typing import Annotated, Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import WITHOUT_EFFECT, Alignment, AveragingConfig
from sslapp.training.configuration import Automatic
from sslapp.vocabulary import Gear


class SoftMatchConfig(AveragingConfig):
    """SoftMatch's options."""

    variant: Literal["paper", "usb"] = Field(
        "paper",
        description="Mean and variance of the confidences before alignment (paper), or after it "
        "(usb).",
    )
    n_sigma: Annotated[float, Automatic("1, as the paper writes, or 2 in the variant usb")] = Field(
        0.0,
        ge=0,
        le=10,
        description="What the deviation is divided by in the weights: more lets unsure "
        "pseudo-labels count less.",
        json_schema_extra={"usual": True},
    )
    per_class: bool = Field(
        False, description="Keep mean and variance for every predicted class apart."
    )
    alignment: Alignment = Field(
        "uniform",
        description="Weigh predictions after pulling them towards equal classes, as in the paper, "
        "or towards the labels' own frequencies; pseudo-labels are taken before.",
    )


CARD = MethodCard(
    "softmatch",
    "SoftMatch",
    "FixMatch whose pseudo-labels all count, unsure ones less.",
    (Gear.PIXELS, Gear.FEATURES),
    SoftMatchConfig,
    WITHOUT_EFFECT,
)
