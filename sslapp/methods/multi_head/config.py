"""What multi-head co-training is called and its options."""

from typing import Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.threshold.config import WeightsConfig
from sslapp.vocabulary import Gear


class MultiHeadConfig(WeightsConfig):
    """Options of multi-head co-training."""

    weighting: Literal["agreement", "apm"] = Field(
        "agreement",
        description="Which images teach a head: those on which the two others agree, or by "
        "MultiMatch's average pseudo-margins as well, which may let one of them teach alone.",
        json_schema_extra={"usual": True},
    )


CARD = MethodCard(
    "multi-head-co-training",
    "Multi-head co-training",
    "Three classifiers on one network, each taught by what the two others agree on. Each of them "
    "sees distorted versions of its own, so that the three stay different and seldom make the "
    "same mistake. Where two agree about an image their answer teaches the third, without a "
    "threshold to choose, and in the end the three are averaged.",
    (Gear.PIXELS,),
    MultiHeadConfig,
    formula=r"""\ell = \ell_s + \lambda_u\, \ell_u, \qquad \hat y_h = \arg\max f_h(a(u_b))
\ell_s = \sum_h \frac{1}{B} \sum_b H\big(y_b,\, f_h(a(x_b))\big)
\ell_u = \sum_h \frac{1}{\mu B} \sum_b w_{hb}\, H\big(\hat y_i,\, f_h(A_h(u_b))\big)
w_{hb} = \mathbb{1}[\hat y_i = \hat y_j], \qquad \{h, i, j\} = \{1, 2, 3\}""",
    relatives=("fixmatch",),
)
