"""What self-training is called and its options."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from sslapp.methods.card import MethodCard
from sslapp.methods.supervised.config import CARD as SUPERVISED
from sslapp.methods.supervised.config import SupervisedConfig
from sslapp.training.configuration import Automatic
from sslapp.vocabulary import Gear


class SelfTrainingConfig(SupervisedConfig):
    """Options of self-training; each of its trainings is one of the supervised baseline."""

    quick_on_features: ClassVar[bool] = False  # a probe on thousands of pseudo-labels takes long

    iterations: int = Field(
        4,
        ge=1,
        le=50,
        description="Trainings one after the other at most, each of so many steps.",
        json_schema_extra={"usual": True},
    )
    tau: Annotated[float, Automatic(".95 on pixels, .8 on features")] = Field(
        0.0,
        ge=0,
        lt=1,
        description="Confidence above which an image of the pool gets a pseudo-label.",
        json_schema_extra={"usual": True},
    )
    mode: Literal["rebuild", "accumulate"] = Field(
        "rebuild",
        description="rebuild: after every training the pseudo-labels are chosen anew from all of "
        "the pool; accumulate: those that were given stay as they are, and others join them.",
        json_schema_extra={"usual": True},
    )
    most_per_class: int = Field(
        0,
        ge=0,
        le=2**20,
        description="Pseudo-labels that a class gets after a training at most, the most confident "
        "ones, so that one class cannot take all; 0 sets no limit.",
    )
    noisy_student: bool = Field(
        False,
        description="Strong views of all training images from the second training on (noisy "
        "student).",
    )

    @model_validator(mode="after")
    def _noise_has_a_student(self) -> Self:
        if self.noisy_student and self.iterations == 1:
            raise ValueError(
                "noisy_student begins with the second training; take 2 iterations or more, or "
                "switch it off"
            )
        return self


CARD = MethodCard(
    "self-training",
    "Self-training in rounds",
    "Trains on the labels, takes its own confident answers about the pool for labels, and trains "
    "again. Each training begins anew with more labels than the one before, and readers' own "
    "labels are never replaced. A mistake that it is sure of is learnt again, so the threshold "
    "has to be high.",
    (Gear.PIXELS, Gear.FEATURES),
    SelfTrainingConfig,
    {
        Gear.PIXELS: SUPERVISED.without_effect[Gear.PIXELS],
        Gear.FEATURES: SUPERVISED.without_effect[Gear.FEATURES] | {"noisy_student"},
    },
    formula=r"""\theta_i = \arg\min_\theta \sum_{(x, y) \in L \cup P_i} H\big(y,\, p_\theta(x)\big)
P_{i+1} = \{(u, \arg\max p_{\theta_i}(u)) : \max p_{\theta_i}(u) > \tau\}""",
    relatives=("supervised", "pseudo-label", "fixmatch", "diff-sysc"),
)
