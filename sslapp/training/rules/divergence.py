"""The Kullback-Leibler divergence of predictions from soft targets."""

import torch
from torch import Tensor


def kl_divergence(logits: Tensor, targets: Tensor) -> Tensor:
    """(n,) KL(t || p) of (n, C) targets, 0 log 0 being 0, and predictions p = softmax(logits)."""
    exact = logits.to(torch.promote_types(logits.dtype, torch.float32))
    log_p = torch.log_softmax(exact, dim=1)
    return (torch.xlogy(targets, targets) - targets * log_p).sum(dim=1)
