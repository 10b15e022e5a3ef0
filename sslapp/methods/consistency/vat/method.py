"""Virtual adversarial training with entropy minimisation (Miyato, Maeda, Koyama and Ishii, "Virtual
Adversarial Training: A Regularization Method for Supervised and Semi-Supervised Learning", TPAMI
2018; arXiv 1704.03976).

No augmentation says here what must not matter: a small step on the image in the direction that
changes the prediction most.

    LDS(u) = KL(sg[p(u)] || p(u + r_adv)),   r_adv = epsilon g / |g|
    g      = gradient by d of KL(sg[p(u)] || p(u + xi d)) at a random unit vector d
    l      = l_s + lambda_u r(k) mean LDS + lambda_ent mean H(p(u))

The three passes for LDS are apart: normalised by the unlabelled images alone, so that LDS is 0 for
r = 0, in float32 at least, with the same dropout and stochastic depth, and without a trace in the
running statistics. Those follow the joint pass of labelled and unlabelled images, which l_s and H
are taken on. The gradient of the search is asked for by d alone and reaches no weight.

Added here: what a reader ruled out has no part in KL and H, and the complementary loss is taken on
u.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from sslapp.methods.consistency.objective import RampedObjective, Terms
from sslapp.methods.consistency.vat.config import VATConfig
from sslapp.training.augmentation.pixels import send
from sslapp.training.loop import steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import Batch, TrainingStep, View
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules import adversarial
from sslapp.training.rules.divergences import entropy, kl_divergence
from sslapp.training.rules.losses import allowed_probabilities
from sslapp.training.run import Run
from sslapp.training.task import Task

DISTANCE, ADVERSARIAL = "distance", "adversarial"
COLOUR_IMAGE = 3 * 32 * 32
"""Numbers of the images that epsilon is said for."""

Start = Callable[[Tensor, torch.Generator], Tensor]
"""(n, ...) images, a generator on the CPU -> (n, ...) first directions."""


def normal(images: Tensor, generator: torch.Generator) -> Tensor:
    """Normal directions: all are as likely."""
    return send(torch.randn(images.shape, generator=generator, dtype=images.dtype), images.device)


class VATObjective(RampedObjective):
    """The loss above.

    Args:
        config: the options.
        start: draws the first directions.
    """

    config: VATConfig
    views: Mapping[str, View] = {"weak": "weak"}
    student = "weak"

    def __init__(self, config: VATConfig, start: Start = normal) -> None:
        super().__init__(config)
        self._start = start

    def forward(self, passes: NetworkPasses, batch: Batch) -> dict[str, Tensor]:
        """The joint pass, and each unlabelled image's LDS."""
        outputs = passes.joint(batch.views)
        moved, divergence = self._moved(passes, batch.views["weak"], batch.forbidden)
        return {**outputs, DISTANCE: divergence(moved)}

    def pictures(self, passes: NetworkPasses, views: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """u + r_adv, as if nothing was ruled out; see Objective."""
        nothing = torch.zeros((1, 1), dtype=torch.bool, device=views["weak"].device)
        moved, _ = self._moved(passes, views["weak"], nothing)
        return {ADVERSARIAL: moved}

    def _moved(
        self, passes: NetworkPasses, images: Tensor, forbidden: Tensor
    ) -> tuple[Tensor, adversarial.Divergence]:
        """u + r_adv, and what tells how far from p(u) the answer for a moved image is."""

        def apart(moved: Tensor) -> Tensor:
            return passes.apart(moved, exact=True, alike=True)

        with torch.no_grad():
            p = allowed_probabilities(apart(images), forbidden)

        def divergence(moved: Tensor) -> Tensor:
            return kl_divergence(p, apart(moved), forbidden)

        d = adversarial.direction(
            divergence,
            images,
            self._start(images, passes.generator("direction")),
            xi=self.config.xi,
            iterations=self.config.power_iterations,
        )
        return images + self.length(images) * d, divergence

    def length(self, images: Tensor) -> float:
        """|r_adv|."""
        if self.config.variant == "usb":
            return self.config.epsilon
        return float(self.config.epsilon * (images[0].numel() / COLOUR_IMAGE) ** 0.5)

    def unlabelled_loss(self, step: TrainingStep) -> Tensor:
        """Mean LDS."""
        return step.outputs[DISTANCE].mean()

    def terms(self, step: TrainingStep, ramp: float) -> Terms:
        """lambda_ent mean H(p(u)), without the ramp."""
        unsure = entropy(step.logits["weak"], step.forbidden).mean()
        return {"entropy": (self.config.lambda_ent, unsure)}


class VAT(Method):
    """Predictions stay alike in the direction that changes them most, and become sure."""

    Config = VATConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels."""
        return steps.train(task, run, self.config, VATObjective(self.config))
