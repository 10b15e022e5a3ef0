"""What FixMatch is called and its options."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import WITHOUT_EFFECT, ThresholdConfig
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
    threshold: Literal["fixed", "flexible", "adaptive"] = Field(
        "fixed",
        description="fixed: tau for every class; flexible: less for classes that are still rare "
        "(FlexMatch); adaptive: after the model's own confidence, without tau (FreeMatch).",
    )
    lambda_f: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Weight of FreeMatch's fairness loss, .01 in its paper; needs the adaptive "
        "threshold.",
    )
    alignment: Literal["none", "uniform", "labelled"] = Field(
        "none",
        description="Pull pseudo-labels towards equal classes, or towards the labels' own "
        "frequencies (distribution alignment).",
    )

    @model_validator(mode="after")
    def _fairness_has_its_averages(self) -> Self:
        if self.lambda_f and self.threshold != "adaptive":
            raise ValueError("lambda_f needs the adaptive threshold; choose that, or set it to 0")
        return self


CARD = MethodCard(
    "fixmatch",
    "FixMatch",
    "Weak-to-strong consistency with confident hard pseudo-labels.",
    (Gear.PIXELS, Gear.FEATURES),
    FixMatchConfig,
    WITHOUT_EFFECT,
)
