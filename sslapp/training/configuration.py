"""The options that methods share, and what "automatic" means.

Nothing here needs torch: pages and the command line build their forms from these classes in a
process that never trains.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from sslapp.training.task import Task

CalibrationTrainings = Literal["auto", "three", "one", "none"]
FORMER = "second_training"
"""A switch of earlier versions: one further training or none."""

Sampling = Literal["natural", "balanced"]

Augmentation = Literal["auto", "smooth", "fixmatch", "usb", "usb-medical", "geometric"]

NETWORKS = ("small-cnn", "wrn-28-2", "wrn-28-8", "wrn-37-2")
SUGGESTED = (
    *NETWORKS,
    "timm:resnet18",
    "timm:vit_tiny_patch2_32",
    "timm:vit_small_patch2_32",
)
"""Networks that a form offers; every other of the timm library goes by "timm:" and its name."""


def _network(name: str) -> str:
    """Refuse what no network is called; whether timm knows it shows when the round begins."""
    if name not in NETWORKS and not re.fullmatch(r"timm:[a-z0-9_]{1,80}", name):
        raise ValueError(
            f'"{name}" is no network; use {", ".join(NETWORKS)}, or timm: and a name of the timm '
            "library, as timm:resnet18."
        )
    return name


NetworkName = Annotated[str, AfterValidator(_network)]


@dataclass(frozen=True)
class Automatic:
    """Metadata of a field one value of which leaves the choice to the program.

    Attributes:
        chooses: what is chosen then, as it reads after "0 chooses".
        at: the value that does so.
    """

    chooses: str
    at: int | str = 0


class MethodConfig(BaseModel):
    """Options of a method. Forms, command-line options and docs are generated from its fields.

    Every field has a default that works, a description and bounds; none is a path or an address.
    A field that is `Annotated` with Automatic says by itself what its automatic value chooses, so
    its description does not; forms show a number at it as automatic. Fields with
    `json_schema_extra={"usual": True}` come before the others; "suggestions" there are offered for
    a text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    quick_on_features: ClassVar[bool] = True
    """Whether a fit on frozen features takes a second or two for thousands of images, so that it
    can be repeated for every part of the labels."""

    cross_fits: ClassVar[bool] = False
    """Whether a fit cross-fits by itself, whatever its round is calibrated on."""


class LongConfig(MethodConfig):
    """What every method has whose fits take minutes."""

    quick_on_features: ClassVar[bool] = False

    calibration_trainings: Annotated[
        CalibrationTrainings, Automatic("three below 90 labels, one from there on", at="auto")
    ] = Field(
        "auto",
        description="Further trainings, each without a third of the labels, which then calibrate "
        "the round where the holdout has fewer than 30: three ask about every label, one about a "
        "third. Without any such a round proposes nothing.",
    )

    @model_validator(mode="before")
    @classmethod
    def _as_it_was_called(cls, options: Any) -> Any:
        """Read the options of a round that an earlier version started."""
        if not isinstance(options, dict) or not isinstance(options.get(FORMER), bool):
            return options
        kept = {name: value for name, value in options.items() if name != FORMER}
        return {**kept, "calibration_trainings": "one" if options[FORMER] else "none"}


class TrainingConfig(LongConfig):
    """Network, length, batches and optimiser of one training."""

    network: NetworkName = Field(
        "small-cnn",
        description="Network: the small CNN for a CPU, the wide ResNets for a GPU, wrn-37-2 for "
        "96 pixels; or any of the timm library as timm:NAME, for instance timm:resnet18.",
        json_schema_extra={"usual": True, "suggestions": list(SUGGESTED)},
    )
    pretrained: bool = Field(
        False,
        description="Start a timm network from the file NAME.safetensors or NAME.pth in the "
        "workspace's folder weights instead of at random.",
    )
    steps: Annotated[int, Automatic("by the number of images")] = Field(
        0,
        ge=0,
        le=2**20,
        description="Optimiser steps.",
        json_schema_extra={"usual": True},
    )
    batch_size: int = Field(32, ge=2, le=1024, description="Labelled images in a batch.")
    learning_rate: float = Field(
        0.06,
        gt=0,
        le=10,
        description="Highest learning rate of SGD, which trains all but those named next.",
    )
    adamw_rate: float = Field(
        5e-4,
        gt=0,
        le=1,
        description="Highest learning rate of AdamW, which trains vision transformers and other "
        "timm networks without batch normalisation.",
    )
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="What every layer nearer to the input multiplies its learning rate by; .5 to "
        ".75 for pre-trained transformers.",
    )
    warm_up: int = Field(
        0, ge=0, le=2**20, description="Steps in which the learning rate rises from nothing."
    )
    weight_decay: float = Field(5e-4, ge=0, le=1, description="Decay of weights, not of biases.")
    flip: bool = Field(
        False,
        description="Mirror images left to right; wrong for digits, letters and body sides.",
        json_schema_extra={"usual": True},
    )
    labelled_batches: Sampling = Field(
        "natural", description="Draw labelled images as they are, or all classes equally often."
    )
    expert_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Least share of a batch that comes from labels a reader gave one by one.",
    )


class ConsistencyConfig(TrainingConfig):
    """The options of methods that compare views of unlabelled images."""

    unlabelled_ratio: int = Field(
        4, ge=1, le=64, description="Unlabelled images in a batch for every labelled one (mu)."
    )
    augmentation: Annotated[
        Augmentation,
        Automatic("fixmatch, and smooth for images of fewer than 16 pixels a side", at="auto"),
    ] = Field(
        "auto",
        description="Policy of the strong views.",
        json_schema_extra={"usual": True},
    )


def steps(config: TrainingConfig, task: "Task") -> int:
    """The number of optimiser steps of a training on this task.

    Automatic is 500 below 5,000 images and 2,000 from there on: enough for digits (6 seconds) and
    MNIST (105 seconds on two cores; half the steps cost .002 to .008 of accuracy). Photographs want
    10,000 and more, which is the reader's to say.
    """
    return config.steps or automatic_steps(len(task.labelled) + len(task.pool))


def images_a_step(config: TrainingConfig, views: int) -> int:
    """Images of a step, each view of an unlabelled one counted."""
    ratio = config.unlabelled_ratio if isinstance(config, ConsistencyConfig) else 0
    return config.batch_size * (1 + views * ratio)


def automatic_steps(images: int) -> int:
    """What `steps` chooses for so many labelled and unlabelled images."""
    return 500 if images < 5000 else 2000
