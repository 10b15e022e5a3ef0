"""What InstanT is called and its options."""

from typing import ClassVar, Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import ThresholdConfig
from sslapp.vocabulary import Gear


class InstanTConfig(ThresholdConfig):
    """InstanT's options."""

    aligns: ClassVar[bool] = True

    tau: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Share of the batch's mean confidence that the threshold begins at.",
        json_schema_extra={"usual": True},
    )
    transition: Literal["class", "instance"] = Field(
        "class",
        description="Estimate how pseudo-labels err once for all images, as the published "
        "configurations do, or for every image, as in the paper.",
    )
    scale: float = Field(
        5.0, gt=0, le=100, description="How sure the estimate is at first that they do not err."
    )
    transition_rate: float = Field(
        0.01, ge=0, le=10, description="Learning rate of the estimate that is one for all."
    )
    first_stage: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of the run before the estimate is used, and learns.",
    )
    variant: Literal["paper", "official"] = Field(
        "paper",
        description="The threshold rises by probabilities (paper), or by a softmax of twice these, "
        "as the authors' code has it (official).",
    )


CARD = MethodCard(
    "instant",
    "InstanT",
    "A threshold for every image, by an estimate of how likely its pseudo-label is wrong. While "
    "the network learns, a small part beside it learns how often an image of one class is taken "
    "for another. Where a pseudo-label is doubtful more confidence is asked for, and the loss "
    "allows for the mistakes that are expected.",
    (Gear.PIXELS,),
    InstanTConfig,
    formula=r"""\ell = \ell_s + \lambda_u\, \ell_u
\ell_u = -\frac{1}{\mu B} \sum_b \mathbb{1}[\max q_b \ge \tau(u_b)]\, \log (p(A(u_b))\, T(u_b))_y
\tau(u_b) = \min\big(.99,\, \bar\tau + T_{yy}\, q_{(2)} + \textstyle\sum_{j \ne y} T_{jy}\, q_j\big)
\bar\tau = \tau \operatorname{mean}_b \max q_b, \qquad y = \arg\max q_b
T(u)_{ij} = P(\text{pseudo-label } j \mid \text{class } i,\, u)
q_b = \operatorname{norm}(p(a(u_b))\, P_{\mathrm{labelled}} / P_{\mathrm{unlabelled}})""",
    relatives=("adamatch", "freematch"),
)
