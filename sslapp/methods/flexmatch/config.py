"""What FlexMatch is called and its options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import ALIGNMENT, WITHOUT_EFFECT, Alignment, ThresholdConfig
from sslapp.vocabulary import Gear


class FlexMatchConfig(ThresholdConfig):
    """FlexMatch's options."""

    tau: float = Field(
        0.95,
        ge=0,
        le=1,
        description="Confidence from which on a pseudo-label counts for the class that has won "
        "most; less for the others.",
        json_schema_extra={"usual": True},
    )
    threshold_warm_up: bool = Field(
        True,
        description="Ask less of every class while most images have none yet.",
    )
    alignment: Alignment = ALIGNMENT


CARD = MethodCard(
    "flexmatch",
    "FlexMatch",
    "FixMatch that asks less confidence of classes which have won few images so far.",
    (Gear.PIXELS, Gear.FEATURES),
    FlexMatchConfig,
    WITHOUT_EFFECT,
)
