"""Options that methods with pseudo-labels from weak views share."""

from typing import Literal

from pydantic import Field

from sslapp.training.configuration import ConsistencyConfig
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


class ThresholdConfig(ConsistencyConfig):
    """Weights of the losses."""

    lambda_u: float = Field(1.0, ge=0, le=100, description="Weight of the unlabelled loss.")
    lambda_c: float = Field(
        1.0, ge=0, le=100, description="Weight of the loss on classes that readers ruled out."
    )
    reduction: Literal["all", "selected"] = Field(
        "all", description="Average the unlabelled loss over all images or the confident ones."
    )
