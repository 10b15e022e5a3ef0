"""What DeFixMatch is called and its options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import ThresholdConfig
from sslapp.vocabulary import Gear


class DeFixMatchConfig(ThresholdConfig):
    """DeFixMatch's options."""

    lambda_u: float = Field(
        0.5,
        ge=0,
        le=100,
        description="Weight of the unlabelled loss less the same of labelled images; less than 1.",
    )
    tau: float = Field(
        0.95,
        ge=0,
        le=1,
        description="Confidence from which on a pseudo-label counts.",
        json_schema_extra={"usual": True},
    )


CARD = MethodCard(
    "defixmatch",
    "DeFixMatch",
    "FixMatch less the same loss on labelled images, so that pseudo-labels bring no bias. "
    "Labelled images are treated as if they had no label, and what pseudo-labels would teach of "
    "them is subtracted, for it is on average what pseudo-labels add to the loss. This makes the "
    "method safer and its confidence more honest, rather than its answers right more often.",
    (Gear.PIXELS,),
    DeFixMatchConfig,
    formula=r"""\ell = \ell_s + \lambda_u\, (\ell_u - \ell_a)
q_b = p(a(u_b)), \qquad r_b = p(a(x_b))
\ell_s = \frac{1}{2B} \sum_b \big[H(y_b,\, p(a(x_b))) + H(y_b,\, p(A(x_b)))\big]
\ell_u = \frac{1}{\mu B} \sum_b \mathbb{1}[\max q_b \ge \tau]\, H(\arg\max q_b,\, p(A(u_b)))
\ell_a = \frac{1}{B} \sum_b \mathbb{1}[\max r_b \ge \tau]\, H(\arg\max r_b,\, p(A(x_b)))""",
    relatives=("fixmatch",),
)
