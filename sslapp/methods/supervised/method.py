"""Training on the labels alone: what every semi-supervised method has to beat.

In the pixels gear it is the same network, weak augmentation, steps and averaging as FixMatch with
l = 1/B sum_b H(p_b, p_m(y | a(x_b))), so a difference between the two is the unlabelled images'
doing. In the features gear it is the linear probe: multinomial logistic regression on standardised
frozen features.
"""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from sslapp.methods.supervised.config import SupervisedConfig
from sslapp.training import standardisation
from sslapp.training.loop import steps
from sslapp.training.method import Method, Predictor
from sslapp.training.objective import LABELLED, Losses, Objective, TrainingStep
from sslapp.training.predictor import LinearPredictor
from sslapp.training.rules.losses import cross_entropy
from sslapp.training.run import Run, Tensors
from sslapp.training.task import Task, check_trainable, features_of
from sslapp.vocabulary import Gear


class SupervisedObjective(Objective):
    """Cross-entropy of labelled images."""

    def losses(self, step: TrainingStep) -> Losses:
        """l_s."""
        loss_s = cross_entropy(step.logits[LABELLED], step.labels).mean()
        return Losses(loss_s, {"labelled loss": loss_s.detach()})


class Supervised(Method):
    """The network, or a linear probe, on labels alone."""

    Config = SupervisedConfig

    def fit(self, task: Task, run: Run) -> Predictor:
        """Train on the task's labels."""
        if run.gear is Gear.PIXELS:
            return steps.train(task, run, self.config, SupervisedObjective())
        return LinearPredictor(**run.stage("probe", lambda _: self._probe(task, run)))

    def _probe(self, task: Task, run: Run) -> Tensors:
        run.check()
        check_trainable(task)
        features = features_of(task)
        # standardised by the labelled and unlabelled rows: a dozen labels give no variance
        x_all = features.take(np.sort(np.concatenate([task.labelled, task.pool]))).double()
        standardise = standardisation.fit(x_all)
        x = standardise(features.take(task.labelled).double()).numpy()
        y = task.labels[task.labelled]
        weight = torch.zeros(task.num_classes, x.shape[1], dtype=torch.float64)
        # a class without a label must not win: its logit lies far below every other
        bias = torch.full((task.num_classes,), -30.0, dtype=torch.float64)
        present = np.unique(y)
        if len(present) == 1:
            bias[present[0]] = 0.0
        else:
            probe = LogisticRegression(C=1 / self.config.penalty, max_iter=500).fit(x, y)
            coefficients, intercepts = probe.coef_, probe.intercept_
            if len(present) == 2:  # scikit-learn keeps one row for two classes
                coefficients = np.concatenate([-coefficients, coefficients]) / 2
                intercepts = np.concatenate([-intercepts, intercepts]) / 2
            weight[present] = torch.from_numpy(coefficients)
            bias[present] = torch.from_numpy(intercepts)
        return {
            "weight": weight.float(),
            "bias": bias.float(),
            "mean": standardise.mean.float(),
            "std": standardise.std.float(),
        }
