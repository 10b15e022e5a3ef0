"""What FreeMatch is called and its options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import ALIGNMENT, WITHOUT_EFFECT, Alignment, AveragingConfig
from sslapp.vocabulary import Gear


class FreeMatchConfig(AveragingConfig):
    """FreeMatch's options."""

    lambda_f: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Weight of the fairness loss; .01 in the paper, .001 in USB.",
        json_schema_extra={"usual": True},
    )
    alignment: Alignment = ALIGNMENT


CARD = MethodCard(
    "freematch",
    "FreeMatch",
    "FixMatch with a threshold for every class that follows the model's own confidence.",
    (Gear.PIXELS, Gear.FEATURES),
    FreeMatchConfig,
    WITHOUT_EFFECT,
)
