"""The options of an encoder that is trained on a project's own images; nothing here needs torch."""

from typing import Annotated

from pydantic import Field

from sslapp.training.configuration import Automatic, TrainingConfig

EPOCHS, FEWEST, MOST = 40, 400, 10_000


class SelfSupervisedConfig(TrainingConfig):
    """Options of SimCLR (Chen et al., ICML 2020).

    Large batches are what it lives on: every other image of one is a negative example. Their
    number is kept to what a processor holds; on a GPU more are better.
    """

    steps: Annotated[int, Automatic(f"{EPOCHS} times through the images")] = Field(
        0, ge=0, le=2**20, description="Optimiser steps.", json_schema_extra={"usual": True}
    )
    batch_size: int = Field(64, ge=4, le=4096, description="Images in a batch, two views of each.")
    temperature: float = Field(
        0.2, gt=0, le=10, description="What similarities are divided by; less looks at near ones."
    )


def steps(config: SelfSupervisedConfig, images: int) -> int:
    """The number of optimiser steps on so many images."""
    return config.steps or min(max(FEWEST, EPOCHS * images // config.batch_size), MOST)
