"""What k nearest neighbours are called and their options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.training.configuration import MethodConfig
from sslapp.vocabulary import Gear


class NearestNeighboursConfig(MethodConfig):
    """Options of the vote."""

    neighbours: int = Field(
        5, ge=1, le=200, description="Labelled images that vote on an image; of fewer, all do."
    )


CARD = MethodCard(
    "nearest-neighbours",
    "Nearest neighbours",
    "Every image gets the class that most of the nearest labelled images have.",
    (Gear.FEATURES,),
    NearestNeighboursConfig,
)
