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
    "Every image gets the class that most of the nearest labelled images have. The labelled "
    "images most like it vote, the nearer ones with more weight. Nothing is trained, so it shows "
    "what the features alone are worth.",
    (Gear.FEATURES,),
    NearestNeighboursConfig,
    formula=r"p_c(x) \propto \sum_{i \in N_k(x)} e^{\cos(x,\, x_i) / 0.1}\, \mathbb{1}[y_i = c]",
    relatives=("label-propagation", "prototypes"),
)
