"""What ReMixMatch is called and its options."""

from typing import Annotated, Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.methods.mixing.config import MixingConfig
from sslapp.training.configuration import Automatic
from sslapp.vocabulary import Gear


class ReMixMatchConfig(MixingConfig):
    """ReMixMatch's options."""

    lambda_u: float = Field(
        1.5,
        ge=0,
        le=1000,
        description="Highest weight of the loss on mixed unlabelled images.",
        json_schema_extra={"usual": True},
    )
    ramp: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the run over which the weights of guesses rise; 0 for none.",
    )
    lambda_strong: float = Field(
        0.5,
        ge=0,
        le=100,
        description="Highest weight of the loss on the first strong view, unmixed.",
    )
    rotation: Annotated[
        Literal["auto", "on", "off"],
        Automatic("on where images may be mirrored (flip)", at="auto"),
    ] = Field(
        "auto",
        description="Tell quarter turns of the first strong view apart; senseless where every "
        "direction is up (microscopy), or up tells classes apart (6 and 9).",
    )
    lambda_r: float = Field(
        0.5, ge=0, le=100, description="Weight of the loss on quarter turns, which has no ramp."
    )
    strong_views: int = Field(
        2, ge=1, le=8, description="Strong views of every unlabelled image in a step (K)."
    )
    alignment: Literal["none", "uniform", "labelled"] = Field(
        "labelled",
        description="Class frequencies that guesses are pulled towards (distribution alignment).",
    )


CARD = MethodCard(
    "remixmatch",
    "ReMixMatch",
    "MixMatch with strong views, aligned guesses and quarter turns. What is guessed from a "
    "slightly moved image is also the label of strongly distorted versions of it, and guesses "
    "are corrected so that each class is guessed about as often as it is labelled. The network "
    "also learns to tell by how many quarter turns an image was turned, which needs no label.",
    (Gear.PIXELS,),
    ReMixMatchConfig,
    formula=r"""\tilde p_b \propto p(y \mid a(u_b))\, p(y) / \tilde p(y)
q_b \propto \tilde p_b^{\,1/T}
\ell_s = \operatorname{mean}_{X'} H\big(p,\, p(y \mid x)\big)
\ell_u = \operatorname{mean}_{U'} H\big(q,\, p(y \mid u)\big)
\ell_1 = \operatorname{mean}_b H\big(q_b,\, p(y \mid A_1(u_b))\big)
\ell_r = \operatorname{mean}_b H\big(t_b,\, p_{\mathrm{rot}}(t \mid A_1(u_b)\ \text{turned})\big)
\ell = \ell_s + r(k)\, (\lambda_u \ell_u + \lambda_{\mathrm{strong}} \ell_1) + \lambda_r \ell_r""",
    relatives=("mixmatch", "fixmatch"),
)
