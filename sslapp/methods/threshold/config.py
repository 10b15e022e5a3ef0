"""Options that methods with pseudo-labels from weak views share."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from sslapp.training.configuration import Automatic, ConsistencyConfig
from sslapp.vocabulary import Gear

_DECIDED_BEFORE = frozenset(
    {
        *("network", "pretrained", "image_size", "train", "batch_norm", "adamw_rate"),
        *("layer_decay", "flip", "labelled_views", "augmentation"),
    }
)

WITHOUT_EFFECT = {Gear.FEATURES: _DECIDED_BEFORE}
"""On features: what was decided when the views were encoded, and the network, which is a small
head there."""

Alignment = Literal["none", "uniform", "labelled"]

ALIGNMENT: Any = Field(
    "none",
    description="Pull pseudo-labels towards equal classes, or towards the labels' own frequencies "
    "(distribution alignment).",
)
"""The option of methods that may align what pseudo-labels are taken from."""


class WeightsConfig(ConsistencyConfig):
    """Weights of the losses."""

    lambda_u: float = Field(1.0, ge=0, le=100, description="Weight of the unlabelled loss.")
    lambda_c: float = Field(
        1.0, ge=0, le=100, description="Weight of the loss on classes that readers ruled out."
    )
    reduction: Literal["all", "selected"] = Field(
        "all", description="Average the unlabelled loss over all images or the confident ones."
    )


class ThresholdConfig(WeightsConfig):
    """What methods on the shared step have besides: help for rare classes."""

    aligns: ClassVar[bool] = False
    """Whether pseudo-labels are aligned with class frequencies whatever the options."""

    class_balance: Literal["none", "crest"] = Field(
        "none",
        description="crest: a pseudo-label weighs the less the more labels its class has (CReST's "
        "shares).",
    )
    logit_adjustment: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Weight of the labels' class frequencies in the logits that losses are taken "
        "of, 1 in its paper, so that plain logits treat rare classes as common ones; excludes "
        "alignment.",
    )

    @model_validator(mode="after")
    def _one_thing_evens_classes_out(self) -> Self:
        aligned = self.aligns or getattr(self, "alignment", "none") != "none"
        if self.logit_adjustment and aligned:
            mend = "set it to 0" if self.aligns else "set it to 0, or alignment to none"
            raise ValueError(
                f"logit_adjustment does what alignment does already, and both do it twice; {mend}"
            )
        return self


class AveragingConfig(ThresholdConfig):
    """A threshold that follows averages of what the network says."""

    momentum: Annotated[float, Automatic("what remembers a tenth of the run")] = Field(
        0.0,
        ge=0,
        lt=1,
        description="Decay of the averages that the threshold follows (m); .999 in the papers, "
        "whose runs have a million steps.",
    )
