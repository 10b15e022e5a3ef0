"""What FreeMatch is called and its options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import ALIGNMENT, WITHOUT_EFFECT, Alignment, AveragingConfig
from sslapp.vocabulary import Gear


class FreeMatchConfig(AveragingConfig):
    """FreeMatch's options."""

    lambda_f: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Weight of the fairness loss; .01 in the paper, .001 in USB.",
        json_schema_extra={"usual": True},
    )
    alignment: Alignment = ALIGNMENT


CARD = MethodCard(
    "freematch",
    "FreeMatch",
    "FixMatch with a threshold for every class that follows the model's own confidence. At first "
    "the network is unsure and little confidence suffices; then the threshold rises with its "
    "mean confidence, less so for classes in which it believes less. A small fairness loss "
    "compares how predictions are shared among the classes on strong views and on weak ones.",
    (Gear.PIXELS, Gear.FEATURES),
    FreeMatchConfig,
    WITHOUT_EFFECT,
    formula=r"""\ell = \ell_s + \lambda_u\, \ell_u + \lambda_f\, \ell_f, \qquad q_b = p(a(u_b))
\ell_u = \frac{1}{\mu B} \sum_b \mathbb{1}[\max q_b \ge \tau_{\hat q_b}]\, H(\hat q_b,\, p(A(u_b)))
\tau_c = \tau\, \frac{\tilde p_c}{\max_d \tilde p_d}, \qquad \hat q_b = \arg\max q_b
\tau \leftarrow m\, \tau + (1 - m)\, \frac{1}{\mu B} \sum_b \max q_b
\tilde p \leftarrow m\, \tilde p + (1 - m)\, \frac{1}{\mu B} \sum_b q_b
\tilde h \leftarrow m\, \tilde h + (1 - m)\, \operatorname{hist}(\hat q_b)
\ell_f = \sum_c a_c \log b_c
a = \operatorname{norm}(\tilde p / \tilde h), \qquad b = \operatorname{norm}(\bar p / \bar h)""",
    relatives=("fixmatch", "flexmatch", "softmatch", "layermatch", "instant"),
)
