"""The trainable image encoder beside frozen features: a network whose output has the width of what
it conditions, and how its images are normalised."""

from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn

from sslapp.training import networks
from sslapp.training.augmentation import normalise
from sslapp.training.run import Run
from sslapp.training.task import Pixels, Task


@dataclass(frozen=True, kw_only=True)
class ImageEncoder:
    """Which network, for which images.

    Attributes:
        network: its name.
        pixels: the images; None for one that was read from a file and was given none.
        shape: (C, S, S) of an image.
        mean, std: (C,) float32 of images in 0..1.
    """

    network: str
    pixels: Pixels | None
    shape: tuple[int, int, int]
    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, task: Task, run: Run, network: str) -> Self:
        """The encoder for a task's images.

        Raises:
            ValueError: when the task has none.
        """
        if task.pixels is None:
            raise ValueError(
                "pixels: a trainable encoder looks at images, and this set has features alone. "
                "Choose the frozen encoder, or run it on a set with images."
            )
        mean, std = networks.statistics(task, run)
        _, channels, height, width = task.pixels.shape
        return cls(
            network=network,
            pixels=task.pixels,
            shape=(channels, height, width),
            mean=mean,
            std=std,
        )

    def build(self, width: int, seed: int) -> nn.Module:
        """A new network (n, C, S, S) -> (n, width) with weights drawn from `seed`."""
        channels, size, _ = self.shape
        return networks.build(
            self.network, num_classes=width, channels=channels, size=size, seed=seed
        )

    def normalised(self, images: Tensor) -> Tensor:
        """Return (n, C, S, S) float32 for uint8 images."""
        return normalise(images, self.mean.tolist(), self.std.tolist())
