"""What UDA is called and its options."""

from typing import Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import WITHOUT_EFFECT, ThresholdConfig
from sslapp.vocabulary import Gear

Annealing = Literal["none", "linear", "log", "exp"]


class UDAConfig(ThresholdConfig):
    """UDA's options."""

    variant: Literal["paper", "usb"] = Field(
        "paper",
        description="usb: targets are not sharpened, and annealing asks for the largest "
        "probability and divides by all labelled images.",
    )
    tau: float = Field(
        0.8,
        ge=0,
        le=1,
        description="Confidence, before sharpening, from which on a soft label counts.",
        json_schema_extra={"usual": True},
    )
    temperature: float = Field(
        0.4,
        gt=0,
        le=10,
        description="What soft labels are sharpened by (T); 1 leaves them. Without effect in the "
        "variant usb.",
    )
    annealing: Annealing = Field(
        "none",
        description="Leave labelled images out while the network is surer of them than a limit "
        "that rises from 1/C to 1 (training signal annealing): steadily, early (log) or late "
        "(exp), which suits few labels.",
    )


CARD = MethodCard(
    "uda",
    "UDA",
    "Weak-to-strong consistency with confident soft pseudo-labels, sharpened. Where FixMatch "
    "takes the likeliest class alone for the answer, here the probabilities of all classes for "
    "the slightly moved image, made somewhat more decided, have to be given for its strongly "
    "distorted version too. As an option, labelled images that the network already knows are "
    "left out until later, so that it does not learn a few labels by heart.",
    (Gear.PIXELS, Gear.FEATURES),
    UDAConfig,
    WITHOUT_EFFECT,
    formula=r"""\ell = \ell_s + \lambda_u\, \ell_u, \qquad q_b = p(a(u_b))
\ell_u = \frac{1}{\mu B} \sum_b \mathbb{1}[\max q_b \ge \tau]\, H(t(q_b),\, p(A(u_b)))
t(q)_c = \frac{q_c^{1/T}}{\sum_d q_d^{1/T}}""",
    relatives=("fixmatch", "dash"),
)
