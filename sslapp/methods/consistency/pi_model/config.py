"""What the Pi-model is called and its options."""

from typing import Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.consistency.config import PerturbedConfig, Variant
from sslapp.vocabulary import Gear


class PiModelConfig(PerturbedConfig):
    """The Pi-model's options."""

    lambda_u: float = Field(
        10.0,
        ge=0,
        le=1000,
        description="Highest weight of the unlabelled loss (w_max).",
        json_schema_extra={"usual": True},
    )
    perturbation: Literal["augmentation", "noise"] = Field(
        "augmentation",
        description="augmentation: two views, with noise and dropout; noise: one view twice, noise "
        "and dropout alone make the difference.",
    )
    variant: Variant = Field(
        "paper",
        description="paper: both views are moved towards each other, by a sigmoid ramp; usb: the "
        "second towards the first, by a linear one.",
    )


CARD = MethodCard(
    "pi-model",
    "Pi-model",
    "Two perturbed versions of an image get like predictions.",
    (Gear.PIXELS,),
    PiModelConfig,
)
