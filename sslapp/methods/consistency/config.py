"""Options that methods share whose unlabelled loss rises over the first part of a run."""

from typing import Literal

from pydantic import Field

from sslapp.training.configuration import ConsistencyConfig

Variant = Literal["paper", "usb"]


class RampedConfig(ConsistencyConfig):
    """Weights of the losses."""

    lambda_u: float = Field(
        1.0,
        ge=0,
        le=1000,
        description="Highest weight of the unlabelled loss.",
        json_schema_extra={"usual": True},
    )
    ramp: float = Field(
        0.4,
        ge=0,
        le=1,
        description="Share of the run over which that weight rises; 0 for none.",
    )
    lambda_c: float = Field(
        1.0, ge=0, le=100, description="Weight of the loss on classes that readers ruled out."
    )


class PerturbedConfig(RampedConfig):
    """What images and features are perturbed by besides augmentation."""

    noise: float = Field(
        0.15,
        ge=0,
        le=10,
        description="Deviation of the normal noise on all images, in deviations of their pixels.",
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of the features that the classifier does not see."
    )
