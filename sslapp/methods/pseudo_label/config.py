"""What Pseudo-Label is called and its options."""

from typing import Annotated, Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import WITHOUT_EFFECT, ThresholdConfig
from sslapp.training.configuration import Automatic
from sslapp.vocabulary import Gear


class PseudoLabelConfig(ThresholdConfig):
    """Pseudo-Label's options."""

    variant: Literal["paper", "usb"] = Field(
        "paper",
        description="How pseudo-labels come in: not for the first tenth of the run, then with a "
        "weight that rises to three times lambda_u after three fifths (paper); from the start, "
        "rising to lambda_u after two fifths (usb).",
    )
    tau: Annotated[float, Automatic("0, that is all, or .95 in the variant usb")] = Field(
        0.0,
        ge=0,
        le=1,
        description="Confidence from which on a pseudo-label counts.",
        json_schema_extra={"usual": True},
    )


CARD = MethodCard(
    "pseudo-label",
    "Pseudo-Label",
    "Takes the likeliest class of unlabelled images for their label, more so as training goes "
    "on. At first the labels alone teach; then the network's own answers come in, with a weight "
    "that rises to a limit. Nothing tells it that an answer is wrong, so it may confirm its own "
    "mistakes.",
    (Gear.PIXELS, Gear.FEATURES),
    PseudoLabelConfig,
    WITHOUT_EFFECT,
    formula=r"""\ell = \ell_s + \lambda_u\, \alpha(k)\, \ell_u, \qquad q_b = p(a(u_b))
\ell_u = \frac{1}{\mu B} \sum_b \mathbb{1}[\max q_b \ge \tau]\, H(\arg\max q_b,\, p(a(u_b)))
\alpha(k) = 3\, \min\Big(1,\, \max\Big(0,\, \frac{k - T_1}{T_2 - T_1}\Big)\Big)""",
    relatives=("fixmatch", "self-training"),
)
