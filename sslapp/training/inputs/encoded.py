"""Training on encoded views: the features gear of methods that compare views.

A frozen encoder has seen a few weak and strong copies of every image, once. A step draws for each
image one of its weak and one of its strong copies, where the pixels gear would augment; the
network is a linear head (`models.feature_head`) on standardised features. Losses, averaging,
schedule and checkpoints are those of the shared loop.

Noise on features is no substitute for such views: it moves an image in directions that no image
moves in, and confirmed a model's mistakes.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from models.feature_head import LENGTH, FeatureHead
from sslapp.training import predictor
from sslapp.training.augmentation.pixels import send
from sslapp.training.configuration import TrainingConfig
from sslapp.training.inputs.feed import Feed
from sslapp.training.inputs.supply import Plain, Supply
from sslapp.training.method import Predictor
from sslapp.training.objective import View
from sslapp.training.run import Run
from sslapp.training.standardisation import ROWS, Standardisation, fit_in_pieces
from sslapp.training.task import Features, Indices, Pixels, Task, features_of


class FeatureInputs:
    """Encoded views, standardised by the clean features of all training rows; see `Inputs`.

    Args:
        task, run, config: what is trained on, where and how.

    Raises:
        ValueError: when the task has no features, or views of a kind are not encoded.
    """

    def __init__(self, task: Task, run: Run, config: TrainingConfig) -> None:
        self._task, self._run, self._config = task, run, config
        self._features = features_of(task)
        self._standardise = standardisation(task)
        self._standardise_here = self._standardise.to(run.device)

    def network(self) -> nn.Module:
        """A new head on the run's device."""
        made = FeatureHead(self._task.num_classes, self._features.shape[1])
        return made.to(self._run.device)

    def feed(self, views: Mapping[str, View], labelled_views: Mapping[str, View]) -> Feed:
        """The batches of the training."""
        return FeatureFeed(self._task, self._run, self._config, views, labelled_views)

    def prepared(self, view: Tensor) -> Tensor:
        """(n, D) float32 features -> standardised."""
        return self._standardise_here(view)

    def evaluate(
        self,
        network: nn.Module,
        state: Mapping[str, Tensor],
        rows: Indices,
        *,
        features: bool = False,
    ) -> Tensor:
        """(n, C) logits or (n, D) standardised features of clean rows with the weights `state`."""
        return evaluate(
            state, self._features, rows, standardise=self._standardise, features_alone=features
        )

    def pictures(
        self, feed: Feed, made: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]
    ) -> dict[str, Tensor]:
        """None: a method sees vectors here."""
        return {}

    def predictor(self, state: dict[str, Tensor]) -> Predictor:
        """The trained head, to be kept."""
        return FeaturePredictor(
            num_classes=self._task.num_classes, state=state, standardise=self._standardise
        )


class FeatureFeed(Feed):
    """Batches whose views were encoded before the training; see `Feed`.

    A weak view is one of the encoded weak copies or the clean image, a strong view one of the
    strong copies, each as likely as the others.

    Raises:
        ValueError: when a declared kind of view is not encoded, with the mend.
    """

    def __init__(
        self,
        task: Task,
        run: Run,
        config: TrainingConfig,
        views: Mapping[str, View],
        labelled_views: Mapping[str, View] = MappingProxyType({}),
    ) -> None:
        super().__init__(task, run, config, views, labelled_views)
        self._features = features_of(task)
        known = sorted(self._features.views)
        self._copies: dict[View, list[str]] = {
            "weak": ["clean", *(each for each in known if each.startswith("weak-"))],
            "strong": [each for each in known if each.startswith("strong-")],
        }
        kinds = {*views.values(), *labelled_views.values()}
        if "medium" in kinds:
            raise ValueError(
                "features: this method wants views of medium strength, which are not encoded. Run "
                "it on pixels."
            )
        if "strong" in kinds and not self._copies["strong"]:
            raise ValueError(
                "features: this method compares views of an image, and none are encoded. Run "
                "`sslapp encode`, or press Encode views on the Projects page."
            )

    def view(self, kind: View, name: str, images: Tensor, step: int) -> Tensor:
        """Take the view `name` of step `step`. images: (n,) int64 rows; returns (n, D) float32."""
        copies = self._copies[kind]
        generator = self._run.generator(f"view/{name}", step, device="cpu")
        chosen = torch.randint(len(copies), (len(images),), generator=generator)
        rows = images.numpy()
        taken = torch.empty(len(rows), self._features.shape[1])
        for number, copy in enumerate(copies):
            places = torch.nonzero(chosen == number)[:, 0]
            if len(places):
                taken[places] = self._features.take(rows[places.numpy()], copy)
        return send(taken, self._run.device)

    def supply(self) -> Supply:
        """The rows themselves, on the host: which copy is read, `view` decides."""
        return Plain(torch.from_numpy, self.rows, self.places, self._run.device)


class FeaturePredictor(Predictor):
    """A head with averaged weights and the standardisation of its features.

    Args:
        num_classes: C.
        state: the head's state dict.
        standardise: (D,) float32, of `standardisation`.
    """

    def __init__(
        self, *, num_classes: int, state: dict[str, Tensor], standardise: Standardisation
    ) -> None:
        self._num_classes, self._state, self._standardise = num_classes, state, standardise

    def logits(self, source: Pixels | Features, indices: Indices) -> Tensor:
        """Return (n, C) float32 on the CPU.

        Raises:
            ValueError: when the source holds no features of the trained length.
        """
        if tuple(source.shape[1:]) != tuple(self._standardise.mean.shape):
            raise ValueError(
                f"source: rows of shape {tuple(source.shape[1:])}, but the head was trained on "
                f"{len(self._standardise.mean)} features; give it those of its own encoder."
            )
        features: Features = source  # type: ignore[assignment]
        return evaluate(
            self._state,
            features,
            indices,
            standardise=self._standardise,
            features_alone=False,
        )

    def module(self) -> nn.Module:
        """Features -> logits."""
        mean, std = self._standardise
        weight, bias = self._state["head.weight"], self._state["head.bias"]
        return predictor.StandardisedLinear(weight=weight, bias=bias, mean=mean, std=std)

    def save(self, folder: Path) -> None:
        """Write weights and description below `folder`."""
        mean, std = self._standardise
        tensors = {**self._state, "standardise.mean": mean, "standardise.std": std}
        predictor.write(folder, {"kind": "feature-head", "num_classes": self._num_classes}, tensors)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote, onto the CPU.

        Raises:
            ValueError: when the folder describes another kind of predictor.
        """
        description, tensors = predictor.read(folder, "feature-head")
        mean, std = tensors.pop("standardise.mean"), tensors.pop("standardise.std")
        return cls(
            num_classes=description["num_classes"],
            standardise=Standardisation(mean, std),
            state=tensors,
        )


def standardisation(task: Task) -> Standardisation:
    """That of all labelled and unlabelled rows, for vectors of the length that the head expects.

    A dozen labels give no variance.
    """
    rows = np.concatenate([task.labelled, task.pool])
    return fit_in_pieces(features_of(task), rows, length=LENGTH)


def evaluate(
    state: Mapping[str, Tensor],
    features: Features,
    indices: Indices,
    *,
    standardise: Standardisation,
    features_alone: bool,
) -> Tensor:
    """Logits by the head `state`, or what it is given: standardised clean features, in float32.

    Returns:
        (n, C) or (n, D) float32 on the CPU.
    """
    device = state["head.weight"].device
    classes, dim = state["head.weight"].shape
    head = FeatureHead(classes, dim).to(device)
    head.load_state_dict(dict(state))
    standardise = standardise.to(device)
    parts = []
    with torch.inference_mode():
        for start in range(0, max(len(indices), 1), ROWS):
            x = features.take(indices[start : start + ROWS]).to(device)
            standardised = standardise(x)
            parts.append((standardised if features_alone else head(standardised)).cpu())
    return torch.cat(parts).clone()
