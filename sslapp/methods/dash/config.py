"""What Dash is called and its options."""

from typing import Annotated, Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import WITHOUT_EFFECT, ThresholdConfig
from sslapp.training.configuration import Automatic
from sslapp.vocabulary import Gear


class DashConfig(ThresholdConfig):
    """Dash's options."""

    gamma: float = Field(
        1.27,
        gt=1,
        le=100,
        description="What the greatest loss of a pseudo-label that counts is divided by each time.",
        json_schema_extra={"usual": True},
    )
    drop_every: Annotated[int, Automatic("a hundredth of the run")] = Field(
        0, ge=0, le=2**20, description="Steps between two such falls."
    )
    rho_min: float = Field(
        0.05,
        gt=0,
        le=100,
        description="The loss at which it falls no further; .05 is a confidence of .951. From "
        "there on pseudo-labels are hard.",
    )
    rho_first: Annotated[float, Automatic("the loss at the end of the first stage")] = Field(
        0.0, ge=0, le=100, description="The loss from which it falls."
    )
    first_stage: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of the run before it falls, in whose second half that loss is measured.",
    )
    temperature: float = Field(
        0.5, gt=0, le=10, description="Temperature of pseudo-labels while they are soft."
    )
    variant: Literal["paper", "official", "usb"] = Field(
        "paper",
        description="paper: the first stage is on labels alone, and their loss is measured; "
        "official: it uses everything, the strong views' loss is measured, and the unlabelled loss "
        "is .9 times the mean over those that count, whatever reduction says; usb: as paper, but "
        "soft pseudo-labels are tested as such.",
    )


CARD = MethodCard(
    "dash",
    "Dash",
    "Consistency with pseudo-labels whose own loss is below a threshold that falls. After a "
    "first stage on labels alone many pseudo-labels count, and only ever surer ones as the "
    "network learns and the threshold falls. In the end those remain of which it is at least 95 % "
    "sure, as in FixMatch.",
    (Gear.PIXELS, Gear.FEATURES),
    DashConfig,
    WITHOUT_EFFECT,
    formula=r"""\ell = \ell_s + \lambda_u\, \ell_u, \qquad q_b = p(a(u_b))
\ell_u = \frac{1}{\mu B} \sum_b \mathbb{1}[H(\arg\max q_b,\, q_b) \le \rho]\, H(t_b,\, p(A(u_b)))
\rho = \max(C\, \gamma^{-d}\, \hat\rho,\, \rho_{\min}), \qquad C = 1.0001
t_b = \operatorname{norm}(q_b^{1/T}), \text{ or } \arg\max q_b \text{ once } \rho = \rho_{\min}""",
    relatives=("fixmatch", "uda"),
)
