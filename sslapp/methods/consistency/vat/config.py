"""What virtual adversarial training is called and its options."""

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.consistency.config import RampedConfig, Variant
from sslapp.vocabulary import Gear


class VATConfig(RampedConfig):
    """Options of virtual adversarial training."""

    epsilon: float = Field(
        6.0,
        gt=0,
        le=1000,
        description="Length of the adversarial step in deviations of pixels, for colour images of "
        "32 pixels a side; of others by the square root of how many numbers they are.",
        json_schema_extra={"usual": True},
    )
    xi: float = Field(
        0.01,
        gt=0,
        le=100,
        description="Length of the step at which its direction is searched for.",
    )
    power_iterations: int = Field(
        1, ge=1, le=20, description="Searches for the direction, each from the one before."
    )
    lambda_ent: float = Field(
        0.06, ge=0, le=10, description="Weight of the entropy of unlabelled predictions."
    )
    variant: Variant = Field(
        "paper",
        description="paper: epsilon follows the size of images as said; usb: epsilon is the same "
        "for all of them.",
    )


CARD = MethodCard(
    "vat",
    "Virtual adversarial training",
    "Predictions stay alike in the direction that changes them most, and become sure. For each "
    "image the small change of pixels is sought that sways the network most, and the network "
    "learns not to be swayed by it. So it needs no list of changes that an image may undergo, "
    "which helps where turning or mirroring would alter the class.",
    (Gear.PIXELS,),
    VATConfig,
    formula=r"""g = \nabla_d\, \mathrm{KL}\big(p(u) \,\Vert\, p(u + \xi d)\big)
r_{\mathrm{adv}} = \epsilon\, g / \lVert g \rVert
\mathrm{LDS}(u) = \mathrm{KL}\big(p(u) \,\Vert\, p(u + r_{\mathrm{adv}})\big)
\ell_u = \operatorname{mean}_u \mathrm{LDS}(u)
\ell_{\mathrm{ent}} = \operatorname{mean}_u H(p(u))
\ell = \ell_s + \lambda_u\, r(k)\, \ell_u + \lambda_{\mathrm{ent}}\, \ell_{\mathrm{ent}}""",
    relatives=("pi-model",),
)
