"""What temporal ensembling is called and its options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.consistency.config import PerturbedConfig
from sslapp.vocabulary import Gear


class TemporalEnsemblingConfig(PerturbedConfig):
    """Options of temporal ensembling."""

    lambda_u: float = Field(
        10.0,
        ge=0,
        le=1000,
        description="Highest weight of the unlabelled loss (w_max).",
        json_schema_extra={"usual": True},
    )
    momentum: float = Field(
        0.6, ge=0, lt=1, description="Decay of the predictions that are averaged (alpha)."
    )


CARD = MethodCard(
    "temporal-ensembling",
    "Temporal ensembling",
    "Predictions follow the average of those of earlier epochs. What the network said of an "
    "image each time it came by is averaged, later answers counting more, and is what it should "
    "say now. Such an average is steadier than a single answer, but it lags behind: it moves "
    "once in a walk through all images.",
    (Gear.PIXELS,),
    TemporalEnsemblingConfig,
    formula=r"""z_i = f(g(x_i),\, \xi)
Z_i \leftarrow \alpha Z_i + (1 - \alpha)\, z_i, \qquad \tilde z_i = Z_i / (1 - \alpha^t)
\ell_u = \operatorname{mean}_i \tfrac{1}{C} \lVert z_i - \tilde z_i \rVert^2
\ell = \operatorname{mean}_{i \in L} \big(-\log z_i[y_i]\big) + w\, \ell_u""",
    relatives=("pi-model", "mean-teacher"),
)
