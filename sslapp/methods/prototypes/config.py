"""What transductive prototypes are called and their options."""

from typing import Annotated, Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.training.configuration import Automatic, MethodConfig
from sslapp.vocabulary import Gear


class PrototypesConfig(MethodConfig):
    """Options of transductive prototypes; 0 chooses the algorithm's own number."""

    algorithm: Literal["tim", "transport"] = Field(
        "tim",
        description="transport: optimal transport (PT-MAP); tim: information maximisation, which "
        "begins where transport ends.",
    )
    sharpness: Annotated[float, Automatic("30, or 7.5 for tim")] = Field(
        0.0, ge=0, le=1000, description="How sharply distances turn into shares (lambda)."
    )
    step: Annotated[float, Automatic(".2, or .01 for tim")] = Field(
        0.0,
        ge=0,
        le=1,
        description="How far a prototype moves at each iteration: share of the way (transport) or "
        "rate of Adam (tim).",
    )
    iterations: Annotated[int, Automatic("20, or 100 for tim")] = Field(
        0, ge=0, le=1000, description="How often the prototypes move."
    )
    frequencies: Literal["holdout", "uniform", "free"] = Field(
        "holdout",
        description="What is known of class frequencies: within the holdout's confidence interval "
        "(free below 30 labels), all equal, or nothing.",
    )
    whitening: Annotated[
        Literal["auto", "on", "off"], Automatic("on in transport from 64 labels on", at="auto")
    ] = Field("auto", description="Compare whitened principal components.")


CARD = MethodCard(
    "prototypes",
    "Transductive prototypes",
    "A prototype a class, moved by the unlabelled images: seconds, for few labels. It begins with"
    " the mean of each class's labelled images, shares all unlabelled images out among these "
    "means, and moves each towards what it was given. It gains most with a handful of labels, "
    "where images of a class lie together.",
    (Gear.FEATURES,),
    PrototypesConfig,
    formula=r"""M_{ic} \propto e^{-\lambda \lVert x_i - m_c \rVert^2}
m_c \leftarrow (1 - s)\, m_c + s\,\frac{\sum_i M_{ic}\, x_i}{\sum_i M_{ic}}""",
    relatives=("nearest-neighbours", "label-propagation", "head-ensemble"),
)
