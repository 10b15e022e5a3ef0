"""What Mean Teacher is called and its options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.consistency.config import RampedConfig, Variant
from sslapp.vocabulary import Gear


class MeanTeacherConfig(RampedConfig):
    """Mean Teacher's options."""

    lambda_u: float = Field(
        50.0,
        ge=0,
        le=1000,
        description="Highest weight of the unlabelled loss.",
        json_schema_extra={"usual": True},
    )
    variant: Variant = Field(
        "paper", description="paper: the weight rises by a sigmoid ramp; usb: by a linear one."
    )


CARD = MethodCard(
    "mean-teacher",
    "Mean Teacher",
    "Predictions follow those of the averaged weights on another view. The network that learns "
    "is the student, and the average of its weights over the last steps is the teacher, which "
    "answers more steadily. Student and teacher see the same image moved differently, and the "
    "student learns to say what the teacher says.",
    (Gear.PIXELS,),
    MeanTeacherConfig,
    formula=r"""\theta'_k = m_k\, \theta'_{k-1} + (1 - m_k)\, \theta_k
m_k = \min\big(1 - \tfrac{1}{k + 1},\, m\big)
J = \operatorname{mean}_x \tfrac{1}{C} \lVert f(x, \theta, \eta) - f(x, \theta', \eta') \rVert^2
\ell = \ell_s + \lambda_u\, r(k)\, J""",
    relatives=("temporal-ensembling", "pi-model"),
)
