"""Mean Teacher (Tarvainen and Valpola, "Mean teachers are better role models: Weight-averaged
consistency targets improve semi-supervised deep learning results", NeurIPS 2017).

The student follows a teacher whose weights are the average of the student's over time:

    theta'_k = m_k theta'_(k-1) + (1 - m_k) theta_k,   m_k = min(1 - 1/(k+1), m)
    J        = mean over all of 1/C |f(x, theta, eta) - f(x, theta', eta')|^2   probabilities
    l        = l_s + lambda_u r(k) J

Teacher and student see different views of an image. The teacher's weights are those that the loop
averages after every step anyway; its batch normalisation is that of its own batch, in which the
labelled images lie beside the unlabelled ones as they do in the student's.

Added here: what a reader ruled out has probability 0 in the teacher's answer, and the complementary
loss is taken on the student's.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from sslapp.methods.consistency.mean_teacher.config import MeanTeacherConfig
from sslapp.methods.consistency.objective import RampedObjective
from sslapp.training.loop import steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import Batch, TrainingStep, View
from sslapp.training.passes import NetworkPasses
from sslapp.training.rules import ramps
from sslapp.training.rules.divergences import squared_error
from sslapp.training.rules.losses import allowed_probabilities
from sslapp.training.run import Run
from sslapp.training.task import Task

TEACHER, STUDENT = "teacher", "student"


class MeanTeacherObjective(RampedObjective):
    """The loss above.

    Args:
        config: the options.
    """

    config: MeanTeacherConfig
    views: Mapping[str, View] = {TEACHER: "weak", STUDENT: "weak"}
    student = STUDENT

    def forward(self, passes: NetworkPasses, batch: Batch) -> dict[str, Tensor]:
        """The student on one view in a joint pass, and the teacher on the other."""
        views = dict(batch.views)
        taught = views.pop(TEACHER)
        outputs = passes.joint(views)
        views[STUDENT] = taught  # in the same place: a batch like the student's
        answers = passes.teacher(torch.cat(list(views.values())))
        parts = answers.split([len(view) for view in views.values()])
        return {**outputs, TEACHER: dict(zip(views, parts, strict=True))[STUDENT]}

    def ramp(self, number: int, total: int) -> float:
        """r(k)."""
        linear = super().ramp(number, total)
        return linear if self.config.variant == "usb" else ramps.sigmoid(linear)

    def guess(self, step: TrainingStep) -> Tensor:
        """f(x, theta', eta')."""
        return allowed_probabilities(step.logits[TEACHER].detach(), step.forbidden)

    def unlabelled_loss(self, step: TrainingStep) -> Tensor:
        """J."""
        p = torch.softmax(step.logits[STUDENT], dim=1)
        return squared_error(p, self.guess(step)).mean()


class MeanTeacher(Method):
    """Predictions follow those of the averaged weights on another view."""

    Config = MeanTeacherConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's pixels."""
        return steps.train(task, run, self.config, MeanTeacherObjective(self.config))
