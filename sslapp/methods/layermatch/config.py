"""What LayerMatch is called and its options."""

from typing import Annotated, Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.training.configuration import Automatic, ConsistencyConfig
from sslapp.vocabulary import Gear


class LayerMatchConfig(ConsistencyConfig):
    """LayerMatch's options; the switches are those of the paper's ablations."""

    grad_relu: bool = Field(
        True,
        description="Keep pseudo-labels from moving the classifier (Grad-ReLU); off is an "
        "ablation.",
    )
    grad_relu_c: bool = Field(
        True,
        description="Keep classes that readers ruled out from moving the classifier as well.",
    )
    average_clustering: bool = Field(
        True,
        description="Draw features to an averaged classifier (Avg-Clustering); off is an ablation.",
    )
    threshold: Literal["adaptive", "fixed"] = Field(
        "adaptive",
        description="adaptive: after the model's own confidence, as in the paper; fixed: tau for "
        "every class, as in FixMatch.",
    )
    tau: float = Field(
        0.95,
        ge=0,
        le=1,
        description="Confidence from which on a pseudo-label counts with the fixed threshold.",
    )
    reset_every: Annotated[int, Automatic("a hundredth of the run")] = Field(
        0, ge=0, le=2**20, description="Steps between copies of the classifier (N)."
    )
    lambda_u: float = Field(1.0, ge=0, le=100, description="Weight of the unlabelled loss.")
    lambda_ac: float = Field(1.0, ge=0, le=100, description="Weight of the clustering loss.")
    lambda_c: float = Field(
        1.0, ge=0, le=100, description="Weight of the loss on classes that readers ruled out."
    )
    momentum: float = Field(
        0.999, ge=0, lt=1, description="Decay of the averaged predictions and classifier (m)."
    )
    head_step: float = Field(
        5e-4, ge=0, le=1, description="Step size of the averaged classifier (alpha)."
    )
    reduction: Literal["all", "selected"] = Field(
        "selected", description="Average over all images or the confident ones, as in the paper."
    )


CARD = MethodCard(
    "layermatch",
    "LayerMatch",
    "FixMatch whose classifier learns from labels alone, with adaptive thresholds. Pseudo-labels "
    "teach only the layers below the classifier, to which wrong ones do less harm. These layers "
    "are also drawn to what an earlier, slower classifier said, and the threshold follows how "
    "sure the network has become.",
    (Gear.PIXELS,),
    LayerMatchConfig,
    formula=r"""\ell = \ell_s + \lambda_u\,\ell_u + \lambda_{ac}\,\ell_{ac}
\frac{\partial \ell_u}{\partial W_{\mathrm{classifier}}} := 0""",
    relatives=("fixmatch", "freematch"),
)
