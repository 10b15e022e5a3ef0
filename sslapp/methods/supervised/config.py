"""What the supervised baseline is called and its options."""

from typing import ClassVar

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.training.configuration import TrainingConfig
from sslapp.vocabulary import Gear


class SupervisedConfig(TrainingConfig):
    """Options of supervised training; the features gear uses `penalty` alone."""

    quick_on_features: ClassVar[bool] = True

    penalty: float = Field(
        1.0, gt=0, le=1e6, description="Strength of the linear probe's L2 penalty (features)."
    )


CARD = MethodCard(
    "supervised",
    "Supervised baseline",
    "The network, or a linear probe, on labels alone. It never looks at an unlabelled image. What"
    " another method gets right beyond it is what the unlabelled images are worth.",
    (Gear.PIXELS, Gear.FEATURES),
    SupervisedConfig,
    {
        Gear.PIXELS: frozenset({"penalty"}),
        Gear.FEATURES: frozenset(TrainingConfig.model_fields),
    },
    formula=r"\ell_s = \frac{1}{B} \sum_b H\big(y_b,\, p(a(x_b))\big)",
    relatives=("fixmatch", "self-training", "head-ensemble"),
)
