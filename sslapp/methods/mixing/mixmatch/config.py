"""What MixMatch is called and its options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.mixing.config import MixingConfig
from sslapp.vocabulary import Gear


class MixMatchConfig(MixingConfig):
    """MixMatch's options."""

    lambda_u: float = Field(
        10.0,
        ge=0,
        le=1000,
        description="Highest weight of the unlabelled loss.",
        json_schema_extra={"usual": True},
    )


CARD = MethodCard(
    "mixmatch",
    "MixMatch",
    "Mixtures of labelled images and of unlabelled ones with guessed labels. The guess is the "
    "mean answer for two versions of an image, made surer than it was. Two images are laid over "
    "each other as two slides would be, their labels are mixed in the same shares, and the "
    "network has to name the shares.",
    (Gear.PIXELS,),
    MixMatchConfig,
    formula=r"""\bar q_b = \tfrac{1}{2} \sum_{k=1}^{2} p(y \mid u_{b,k})
q_b \propto \bar q_b^{\,1/T}
\lambda' = \max(\lambda, 1 - \lambda), \qquad \lambda \sim \mathrm{Beta}(\alpha, \alpha)
(x', q') = \lambda'\, (x_1, q_1) + (1 - \lambda')\, (x_2, q_2)
L_X = \operatorname{mean}_{X'} H\big(p,\, p(y \mid x)\big)
L_U = \operatorname{mean}_{U'} \tfrac{1}{C} \lVert q - p(y \mid u) \rVert^2
L = L_X + \lambda_u\, r(k)\, L_U""",
    relatives=("remixmatch", "mean-teacher"),
)
