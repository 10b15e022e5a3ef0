"""What FixMatch is called and its options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import ALIGNMENT, WITHOUT_EFFECT, Alignment, ThresholdConfig
from sslapp.vocabulary import Gear


class FixMatchConfig(ThresholdConfig):
    """FixMatch's options."""

    tau: float = Field(
        0.95,
        ge=0,
        le=1,
        description="Confidence from which on a pseudo-label counts.",
        json_schema_extra={"usual": True},
    )
    alignment: Alignment = ALIGNMENT


CARD = MethodCard(
    "fixmatch",
    "FixMatch",
    "Weak-to-strong consistency with confident hard pseudo-labels.",
    (Gear.PIXELS, Gear.FEATURES),
    FixMatchConfig,
    WITHOUT_EFFECT,
)
