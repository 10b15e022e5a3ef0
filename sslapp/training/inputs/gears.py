"""What the step loop trains on in each gear: a network on images, or a linear head on features.

The loop is the same for both. What differs stands here: which network is built, how a view becomes
its input, how it is evaluated, and what predictor is left in the end.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from sslapp.training import fine_tuning, networks
from sslapp.training.augmentation import Normalisation
from sslapp.training.configuration import TrainingConfig, is_pretrained
from sslapp.training.inputs.encoded import FeatureInputs
from sslapp.training.inputs.feed import Feed
from sslapp.training.method import Predictor
from sslapp.training.objective import View
from sslapp.training.predictor import NetworkPredictor
from sslapp.training.run import Run
from sslapp.training.task import Indices, Task, pixels_of
from sslapp.vocabulary import Gear

Make = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]

SHOWN = 6
"""Images that are shown as a method sees them."""

ITSELF = "image"


class Inputs(Protocol):
    """One task as one gear sees it."""

    def network(self) -> nn.Module:
        """A new network on the run's device, its weights drawn from the seed."""

    def feed(self, views: Mapping[str, View], labelled_views: Mapping[str, View]) -> Feed:
        """The batches of the training."""

    def prepared(self, view: Tensor) -> Tensor:
        """What the network is given for a view of a batch: normalised float32."""

    def evaluate(
        self,
        network: nn.Module,
        state: Mapping[str, Tensor],
        rows: Indices,
        *,
        features: bool = False,
    ) -> Tensor:
        """(n, C) logits or (n, D) features of clean rows with the weights `state`, on the CPU."""

    def pictures(self, feed: Feed, made: Make) -> dict[str, Tensor]:
        """(n, C, S, S) uint8 of a few images as a method sees them, by what they are, the images
        themselves first; {} where it sees no images.

        Args:
            feed: the batches of the training.
            made: what the method makes of prepared views itself.
        """

    def predictor(self, state: dict[str, Tensor]) -> Predictor:
        """The trained network, to be kept."""


class PixelInputs:
    """Images, normalised by channel, and a network of models.NETWORKS."""

    def __init__(self, task: Task, run: Run, config: TrainingConfig) -> None:
        self._task, self._run, self._config = task, run, config
        self._pixels = pixels_of(task)
        self.memory_format = torch.channels_last
        self.mean, self.std = networks.normalisation(config, task, run)
        self._normalise = Normalisation(self.mean.tolist(), self.std.tolist(), run.device)

    def network(self) -> nn.Module:
        """See Inputs."""
        run, config = self._run, self._config
        seed = run.generator("weights", device="cpu").initial_seed()
        made = networks.build(
            config.network,
            num_classes=self._task.num_classes,
            channels=len(self.mean),
            size=self._pixels.shape[-1],
            seed=seed,
        )
        if is_pretrained(config):
            networks.load_weights(made, config.network, run.weights)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fine_tuning.restrict(made, config)
        return made.to(run.device, memory_format=self.memory_format)  # type: ignore[call-overload]

    def feed(self, views: Mapping[str, View], labelled_views: Mapping[str, View]) -> Feed:
        """See Inputs."""
        return Feed(self._task, self._run, self._config, views, labelled_views)

    def prepared(self, view: Tensor) -> Tensor:
        """See Inputs. view: (n, C, S, S) uint8."""
        return self._normalise(view).contiguous(memory_format=self.memory_format)

    def evaluate(
        self,
        network: nn.Module,
        state: Mapping[str, Tensor],
        rows: Indices,
        *,
        features: bool = False,
    ) -> Tensor:
        """See Inputs."""
        return networks.evaluate(
            network, state, self._pixels, rows, mean=self.mean, std=self.std, features=features
        )

    def pictures(self, feed: Feed, made: Make) -> dict[str, Tensor]:
        """See Inputs."""
        images, views = feed.sample(SHOWN)
        own = made({name: self.prepared(view) for name, view in views.items()})
        return {ITSELF: images, **views, **{name: self._seen(x) for name, x in own.items()}}

    def _seen(self, prepared: Tensor) -> Tensor:
        """(n, C, S, S) uint8 of what the network is given."""
        mean, std = (each.view(1, -1, 1, 1) for each in (self.mean, self.std))
        return ((prepared.detach().cpu().float() * std + mean) * 255).round().clamp(0, 255).byte()

    def predictor(self, state: dict[str, Tensor]) -> Predictor:
        """See Inputs."""
        _, channels, height, width = self._pixels.shape
        return NetworkPredictor(
            name=self._config.network,
            shape=(channels, height, width),
            num_classes=self._task.num_classes,
            state=fine_tuning.plain_state(state),
            mean=self.mean,
            std=self.std,
        )


def inputs_of(task: Task, run: Run, config: TrainingConfig) -> Inputs:
    """The task as the run's gear sees it.

    Raises:
        ValueError: when it has not what the gear needs, with the mend.
    """
    if run.gear is Gear.FEATURES:
        return FeatureInputs(task, run, config)
    return PixelInputs(task, run, config)
