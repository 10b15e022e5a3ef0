"""What share of each class's pseudo-labels counts, so that common classes do not win everything.

Wei et al., "CReST: A Class-Rebalancing Self-Training Framework for Imbalanced Semi-Supervised
Learning" (CVPR 2021, section 3.3): of the pseudo-labels of the class with the l-th most labels the
share mu_l = (N_(C+1-l) / N_1)^alpha is taken, so all of the rarest class, whose pseudo-labels are
the most often right.
"""

import torch
from torch import Tensor

from sslapp.training.task import Task

ALPHA = 1 / 3


def selected_shares(counts: Tensor, alpha: float = ALPHA) -> Tensor:
    """(C,) float32 mu by class, from (C,) numbers of labels.

    By ranks of the true counts, whatever the order of classes. Classes with as many labels share
    the mean of their shares, and one without a label counts as if it had one.
    """
    known = counts.clamp(min=1).double()
    order = known.argsort(descending=True, stable=True)
    ranked = known[order]
    shares = torch.empty_like(known)
    shares[order] = (ranked.flip(dims=[0]) / ranked[0]) ** alpha
    alike = (known[:, None] == known).double()
    return (alike @ shares / alike.sum(dim=1)).float()


def label_counts(task: Task) -> Tensor:
    """(C,) int64: labelled images of each class."""
    labels = torch.from_numpy(task.labels[task.labelled])
    return torch.bincount(labels, minlength=task.num_classes)
