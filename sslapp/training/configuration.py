"""The options that methods share, and what "automatic" means.

Nothing here needs torch: pages and the command line build their forms from these classes in a
process that never trains.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from sslapp.training.task import Task

CalibrationTrainings = Literal["auto", "three", "one", "none"]
FORMER = "second_training"
"""A switch of earlier versions: one further training or none."""

Sampling = Literal["natural", "balanced"]

Augmentation = Literal["auto", "smooth", "fixmatch", "usb", "usb-medical", "geometric"]

Trained = Literal["all", "last-blocks", "lora", "head"]

INSTALLED = ("efficientnet-lite0", "efficientnet-lite2")
"""Networks whose pre-trained weights come with the program; they always start from these."""

NETWORKS = ("small-cnn", "wrn-28-2", "wrn-28-8", "wrn-37-2", *INSTALLED)
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


def _image_size(side: int) -> int:
    """Refuse sizes that are smaller than any network that wants originals."""
    if side and side < SMALLEST_SIDE:
        raise ValueError(f"use {SMALLEST_SIDE} to {LARGEST_SIDE} pixels, or 0 for the store's")
    return side


NetworkName = Annotated[str, AfterValidator(_network)]

SMALLEST_SIDE, LARGEST_SIDE = 96, 224
"""Pixels a side of images that are read from originals for a round."""


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
        "96 pixels; efficientnet-lite0 and -lite2 start from their installed ImageNet weights, for "
        "few labels of photographs and radiographs; or any of the timm library as timm:NAME.",
        json_schema_extra={"usual": True, "suggestions": list(SUGGESTED)},
    )
    pretrained: bool = Field(
        False,
        description="Start a timm network from the file NAME.safetensors or NAME.pth in the "
        "workspace's folder weights instead of at random.",
    )
    image_size: Annotated[
        int, Automatic("the project's training store"), AfterValidator(_image_size)
    ] = Field(
        0,
        ge=0,
        le=LARGEST_SIDE,
        description="Pixels a side of the images, 96 to 224, read from the originals once and kept "
        "for later rounds; pre-trained networks want 128 and more.",
        json_schema_extra={"usual": True},
    )
    train: Trained = Field(
        "all",
        description="What of a pre-trained network learns: all; its last third of layers "
        "(last-blocks); small matrices beside its frozen layers (lora, needs the package peft); or "
        "the new classifier alone (head).",
        json_schema_extra={"usual": True},
    )
    batch_norm: Literal["follow", "frozen"] = Field(
        "follow",
        description="Running statistics of a pre-trained network's batch normalisation: follow the "
        "images, or stay as they were (frozen). Those of frozen layers always stay.",
    )
    steps: Annotated[int, Automatic("by the number of images and the network")] = Field(
        0,
        ge=0,
        le=2**20,
        description="Optimiser steps.",
        json_schema_extra={"usual": True},
    )
    batch_size: Annotated[int, Automatic("32, or 12 for a pre-trained network")] = Field(
        0, ge=0, le=1024, description="Labelled images in a batch, 2 or more."
    )
    learning_rate: Annotated[float, Automatic(".06, or .01 for a pre-trained network")] = Field(
        0.0,
        ge=0,
        le=10,
        description="Highest learning rate of SGD, which trains all but those named next.",
    )
    adamw_rate: Annotated[float, Automatic(".0005, or .001 for the EfficientNets")] = Field(
        0.0,
        ge=0,
        le=1,
        description="Highest learning rate of AdamW, which trains vision transformers, other timm "
        "networks without batch normalisation and the EfficientNets.",
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
    none_weight: float = Field(
        0.5,
        ge=0,
        le=10,
        description="Weight of the loss by which images that readers called none of these teach "
        "the network to be sure of no class for them; 0 leaves them out.",
    )
    labelled_views: Annotated[
        Literal["auto", "weak", "strong"],
        Automatic("strong for a pre-trained network on labels alone, else weak", at="auto"),
    ] = Field("auto", description="How labelled images are augmented.")
    augmentation: Annotated[
        Augmentation,
        Automatic("fixmatch, and smooth for images of fewer than 16 pixels a side", at="auto"),
    ] = Field(
        "auto",
        description="Policy of the strong views.",
        json_schema_extra={"usual": True},
    )

    @model_validator(mode="after")
    def _frozen_parts_know_something(self) -> Self:
        if not is_pretrained(self) and (self.train, self.batch_norm) != ("all", "follow"):
            named = f"train {self.train}" if self.train != "all" else "frozen batch_norm"
            raise ValueError(
                f"{named} leaves parts of the network as they are, which takes a pre-trained one; "
                "choose efficientnet-lite0, switch pretrained on, or let all of it learn"
            )
        return self

    @model_validator(mode="after")
    def _batches_can_be_normalised(self) -> Self:
        if self.batch_size == 1:
            raise ValueError("batch_size 1 is too few; use 2 or more, or 0 for automatic")
        return self


class ConsistencyConfig(TrainingConfig):
    """The options of methods that compare views of unlabelled images."""

    unlabelled_ratio: int = Field(
        4, ge=1, le=64, description="Unlabelled images in a batch for every labelled one (mu)."
    )


Config = TypeVar("Config", bound=TrainingConfig)


@dataclass(frozen=True)
class TrainingDefaults:
    """What automatic values of a training come to.

    Attributes:
        steps: of a small set and of one of 5,000 images and more.
    """

    steps: tuple[int, int]
    batch_size: int
    learning_rate: float
    adamw_rate: float


AT_RANDOM = TrainingDefaults(steps=(500, 2000), batch_size=32, learning_rate=0.06, adamw_rate=5e-4)
"""500 and 2,000 steps are enough for digits (6 seconds) and MNIST (105 seconds on two cores; half
the steps cost .002 to .008 of accuracy). Photographs want 10,000 and more, which is the reader's to
say."""

PRETRAINED = TrainingDefaults(steps=(200, 200), batch_size=12, learning_rate=0.01, adamw_rate=5e-4)
"""Few steps of few images are what a CPU has time for. USB fine-tunes vision transformers at .0005
(Wang et al., NeurIPS 2022); .01 lies between what Kornblith, Shlens and Le found best for
convolutional networks trained by SGD ("Do Better ImageNet Models Transfer Better?", CVPR 2019)."""

LITE = TrainingDefaults(steps=(200, 200), batch_size=12, learning_rate=0.01, adamw_rate=1e-3)
"""With 100 labels of clothing photographs at 96 pixels and 80 steps EfficientNet-Lite0 had .49 by
AdamW at .001, and .40 and .39 by SGD at .01 and .03 (one seed, strong views)."""


def is_pretrained(config: "TrainingConfig | Mapping[str, Any]") -> bool:
    """Whether the network starts from weights that were trained before. A mapping is a stored
    config, or a part of one."""
    options = config if isinstance(config, Mapping) else vars(config)
    return bool(options.get("pretrained")) or options.get("network") in INSTALLED


def defaults_for(config: "TrainingConfig | Mapping[str, Any]") -> TrainingDefaults:
    """What automatic values come to with the network that is chosen."""
    options = config if isinstance(config, Mapping) else vars(config)
    if options.get("network") in INSTALLED:
        return LITE
    return PRETRAINED if is_pretrained(options) else AT_RANDOM


def filled(config: Config) -> Config:
    """The same training with nothing left automatic but the steps, which depend on the set."""
    chosen = defaults_for(config)
    return config.model_copy(
        update={
            name: getattr(config, name) or getattr(chosen, name)
            for name in ("batch_size", "learning_rate", "adamw_rate")
        }
    )


def steps(config: TrainingConfig, task: "Task") -> int:
    """The number of optimiser steps of a training on this task."""
    return steps_of(vars(config), len(task.labelled) + len(task.pool))


MANY_IMAGES = 5000
"""From which on a set takes the longer of two trainings."""


def steps_of(options: Mapping[str, Any], images: int) -> int:
    """The number of optimiser steps that a stored config comes to on so many labelled and
    unlabelled images."""
    few, many = defaults_for(options).steps
    return int(options["steps"]) or (few if images < MANY_IMAGES else many)


def trainings_of(options: Mapping[str, Any]) -> int:
    """Trainings of so many steps that a stored config makes one after the other, at most."""
    return int(options.get("iterations", 1)) if "steps" in options else 1


def batch_size_of(options: Mapping[str, Any]) -> int:
    """The labelled images in a batch that a stored config comes to."""
    return int(options["batch_size"]) or defaults_for(options).batch_size


def images_a_step(config: TrainingConfig, views: int) -> int:
    """Images of a step, each view of an unlabelled one counted."""
    ratio = config.unlabelled_ratio if isinstance(config, ConsistencyConfig) else 0
    return filled(config).batch_size * (1 + views * ratio)


def labelled_view(config: TrainingConfig) -> Literal["weak", "strong"]:
    """How labelled images are augmented; consistency methods compare their weak views with them."""
    if config.labelled_views != "auto":
        return config.labelled_views
    alone = not isinstance(config, ConsistencyConfig)
    return "strong" if alone and is_pretrained(config) else "weak"
