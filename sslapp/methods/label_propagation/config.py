"""What label propagation is called and its options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.training.configuration import MethodConfig
from sslapp.vocabulary import Gear


class LabelPropagationConfig(MethodConfig):
    """Options of the graph and of the propagation."""

    neighbours: int = Field(10, ge=1, le=200, description="Neighbours of an image in the graph.")
    alpha: float = Field(
        0.9, gt=0, lt=1, description="Share of a score that comes from the neighbours."
    )
    iterations: int = Field(100, ge=1, le=10_000, description="Most propagation steps.")


CARD = MethodCard(
    "label-propagation",
    "Label propagation",
    "Labels spread along a nearest-neighbour graph of the features. Every image is joined to "
    "those that are most like it, and takes a share of its answer from them, again and again "
    "until nothing moves. It is right where images of a class form a connected group, and no "
    "network is trained.",
    (Gear.FEATURES,),
    LabelPropagationConfig,
    formula=r"F = \alpha\, S F + (1 - \alpha)\, Y, \qquad S = D^{-1/2} A\, D^{-1/2}",
    relatives=("nearest-neighbours", "prototypes", "head-ensemble"),
)
