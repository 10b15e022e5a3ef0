"""What the Pi-model is called and its options."""

from typing import Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.consistency.config import PerturbedConfig, Variant
from sslapp.vocabulary import Gear


class PiModelConfig(PerturbedConfig):
    """The Pi-model's options."""

    lambda_u: float = Field(
        10.0,
        ge=0,
        le=1000,
        description="Highest weight of the unlabelled loss (w_max).",
        json_schema_extra={"usual": True},
    )
    perturbation: Literal["augmentation", "noise"] = Field(
        "augmentation",
        description="augmentation: two views, with noise and dropout; noise: one view twice, noise "
        "and dropout alone make the difference.",
    )
    variant: Variant = Field(
        "paper",
        description="paper: both views are moved towards each other, by a sigmoid ramp; usb: the "
        "second towards the first, by a linear one.",
    )


CARD = MethodCard(
    "pi-model",
    "Pi-model",
    "Two perturbed versions of an image get like predictions. Each image is moved and made "
    "noisy twice, and the network is corrected for answering differently, whatever the image "
    "shows. The weight of this rises slowly, because at first the labels have to say what the "
    "classes are.",
    (Gear.PIXELS,),
    PiModelConfig,
    formula=r"""z_i = f(g(x_i),\, \xi), \qquad \tilde z_i = f(g'(x_i),\, \xi')
\ell_u = \operatorname{mean}_i \tfrac{1}{C} \lVert z_i - \tilde z_i \rVert^2
\ell = \operatorname{mean}_{i \in L} \big(-\log z_i[y_i]\big) + w(t)\, \ell_u
w(t) = w_{\max}\, e^{-5 (1 - t)^2}""",
    relatives=("temporal-ensembling", "mean-teacher", "vat"),
)
