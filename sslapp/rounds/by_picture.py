"""Training on the pictures of images that are several: of a study, of a patient.

Each picture carries what is known of its image, and what is said of an image is the mean of what
is said of its pictures.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from sslapp.imaging.picture_rows import PictureRows
from sslapp.training.calibration.out_of_sample import OutOfSample
from sslapp.training.method import Predictor
from sslapp.training.run import Embed
from sslapp.training.task import Features, Indices, Pixels, Task


@dataclass(frozen=True, eq=False)
class ByPicture:
    """A task's images by their pictures.

    Attributes:
        pictures: N images of M pictures.
        pixels: the M pictures.
    """

    pictures: PictureRows
    pixels: Pixels

    def task(self, task: Task) -> Task:
        """The task of M pictures; without groups of its own an image is one."""
        owner, rows = self.pictures.owner, self.pictures.of_images
        return Task(
            num_classes=task.num_classes,
            labels=task.labels[owner],
            source=task.source[owner],
            forbidden=task.forbidden[owner],
            labelled=rows(task.labelled),
            pool=rows(task.pool),
            validation=rows(task.validation),
            none_of_these=rows(task.none_of_these),
            groups=owner if task.groups is None else task.groups[owner],
            pixels=self.pixels,
        )

    def observing(
        self, observe: Callable[[int, int, Embed], None]
    ) -> Callable[[int, int, Embed], None]:
        """What watches images, as what watches a training on pictures."""

        def observe_pictures(step: int, total: int, embed: Embed) -> None:
            observe(step, total, lambda images: self.mean(embed(self.rows(images)), images))

        return observe_pictures

    def answers(self, found: OutOfSample, task: Task) -> OutOfSample:
        """What was answered about pictures, as said of their images.

        Args:
            task: of the images.
        """
        if not len(found):
            return found
        images, which = np.unique(self.pictures.owner[found.rows], return_inverse=True)
        p = torch.softmax(found.logits, dim=1)
        sums = torch.zeros(len(images), p.shape[1]).index_add_(0, torch.from_numpy(which), p)
        counts = torch.from_numpy(np.bincount(which)).unsqueeze(1)
        return replace(
            found,
            rows=images,
            logits=_logits(sums / counts),
            labels=torch.from_numpy(task.labels[images]),
            groups=None if task.groups is None else task.groups[images],
        )

    def predictor(self, of_pictures: Predictor) -> "ImagePredictor":
        """What says of images what another says of their pictures."""
        return ImagePredictor(of_pictures, self)

    def rows(self, images: Indices) -> Indices:
        """(m,) the pictures of images."""
        return self.pictures.of_images(images)

    def mean(self, values: Tensor, images: Indices) -> Tensor:
        """(n, D) of images of (m, D) of their pictures."""
        return torch.from_numpy(self.pictures.mean(values.float().cpu().numpy(), images))


class ImagePredictor(Predictor):
    """Answers about images by the mean over their pictures, whatever source it is given.

    Args:
        of_pictures: fitted to the pictures.
        by: which pictures are whose.
    """

    def __init__(self, of_pictures: Predictor, by: ByPicture) -> None:
        self._of_pictures, self._by = of_pictures, by

    def logits(self, source: Pixels | Features, indices: Indices) -> Tensor:
        """(n, C) logarithms of the mean probabilities."""
        return self.with_members(source, indices)[0]

    def embed(self, source: Pixels | Features, indices: Indices) -> Tensor | None:
        """(n, D) means of the pictures' features."""
        found = self._of_pictures.embed(self._by.pixels, self._by.rows(indices))
        return None if found is None else self._by.mean(found, indices)

    def with_members(
        self, source: Pixels | Features, indices: Indices
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The same for each member's probabilities."""
        by = self._by
        logits, members = self._of_pictures.with_members(by.pixels, by.rows(indices))
        mean = by.mean(torch.softmax(logits.float(), dim=1), indices)
        return _logits(mean), {name: by.mean(p, indices) for name, p in members.items()}

    def save(self, folder: Path) -> None:
        """Write what was fitted to the pictures."""
        self._of_pictures.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Not to be read back: a folder holds what answers about pictures.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"{folder}: it answers about pictures; open it by its method.")


def _logits(p: Tensor) -> Tensor:
    return p.clamp_min(torch.finfo(torch.float32).tiny).log()
