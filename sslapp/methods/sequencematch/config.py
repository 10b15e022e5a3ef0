"""What SequenceMatch is called and its options."""

from typing import Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import ThresholdConfig
from sslapp.vocabulary import Gear


class SequenceMatchConfig(ThresholdConfig):
    """SequenceMatch's options."""

    tau: float = Field(
        0.95,
        ge=0,
        le=1,
        description="Confidence from which on a pseudo-label counts.",
        json_schema_extra={"usual": True},
    )
    threshold: Literal["flexible", "fixed"] = Field(
        "flexible",
        description="Of hard pseudo-labels: less than tau for classes that are still rare "
        "(FlexMatch), or tau for every class.",
    )
    temperature: float = Field(
        0.5, gt=0, le=10, description="Temperature of the soft targets of the chain."
    )
    lambda_s: float = Field(
        1.0,
        ge=0,
        le=100,
        description="Weight of the chain weak, medium, strong within the unlabelled loss; 0 leaves "
        "medium views out.",
    )
    refixmatch: bool = Field(
        False,
        description="Let images below the threshold teach as well, by soft targets (ReFixMatch).",
    )
    variant: Literal["paper", "usb"] = Field(
        "paper",
        description="paper: as in the authors' code; usb: soft targets are a softmax of "
        "probabilities, and the hard labels' threshold is that of all terms.",
    )


CARD = MethodCard(
    "sequencematch",
    "SequenceMatch",
    "FlexMatch with a medium view: each view is made consistent with every weaker one. Between "
    "the slightly moved version of an image and the strongly distorted one stands a third, "
    "moderately distorted. What the network says of an easier version becomes the answer for "
    "each harder one, so that the way from weak to strong is taken in smaller steps as well.",
    (Gear.PIXELS,),
    SequenceMatchConfig,
    formula=r"""\ell = \ell_s + \lambda_u\, (\ell_u + \lambda_s\, \ell_m), \qquad q_v = p(v)
\ell_u = \operatorname{mean} \mathbb{1}[\max q_w \ge \tau_c]\, H(c,\, p(s))
c = \arg\max q_w, \qquad \tau_c \text{ as in FlexMatch}
\ell_m = \operatorname{mean}\, [d(w, m) + d(m, s) + d(w, s)]
d(v, v') = \mathbb{1}[\max q_v \ge \tau]\, \mathrm{KL}(t_v \,\|\, p(v'))
t_v = \operatorname{norm}(q_v^{1/T})""",
    relatives=("flexmatch",),
)
