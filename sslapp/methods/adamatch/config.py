"""What AdaMatch is called and its options."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import ThresholdConfig
from sslapp.training.configuration import Automatic
from sslapp.vocabulary import Gear


class AdaMatchConfig(ThresholdConfig):
    """AdaMatch's options."""

    aligns: ClassVar[bool] = True

    tau: Annotated[float, Automatic(".9, or .95 with the variant usb")] = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the mean confidence in the batch's labelled images from which on a "
        "pseudo-label counts.",
        json_schema_extra={"usual": True},
    )
    variant: Literal["paper", "usb"] = Field(
        "paper",
        description="paper: logits of labelled images between two passes, a strong view of them, "
        "and an unlabelled loss that rises; usb: as that library has it, without the three.",
    )


CARD = MethodCard(
    "adamatch",
    "AdaMatch",
    "FixMatch, aligned with predictions of labelled images and with a threshold relative to "
    "them. It is made for unlabelled images that differ from the labelled ones, as those of "
    "another scanner may. Pseudo-labels are shifted until the classes are about as frequent "
    "among them as the network finds them among labelled images, and the confidence asked for is "
    "a share of what it has on those.",
    (Gear.PIXELS,),
    AdaMatchConfig,
    formula=r"""\ell = \ell_s + \lambda_u\, \ell_u
z_b = z''_b + \lambda\, (z'_b - z''_b), \qquad \lambda \sim U(0, 1)
\ell_s = \frac{1}{2B} \sum_b [H(y_b,\, z_b^{\mathrm{weak}}) + H(y_b,\, z_b^{\mathrm{strong}})]
q_b = \operatorname{norm}\Big(p(a(u_b))\, \frac{P_{\mathrm{labelled}}}{P_{\mathrm{unlabelled}}}\Big)
c = \tau\, \frac{1}{B} \sum_b \max \operatorname{softmax}(z_b^{\mathrm{weak}})
\ell_u = \frac{w(t)}{\mu B} \sum_b \mathbb{1}[\max q_b \ge c]\, H(\arg\max q_b,\, p(A(u_b)))
w(t) = \tfrac{1}{2} - \tfrac{1}{2} \cos(\min(\pi,\, 2 \pi t)), \qquad t = k / K""",
    relatives=("fixmatch", "remixmatch", "instant"),
)
