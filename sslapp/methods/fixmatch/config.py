"""What FixMatch is called and its options."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sslapp.methods.card import MethodCard
from sslapp.training.configuration import ConsistencyConfig
from sslapp.vocabulary import Gear


class FixMatchConfig(ConsistencyConfig):
    """FixMatch's options."""

    tau: float = Field(
        0.95,
        ge=0,
        le=1,
        description="Confidence from which on a pseudo-label counts.",
        json_schema_extra={"usual": True},
    )
    lambda_u: float = Field(1.0, ge=0, le=100, description="Weight of the unlabelled loss.")
    lambda_c: float = Field(
        1.0, ge=0, le=100, description="Weight of the loss on classes that readers ruled out."
    )
    reduction: Literal["all", "selected"] = Field(
        "all", description="Average the unlabelled loss over all images or the confident ones."
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


_DECIDED_BEFORE = frozenset(
    {
        *("network", "pretrained", "image_size", "train", "batch_norm", "adamw_rate"),
        *("layer_decay", "flip", "labelled_views", "augmentation"),
    }
)
"""What was decided when the views were encoded, and the network, which is a small head there."""

CARD = MethodCard(
    "fixmatch",
    "FixMatch",
    "Weak-to-strong consistency with confident hard pseudo-labels.",
    (Gear.PIXELS, Gear.FEATURES),
    FixMatchConfig,
    {Gear.FEATURES: _DECIDED_BEFORE},
)
