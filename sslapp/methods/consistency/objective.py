"""The step of methods whose unlabelled loss compares answers and is weighed by a ramp.

With a labelled batch (x_b, y_b) of B images, an unlabelled one u_b of mu B, and F_b the classes
that readers ruled out for u_b:

    l_s = 1/B sum_b H(y_b, p(x_b))
    l_u = the method's own
    l_c = 1/B sum_b -log p(y not in F_b | u_b)
    l   = l_s + lambda_u r(k) l_u + lambda_c l_c

r is linear over a share of the run unless a method says otherwise. Views are taken by one joint
pass, so that answers that are compared are normalised by the same batch: of equal views they are
equal.
"""

from abc import abstractmethod
from collections.abc import Mapping

from torch import Tensor

from sslapp.methods.consistency.config import RampedConfig
from sslapp.training.objective import (
    LABELLED,
    Guesses,
    Losses,
    Objective,
    TrainingStep,
    class_counts,
)
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules import noise, ramps
from sslapp.training.rules.losses import complementary_loss, cross_entropy

Terms = Mapping[str, tuple[float, Tensor]]
"""Further losses by the name that they are reported by: their weights and scalars."""


class RampedObjective(Objective):
    """The loss above.

    Args:
        config: the weights and the ramp.

    Attributes:
        student: the unlabelled view that l_c is taken on.
    """

    student: str

    def __init__(self, config: RampedConfig) -> None:
        self.config = config

    def losses(self, step: TrainingStep) -> Losses:
        """l_s + lambda_u r l_u + lambda_c l_c and further terms."""
        config = self.config
        loss_s = self.labelled_loss(step)
        loss_u = self.unlabelled_loss(step)
        ramp = self.ramp(step.number, step.total)
        loss_c = self.complementary(step)

        total = loss_s + config.lambda_u * ramp * loss_u + config.lambda_c * loss_c
        metrics = {
            "labelled loss": loss_s.detach(),
            "unlabelled loss": loss_u.detach(),
        }
        for name, (factor, term) in self.terms(step, ramp).items():
            total = total + factor * term
            metrics[name] = term.detach()
        guess = self.guess(step)
        if guess is None:
            return Losses(total, metrics)
        guesses = Guesses(guess.argmax(dim=1), guess.amax(dim=1) > 0)
        metrics["mask rate"] = guesses.weight.float().mean()
        metrics["pseudo_labels"] = class_counts(guesses.classes, guesses.weight, guess.shape[1])
        return Losses(total, metrics, guesses)

    def ramp(self, number: int, total: int) -> float:
        """r(k)."""
        return ramps.linear(number, total, self.config.ramp)

    def labelled_loss(self, step: TrainingStep) -> Tensor:
        """l_s."""
        return cross_entropy(step.logits[LABELLED], step.labels).mean()

    def guess(self, step: TrainingStep) -> Tensor | None:
        """(n, C) probabilities that the unlabelled images are given for a label, 0 for an image
        that has none yet; None where a method labels no image, as by default."""
        return None

    @abstractmethod
    def unlabelled_loss(self, step: TrainingStep) -> Tensor:
        """l_u, a scalar."""

    def complementary(self, step: TrainingStep) -> Tensor:
        """l_c."""
        # over B: a ruled-out class is as much of an answer as a label
        loss = complementary_loss(step.logits[self.student], step.forbidden)
        return loss.sum() / len(step.labels)

    def terms(self, step: TrainingStep, ramp: float) -> Terms:
        """Losses beside these; none by default."""
        return {}


def perturbed(
    passes: NetworkPasses, views: Mapping[str, Tensor], *, deviation: float, rate: float
) -> dict[str, Tensor]:
    """Logits of all views by one pass, of noisy images and thinned features.

    Args:
        passes: of the step.
        views: (n, C, H, W) each.
        deviation: of the noise on images.
        rate: of the dropout on features.
    """
    noisy = {
        name: noise.gaussian(view, deviation, passes.generator(f"noise/{name}"))
        for name, view in views.items()
    }
    if not rate:
        return passes.joint(noisy)
    return {
        name: passes.head(noise.dropout(part, rate, passes.generator(f"dropout/{name}")))
        for name, part in passes.joint_features(noisy).items()
    }
