"""What Diff-SySC is called and its options."""

from typing import Annotated, Literal

from pydantic import Field

from sslapp.methods.card import MethodCard
from sslapp.training.configuration import Automatic, LongConfig
from sslapp.vocabulary import Gear


class DiffSySCConfig(LongConfig):
    """Options of Diff-SySC; 0 chooses the paper's number for so many classes and labels."""

    schedule: Literal["fast", "paper"] = Field(
        "fast",
        description="fast: larger batches from the second iteration on, as many epochs, and in "
        "large batches the processor's short numbers; paper: the paper's batches, in float32.",
    )
    encoder: Literal["frozen", "trainable"] = Field(
        "frozen",
        description="What the first layer is multiplied by: a map of the frozen features, or a "
        "network that learns from the images as well, which takes far longer.",
    )
    network: Literal["small-cnn", "wrn-28-2", "wrn-28-8", "wrn-37-2"] = Field(
        "small-cnn", description="Network of the trainable encoder."
    )
    iterations: int = Field(4, ge=1, le=20, description="Models trained one after the other (m).")
    confidence: Annotated[float, Automatic(".95, or .6 to .7 for more than 50 classes")] = Field(
        0.0, ge=0, lt=1, description="Confidence above which the pool is labelled (gamma)."
    )
    first_epochs: Annotated[int, Automatic("by the set")] = Field(
        0, ge=0, le=10_000, description="Epochs of the first model."
    )
    later_epochs: Annotated[int, Automatic("by the set")] = Field(
        0, ge=0, le=10_000, description="Epochs of every later model."
    )
    batch_size: Annotated[int, Automatic("25, or 200 for many")] = Field(
        0, ge=0, le=4096, description="Labelled images in a step."
    )
    neighbours: Annotated[
        int,
        Automatic("up to the paper's 10, as many as agree with the image's own label"),
    ] = Field(
        0,
        ge=0,
        le=200,
        description="Nearest labelled images whose labels are retrieved (k).",
    )
    learning_rate: float = Field(3e-3, gt=0, le=1, description="Highest learning rate of Adam.")
    width: int = Field(512, ge=16, le=4096, description="Width of the denoiser's hidden layers.")
    diffusion: Literal["cosine", "linear"] = Field(
        "cosine", description="How labels fade into noise over the 1,000 time steps."
    )
    sampling_steps: int = Field(
        10, ge=1, le=500, description="Steps in which a label is drawn from noise (DDIM)."
    )


CARD = MethodCard(
    "diff-sysc",
    "Diff-SySC",
    "Label diffusion on frozen features that labels the pool in a few iterations. A network "
    "learns to turn noise into an image's label, step by step, from its features and from the "
    "labels of its nearest labelled images. Where it is sure about an image of the pool, that "
    "label joins those that the next network learns from.",
    (Gear.FEATURES,),
    DiffSySCConfig,
    formula=r"""\ell = \mathbb{E} \lVert \epsilon - \epsilon_\theta(y_t,\, f(x),\, t) \rVert^2
L \leftarrow L \cup \{(u, \arg\max z_u) : \max \operatorname{softmax}(z_u / \tau) > \gamma\}""",
    relatives=("self-training", "nearest-neighbours"),
)
