"""What a reader chooses a method by: its name, what it is, where it runs and its options.

Forms, the command line and the docs read these cards in processes that must not load torch; the
code of a method stands in the file of its name and is found through `registry`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Self

from pydantic import Field, model_validator

from sslapp.training.configuration import ConsistencyConfig, MethodConfig, TrainingConfig
from sslapp.vocabulary import Gear


@dataclass(frozen=True)
class MethodCard:
    """One method.

    Attributes:
        name: how the registry, the command line and the database call it.
        title: how a page calls it.
        about: one sentence.
        gears: where it can run, the preferred one first.
        options: its options.
        without_effect: per gear, the options that change nothing there.
    """

    name: str
    title: str
    about: str
    gears: tuple[Gear, ...]
    options: type[MethodConfig]
    without_effect: Mapping[Gear, frozenset[str]] = field(default_factory=dict)

    @property
    def compares_views(self) -> bool:
        """Whether it needs weak and strong views of unlabelled images."""
        return issubclass(self.options, ConsistencyConfig)

    def effective(self, gear: Gear) -> tuple[str, ...]:
        """Names of the options that count in a gear, in their order."""
        idle = self.without_effect.get(gear, frozenset())
        return tuple(name for name in self.options.model_fields if name not in idle)


class FixMatchConfig(ConsistencyConfig):
    """FixMatch's options."""

    tau: float = Field(
        0.95,
        ge=0,
        le=1,
        description="Confidence from which on a pseudo-label counts.",
        json_schema_extra={"usual": True},
    )
    lambda_u: float = Field(1.0, ge=0, le=100, description="Weight of the unlabelled loss.")
    lambda_c: float = Field(
        1.0, ge=0, le=100, description="Weight of the loss on classes that readers ruled out."
    )
    reduction: Literal["all", "selected"] = Field(
        "all", description="Average the unlabelled loss over all images or the confident ones."
    )
    threshold: Literal["fixed", "flexible", "adaptive"] = Field(
        "fixed",
        description="fixed: tau for every class; flexible: less for classes that are still rare "
        "(FlexMatch); adaptive: after the model's own confidence, without tau (FreeMatch).",
    )
    lambda_f: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Weight of FreeMatch's fairness loss, .01 in its paper; needs the adaptive "
        "threshold.",
    )
    alignment: Literal["none", "uniform", "labelled"] = Field(
        "none",
        description="Pull pseudo-labels towards equal classes, or towards the labels' own "
        "frequencies (distribution alignment).",
    )

    @model_validator(mode="after")
    def _fairness_has_its_averages(self) -> Self:
        if self.lambda_f and self.threshold != "adaptive":
            raise ValueError("lambda_f needs the adaptive threshold; choose that, or set it to 0")
        return self


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
    reset_every: int = Field(
        0,
        ge=0,
        le=2**20,
        description="Steps between copies of the classifier (N); 0 chooses a hundredth of the run.",
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


class SupervisedConfig(TrainingConfig):
    """Options of supervised training; the features gear uses `penalty` alone."""

    penalty: float = Field(
        1.0, gt=0, le=1e6, description="Strength of the linear probe's L2 penalty (features)."
    )


class LabelPropagationConfig(MethodConfig):
    """Options of the graph and of the propagation."""

    neighbours: int = Field(10, ge=1, le=200, description="Neighbours of an image in the graph.")
    alpha: float = Field(
        0.9, gt=0, lt=1, description="Share of a score that comes from the neighbours."
    )
    iterations: int = Field(100, ge=1, le=10_000, description="Most propagation steps.")


class PrototypesConfig(MethodConfig):
    """Options of transductive prototypes; 0 takes the algorithm's own number."""

    algorithm: Literal["tim", "transport"] = Field(
        "tim",
        description="transport: optimal transport (PT-MAP); tim: information maximisation, which "
        "begins where transport ends.",
    )
    sharpness: float = Field(
        0.0,
        ge=0,
        le=1000,
        description="How sharply distances turn into shares (lambda); 0 takes 30, or 7.5 for tim.",
    )
    step: float = Field(
        0.0,
        ge=0,
        le=1,
        description="How far a prototype moves at each iteration: share of the way (transport; 0 "
        "takes .2) or rate of Adam (tim; 0 takes .01).",
    )
    iterations: int = Field(
        0,
        ge=0,
        le=1000,
        description="How often the prototypes move; 0 takes 20, or 100 for tim.",
    )
    frequencies: Literal["holdout", "uniform", "free"] = Field(
        "holdout",
        description="What is known of class frequencies: within the holdout's confidence interval "
        "(free below 30 labels), all equal, or nothing.",
    )
    whitening: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Compare whitened principal components; auto does so in transport from 64 "
        "labels on.",
    )


class DiffSySCConfig(MethodConfig):
    """Options of Diff-SySC; 0 takes the paper's number for so many classes and labels."""

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
    confidence: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Confidence above which the pool is labelled (gamma); 0 chooses .95, or .6 "
        "to .7 for more than 50 classes.",
    )
    first_epochs: int = Field(
        0, ge=0, le=10_000, description="Epochs of the first model; 0 chooses by the set."
    )
    later_epochs: int = Field(
        0, ge=0, le=10_000, description="Epochs of every later model; 0 chooses by the set."
    )
    batch_size: int = Field(
        0, ge=0, le=4096, description="Labelled images in a step; 0 chooses 25, or 200 for many."
    )
    neighbours: int = Field(
        0,
        ge=0,
        le=200,
        description="Nearest labelled images whose labels are retrieved (k); 0 takes up to the "
        "paper's 10, as many as agree with the image's own label.",
    )
    learning_rate: float = Field(3e-3, gt=0, le=1, description="Highest learning rate of Adam.")
    width: int = Field(512, ge=16, le=4096, description="Width of the denoiser's hidden layers.")
    diffusion: Literal["cosine", "linear"] = Field(
        "cosine", description="How labels fade into noise over the 1,000 time steps."
    )
    sampling_steps: int = Field(
        10, ge=1, le=500, description="Steps in which a label is drawn from noise (DDIM)."
    )


_ON_VIEWS = {
    Gear.FEATURES: frozenset(
        {"network", "pretrained", "adamw_rate", "layer_decay", "flip", "augmentation"}
    )
}
"""What was decided when the views were encoded, and the network, which is a small head there."""

CARDS = MappingProxyType(
    {
        card.name: card
        for card in (
            MethodCard(
                "fixmatch",
                "FixMatch",
                "Weak-to-strong consistency with confident hard pseudo-labels.",
                (Gear.PIXELS, Gear.FEATURES),
                FixMatchConfig,
                _ON_VIEWS,
            ),
            MethodCard(
                "layermatch",
                "LayerMatch",
                "FixMatch whose classifier learns from labels alone, with adaptive thresholds.",
                (Gear.PIXELS,),
                LayerMatchConfig,
            ),
            MethodCard(
                "diff-sysc",
                "Diff-SySC",
                "Label diffusion on frozen features that labels the pool in a few iterations.",
                (Gear.FEATURES,),
                DiffSySCConfig,
            ),
            MethodCard(
                "supervised",
                "Supervised baseline",
                "The network, or a linear probe, on labels alone.",
                (Gear.PIXELS, Gear.FEATURES),
                SupervisedConfig,
                {
                    Gear.PIXELS: frozenset({"penalty"}),
                    Gear.FEATURES: frozenset(TrainingConfig.model_fields),
                },
            ),
            MethodCard(
                "prototypes",
                "Transductive prototypes",
                "A prototype a class, moved by the unlabelled images: seconds, for few labels.",
                (Gear.FEATURES,),
                PrototypesConfig,
            ),
            MethodCard(
                "label-propagation",
                "Label propagation",
                "Labels spread along a nearest-neighbour graph of the features.",
                (Gear.FEATURES,),
                LabelPropagationConfig,
            ),
        )
    }
)
"""Every method, in the order in which a page offers them."""
