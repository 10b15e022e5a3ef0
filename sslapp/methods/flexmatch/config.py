"""What FlexMatch is called and its options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import ALIGNMENT, WITHOUT_EFFECT, Alignment, ThresholdConfig
from sslapp.vocabulary import Gear


class FlexMatchConfig(ThresholdConfig):
    """FlexMatch's options."""

    tau: float = Field(
        0.95,
        ge=0,
        le=1,
        description="Confidence from which on a pseudo-label counts for the class that has won "
        "most; less for the others.",
        json_schema_extra={"usual": True},
    )
    threshold_warm_up: bool = Field(
        True,
        description="Ask less of every class while most images have none yet.",
    )
    alignment: Alignment = ALIGNMENT


CARD = MethodCard(
    "flexmatch",
    "FlexMatch",
    "FixMatch that asks less confidence of classes which have won few images so far. How many "
    "images a class has won shows how well the network has learned it, and the confidence asked "
    "for grows with that number. So classes that are hard to learn get pseudo-labels early as "
    "well, of which more may be wrong.",
    (Gear.PIXELS, Gear.FEATURES),
    FlexMatchConfig,
    WITHOUT_EFFECT,
    formula=r"""\ell = \ell_s + \lambda_u\, \ell_u, \qquad q_b = p(a(u_b))
\ell_u = \frac{1}{\mu B} \sum_b \mathbb{1}[\max q_b \ge T_{\hat q_b}]\, H(\hat q_b,\, p(A(u_b)))
T_c = \frac{\tau \beta_c}{2 - \beta_c}, \qquad \hat q_b = \arg\max q_b
\beta_c = \frac{\sigma_c}{\max(\max_d \sigma_d,\, n_{\mathrm{none}})}
\sigma_c = \#\{j : s_j = c\}, \qquad n_{\mathrm{none}} = \#\{j : s_j \text{ unset}\}
s_j \leftarrow \hat q_j \text{ where } \max q_j \ge \tau""",
    relatives=("fixmatch", "freematch", "sequencematch"),
)
