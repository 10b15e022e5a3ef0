"""What FixMatch is called and its options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import ALIGNMENT, WITHOUT_EFFECT, Alignment, ThresholdConfig
from sslapp.vocabulary import Gear


class FixMatchConfig(ThresholdConfig):
    """FixMatch's options."""

    tau: float = Field(
        0.95,
        ge=0,
        le=1,
        description="Confidence from which on a pseudo-label counts.",
        json_schema_extra={"usual": True},
    )
    alignment: Alignment = ALIGNMENT


CARD = MethodCard(
    "fixmatch",
    "FixMatch",
    "Weak-to-strong consistency with confident hard pseudo-labels. What the network says of a "
    "slightly moved image, where it is sure, becomes the answer that it has to give about a "
    "strongly distorted version of the same image. So unlabelled images teach it what may change "
    "about an image without changing its class.",
    (Gear.PIXELS, Gear.FEATURES),
    FixMatchConfig,
    WITHOUT_EFFECT,
    formula=r"""\ell = \ell_s + \lambda_u\, \ell_u, \qquad q_b = p(a(u_b))
\ell_s = \frac{1}{B} \sum_b H\big(y_b,\, p(a(x_b))\big)
\ell_u = \frac{1}{\mu B} \sum_b \mathbb{1}[\max q_b \ge \tau]\, H(\arg\max q_b,\, p(A(u_b)))""",
    relatives=(
        "flexmatch",
        "freematch",
        "softmatch",
        "uda",
        "pseudo-label",
        "adamatch",
        "defixmatch",
        "dash",
        "multi-head-co-training",
        "remixmatch",
        "layermatch",
        "self-training",
    ),
)
