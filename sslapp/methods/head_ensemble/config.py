"""What the ensemble of heads is called; it has nothing to choose."""

from typing import ClassVar

from sslapp.methods.card import MethodCard
from sslapp.training.configuration import MethodConfig
from sslapp.vocabulary import Gear


class HeadEnsembleConfig(MethodConfig):
    """No options: its members run with theirs as they are by default."""

    cross_fits: ClassVar[bool] = True


CARD = MethodCard(
    "head-ensemble",
    "Ensemble of heads",
    "Linear probe, prototypes and label propagation, averaged: none has to be chosen. Each of the"
    " three answers about images that it was not taught, which says how sure it may be and how "
    "much its answer weighs. Where several encoders have seen the images, each of them brings its"
    " own three.",
    (Gear.FEATURES,),
    HeadEnsembleConfig,
    averages_encoders=True,
    formula=r"""P = \frac{\sum_m a_m \operatorname{softmax}(z_m / T_m)}{\sum_m a_m}
a_m = \frac{k_m + 1}{n + 2}""",
    relatives=("supervised", "prototypes", "label-propagation"),
)
