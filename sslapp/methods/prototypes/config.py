"""What transductive prototypes are called and their options."""

from typing import Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.training.configuration import MethodConfig
from sslapp.vocabulary import Gear


class PrototypesConfig(MethodConfig):
    """Options of transductive prototypes; 0 takes the algorithm's own number."""

    algorithm: Literal["tim", "transport"] = Field(
        "tim",
        description="transport: optimal transport (PT-MAP); tim: information maximisation, which "
        "begins where transport ends.",
    )
    sharpness: float = Field(
        0.0,
        ge=0,
        le=1000,
        description="How sharply distances turn into shares (lambda); 0 takes 30, or 7.5 for tim.",
    )
    step: float = Field(
        0.0,
        ge=0,
        le=1,
        description="How far a prototype moves at each iteration: share of the way (transport; 0 "
        "takes .2) or rate of Adam (tim; 0 takes .01).",
    )
    iterations: int = Field(
        0,
        ge=0,
        le=1000,
        description="How often the prototypes move; 0 takes 20, or 100 for tim.",
    )
    frequencies: Literal["holdout", "uniform", "free"] = Field(
        "holdout",
        description="What is known of class frequencies: within the holdout's confidence interval "
        "(free below 30 labels), all equal, or nothing.",
    )
    whitening: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Compare whitened principal components; auto does so in transport from 64 "
        "labels on.",
    )


CARD = MethodCard(
    "prototypes",
    "Transductive prototypes",
    "A prototype a class, moved by the unlabelled images: seconds, for few labels.",
    (Gear.FEATURES,),
    PrototypesConfig,
)
