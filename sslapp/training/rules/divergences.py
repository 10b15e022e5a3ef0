"""How far apart two predictions are, and how unsure one is; float32, and float64 where that came.

Classes that readers ruled out have probability 0, so they add nothing and get no gradient here.
"""

import torch
from torch import Tensor

from sslapp.training.rules.losses import allowed_probabilities


def squared_error(p: Tensor, targets: Tensor) -> Tensor:
    """(1/C) sum_c (p_c - t_c)^2 per row. p, targets: (n, C) probabilities."""
    return (p - targets).square().mean(dim=1)


def kl_divergence(p: Tensor, logits: Tensor, forbidden: Tensor | None = None) -> Tensor:
    """KL(p || softmax(logits) over what is allowed) per row.

    Args:
        p: (n, C) probabilities, 0 where forbidden.
        logits: (n, C).
        forbidden: (n, C) bool with at least one False in every row; None allows all.

    Returns:
        (n,), not negative but for rounding; the gradient by the logits is q - p.
    """
    # xlogy: 0 log 0 is 0
    return (torch.xlogy(p, p) - p * log_probabilities(logits, forbidden)).sum(dim=1)


def entropy(logits: Tensor, forbidden: Tensor) -> Tensor:
    """H(p) per row of p = softmax(logits) over what is allowed; log C where all are alike.

    Args:
        logits: (n, C).
        forbidden: (n, C) bool with at least one False in every row.
    """
    p = allowed_probabilities(logits, forbidden)
    return -(p * log_probabilities(logits, forbidden)).sum(dim=1)


def log_probabilities(logits: Tensor, forbidden: Tensor | None) -> Tensor:
    """(n, C) log softmax over what is allowed, and 0, not -infinity, where p is 0."""
    z = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if forbidden is None:
        return torch.log_softmax(z, dim=1)
    log_p = torch.log_softmax(z.masked_fill(forbidden, -torch.inf), dim=1)
    return log_p.masked_fill(forbidden, 0)
