"""What SoftMatch is called and its options."""

from typing import Annotated, Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import WITHOUT_EFFECT, Alignment, AveragingConfig
from sslapp.training.configuration import Automatic
from sslapp.vocabulary import Gear


class SoftMatchConfig(AveragingConfig):
    """SoftMatch's options."""

    variant: Literal["paper", "usb"] = Field(
        "paper",
        description="Mean and variance of the confidences before alignment (paper), or after it "
        "(usb).",
    )
    n_sigma: Annotated[float, Automatic("1, as the paper writes, or 2 in the variant usb")] = Field(
        0.0,
        ge=0,
        le=10,
        description="What the deviation is divided by in the weights: more lets unsure "
        "pseudo-labels count less.",
        json_schema_extra={"usual": True},
    )
    per_class: bool = Field(
        False, description="Keep mean and variance for every predicted class apart."
    )
    alignment: Alignment = Field(
        "uniform",
        description="Weigh predictions after pulling them towards equal classes, as in the paper, "
        "or towards the labels' own frequencies; pseudo-labels are taken before.",
    )


CARD = MethodCard(
    "softmatch",
    "SoftMatch",
    "FixMatch whose pseudo-labels all count, unsure ones less. A high threshold wastes most "
    "images and a low one lets wrong answers in, so here every answer has a weight instead: 1 "
    "where the network is at least as sure as on average, and the less the further it is below "
    "that. Before they are weighed, answers are evened out over the classes, so that easy "
    "classes do not get all the weight.",
    (Gear.PIXELS, Gear.FEATURES),
    SoftMatchConfig,
    WITHOUT_EFFECT,
    formula=r"""\ell = \ell_s + \lambda_u\, \ell_u, \qquad q_b = p(a(u_b))
\ell_u = \frac{1}{\mu B} \sum_b w(q_b)\, H(\arg\max q_b,\, p(A(u_b)))
w(q) = \exp\Big(-\frac{\min(0,\, \max \mathrm{UA}(q) - \hat\mu)^2}{2 \hat\sigma^2}\Big)
\mathrm{UA}(q) = \operatorname{norm}\Big(\frac{q}{C\, \tilde p}\Big)
\hat\mu \leftarrow m\, \hat\mu + (1 - m)\, \operatorname{mean}_b \max q_b
\hat\sigma^2 \leftarrow m\, \hat\sigma^2 + (1 - m)\, \operatorname{var}_b \max q_b
\tilde p \leftarrow m\, \tilde p + (1 - m)\, \operatorname{mean}_b q_b""",
    relatives=("fixmatch", "freematch"),
)
