"""What a step is fed: labelled and unlabelled images as augmented views, and what is known of them.

Everything is a function of (seed, purpose, step); see `batches` for the rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from sslapp.training.augmentation import StrongAugmentation, policies, weak
from sslapp.training.augmentation.smooth import SmoothAugmentation
from sslapp.training.configuration import ConsistencyConfig, TrainingConfig, labelled_view
from sslapp.training.inputs.batches import LabelledBatches, Stream
from sslapp.training.inputs.supply import Supply, of_pixels
from sslapp.training.objective import LABELLED, NONE_OF_THESE, Batch, View
from sslapp.training.run import Run
from sslapp.training.task import Indices, Task, pixels_of

COARSE = 16
"""Pixels a side below which the published policy's nearest-pixel operations tear images apart."""

NONE_PART = 4
"""Labelled images in a batch for every one that readers called none of these."""

Augment = Callable[[Tensor, torch.Generator], Tensor]


class Feed:
    """The batches of one training.

    FixMatch's unlabelled set holds the labelled images too: with a nearly finished pool the few
    images left would otherwise be all that consistency is trained on.

    Images that no class fits come beside them, a few a step, where the configuration wants them.

    Args:
        task: images, labels and what readers ruled out.
        run: device and generators.
        config: batch sizes, sampling and augmentation.
        views: of every unlabelled image, name -> weak, medium or strong; empty for none.
        labelled_views: of every labelled image, beside the one called "labelled".

    Attributes:
        rows: (n,) int64 rows of the task that are trained on: the unlabelled set sorted, then those
            that no class fits.
    """

    def __init__(
        self,
        task: Task,
        run: Run,
        config: TrainingConfig,
        views: Mapping[str, View],
        labelled_views: Mapping[str, View] = MappingProxyType({}),
    ) -> None:
        self._task, self._run = task, run
        self._views, self._labelled_views = views, labelled_views
        self._labelled = LabelledBatches(
            task,
            run,
            size=config.batch_size,
            sampling=config.labelled_batches,
            expert_share=config.expert_share,
        )
        self._size, self._count = config.batch_size, 0
        self._labelled_view: View = labelled_view(config)
        self._augment: dict[View, Augment] = {
            "weak": partial(weak, flip=config.flip),
            "medium": strong_views(config, medium=True),
            "strong": strong_views(config),
        }
        if views and isinstance(config, ConsistencyConfig):
            self._count = config.batch_size * config.unlabelled_ratio
        self._known = np.sort(np.concatenate([task.pool, task.labelled]))
        self._stream = Stream(np.arange(len(self._known)), run, "batches/unlabelled")
        none = np.sort(task.none_of_these) if config.none_weight else task.none_of_these[:0]
        self.rows = np.concatenate([self._known, none])
        places = np.arange(len(self._known), len(self.rows))
        self._none, self._none_count = Stream(places, run, "batches/none of these"), 0
        if len(none):
            self._none_count = min(len(none), max(1, config.batch_size // NONE_PART))
        labels = np.full(len(self.rows), -1, dtype=np.int64)
        labels[self._places(task.labelled)] = task.labels[task.labelled]
        self._labels = torch.from_numpy(labels).to(run.device)
        # what was ruled out for an image that has a label by now says nothing new
        in_pool = np.isin(self.rows, task.pool)[:, None]
        self._forbidden = torch.from_numpy(task.forbidden[self.rows] & in_pool).to(run.device)
        self._first = self.places(0)  # before a supply asks for places in the background
        self._supply = self.supply()

    def take(self, step: int) -> Batch:
        """The batch of step `step`; the device is not waited for."""
        images, places = self._supply.take(step)
        end = self._size + self._count
        labelled, rows = places[: self._size], places[self._size : end]
        views = {
            name: self.view(kind, name, images[: self._size], step)
            for name, kind in {LABELLED: self._labelled_view, **self._labelled_views}.items()
        }
        if self._count:
            for name, kind in self._views.items():
                views[name] = self.view(kind, name, images[self._size : end], step)
        if self._none_count:
            views[NONE_OF_THESE] = self.view(self._labelled_view, NONE_OF_THESE, images[end:], step)
        return Batch(
            views=views,
            labels=self._labels[labelled],
            rows=rows,
            forbidden=self._forbidden[rows],
        )

    def known(self, rows: Tensor) -> Tensor:
        """(n,) int64 classes of unlabelled images that have a label all the same; -1 for others.

        Args:
            rows: (n,) int64 numbers in the unlabelled set.
        """
        return self._labels[rows]

    def sample(self, count: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The first images of the training, (n, C, S, S) uint8, and the same in every view.

        Unlabelled ones, or labelled ones where a method sees no others.
        """
        first, end = self._first, self._size + self._count
        unlabelled = first[self._size : end]
        places = (unlabelled if self._count else first[: self._size])[:count]
        labelled: dict[str, View] = {LABELLED: self._labelled_view, **self._labelled_views}
        images = pixels_of(self._task).take(self.rows[places]).to(self._run.device)
        kinds = self._views if self._count else labelled
        return images, {name: self.view(kind, name, images, 0) for name, kind in kinds.items()}

    def close(self) -> None:
        """End what reads ahead."""
        self._supply.close()

    def supply(self) -> Supply:
        """Where a step's images come from; what it gives is what `view` is given."""
        return of_pixels(pixels_of(self._task), self.rows, self.places, self._run.device)

    def places(self, step: int) -> Indices:
        """(B + n + m,) int64 places in `rows` of a step's labelled images, its unlabelled ones and
        those that no class fits."""
        labelled = self._places(self._labelled.take(step))
        unlabelled = self._stream.take(step * self._count, self._count)
        none = self._none.take(step * self._none_count, self._none_count)
        return np.concatenate([labelled, unlabelled, none])

    def _places(self, rows: Indices) -> Indices:
        return np.searchsorted(self._known, rows)

    def view(self, kind: View, name: str, images: Tensor, step: int) -> Tensor:
        """Augment (n, C, S, S) uint8 images into the view `name` of step `step`."""
        # the host draws: the same views on every device, and an accelerator is never waited for
        generator = self._run.generator(f"view/{name}", step, device="cpu")
        return self._augment[kind](images, generator)


def strong_views(config: TrainingConfig, *, medium: bool = False) -> Augment:
    """The strong augmentation that the configuration names, of (n, C, S, S) uint8 images.

    Args:
        config: names it.
        medium: one operation of its policy, always applied, in place of two or three (USB's medium
            view); of the smooth one half of every magnitude.
    """
    smooth = SmoothAugmentation.of(flip=config.flip, share=0.5 if medium else 1.0)
    if config.augmentation == "smooth":
        return smooth
    policy = policies["fixmatch" if config.augmentation == "auto" else config.augmentation]
    if medium:
        policy = replace(policy, draws=1, probability=1.0)
    published = StrongAugmentation(policy, flip=config.flip)
    if config.augmentation != "auto":
        return published

    def fitting(images: Tensor, generator: torch.Generator) -> Tensor:
        return (smooth if images.shape[-1] < COARSE else published)(images, generator)

    return fitting
