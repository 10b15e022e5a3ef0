"""What ReMixMatch is called and its options."""

from typing import Annotated, Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.mixing.config import MixingConfig
from sslapp.training.configuration import Automatic
from sslapp.vocabulary import Gear


class ReMixMatchConfig(MixingConfig):
    """ReMixMatch's options."""

    lambda_u: float = Field(
        1.5,
        ge=0,
        le=1000,
        description="Highest weight of the loss on mixed unlabelled images.",
        json_schema_extra={"usual": True},
    )
    ramp: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the run over which the weights of guesses rise; 0 for none.",
    )
    lambda_strong: float = Field(
        0.5,
        ge=0,
        le=100,
        description="Highest weight of the loss on the first strong view, unmixed.",
    )
    rotation: Annotated[
        Literal["auto", "on", "off"],
        Automatic("on where images may be mirrored (flip)", at="auto"),
    ] = Field(
        "auto",
        description="Tell quarter turns of the first strong view apart; senseless where every "
        "direction is up (microscopy), or up tells classes apart (6 and 9).",
    )
    lambda_r: float = Field(
        0.5, ge=0, le=100, description="Weight of the loss on quarter turns, which has no ramp."
    )
    strong_views: int = Field(
        2, ge=1, le=8, description="Strong views of every unlabelled image in a step (K)."
    )
    alignment: Literal["none", "uniform", "labelled"] = Field(
        "labelled",
        description="Class frequencies that guesses are pulled towards (distribution alignment).",
    )


CARD = MethodCard(
    "remixmatch",
    "ReMixMatch",
    "MixMatch with strong views, aligned guesses and quarter turns.",
    (Gear.PIXELS,),
    ReMixMatchConfig,
)
