"""Options that methods share which mix images."""

from pydantic import Field

from sslapp.methods.consistency.config import RampedConfig, Variant


class MixingConfig(RampedConfig):
    """How guesses are sharpened and images mixed."""

    temperature: float = Field(
        0.5, gt=0, le=1, description="Temperature that guessed labels are sharpened by (T)."
    )
    alpha: float = Field(
        0.75,
        gt=0,
        le=10,
        description="Of the Beta distribution that mixing factors are drawn from; small: hardly "
        "mixed.",
    )
    variant: Variant = Field(
        "paper",
        description="paper: as published; usb: as USB has it, with one mixing factor for a batch.",
    )
