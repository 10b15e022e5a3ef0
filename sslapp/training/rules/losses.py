"""Loss terms that several methods share, written for float32 logits (float64 stays float64).

Softmax, thresholds and losses are float32 whatever the convolutions ran in: 0.95 is 0.9492 in
bfloat16, so a mask computed there would not be the paper's.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Reduction = Literal["all", "selected"]


def masked_mean(values: Tensor, mask: Tensor, reduction: Reduction = "all") -> Tensor:
    """Mean of values * mask over all rows, or over the rows that the mask selects.

    Args:
        values: (n,) losses.
        mask: (n,) bool or weights.
        reduction: "all" divides by n as FixMatch does; "selected" by the sum of the mask, which
            multiplies the term's weight by the inverse mask rate (10 to 50 early in training).

    Returns:
        Scalar; 0, with a gradient of 0, for no rows or an empty mask.
    """
    weights = mask.to(values.dtype)
    total = torch.sum(values * weights)
    if reduction == "all":
        return total / max(1, len(values))
    # the floor only guards against 0/0: an empty mask has total 0
    return total / torch.clamp(torch.sum(weights), min=1e-8)


def allowed_probabilities(logits: Tensor, forbidden: Tensor) -> Tensor:
    """Softmax over the classes that no reader ruled out; exactly 0 for the others.

    This is p(y | x, y not in F), the distribution a pseudo-label is taken from. With nothing
    forbidden it is the plain softmax.

    Args:
        logits: (n, C), any float type.
        forbidden: (n, C) bool with at least one False in every row.

    Returns:
        (n, C) float32 (float64 for float64), rows sum to 1.
    """
    return torch.softmax(_exact(logits).masked_fill(forbidden, -torch.inf), dim=1)


def complementary_loss(logits: Tensor, forbidden: Tensor) -> Tensor:
    """-log p(y not in F | x) per row, the loss of "it is none of these" (F may be empty: 0).

    With one forbidden class c it is -log(1 - p_c), the complementary-label loss of Kim et al.
    ("NLNL", ICCV 2019, eq. 2); with several it is the exact likelihood of all the answers rather
    than a sum of terms that double-count them. Written as a difference of two logsumexp, because
    1 - p_c is 0 in float32 where the network is sure of c and the gradient matters most.

    Args:
        logits: (n, C).
        forbidden: (n, C) bool with at least one False in every row.

    Returns:
        (n,) float32, not negative.
    """
    z = _exact(logits)
    allowed = torch.logsumexp(z.masked_fill(forbidden, -torch.inf), dim=1)
    # rows without a forbidden class get an exact 0 and no gradient, not a rounding error
    return torch.where(forbidden.any(dim=1), torch.logsumexp(z, dim=1) - allowed, 0.0)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return (n,) float32 cross-entropies. targets: (n,) classes or (n, C) probabilities."""
    return functional.cross_entropy(_exact(logits), targets, reduction="none")


def uniform_loss(logits: Tensor) -> Tensor:
    """H(u, p) per row, u uniform over the classes: the loss of "it is none of these".

    Hendrycks, Mazeika and Dietterich ("Deep Anomaly Detection with Outlier Exposure", ICLR 2019,
    eq. 1) add its mean over outliers to a classifier's loss, weighted by .5. It is at least log C,
    where all logits are equal, and its gradient is p - u.

    Args:
        logits: (n, C).

    Returns:
        (n,) float32.
    """
    z = _exact(logits)
    return torch.logsumexp(z, dim=1) - z.mean(dim=1)


def fairness(p: Tensor, mask: Tensor, share: Tensor, predicted: Tensor) -> Tensor:
    """FreeMatch's self-adaptive fairness (Wang et al., ICLR 2023, eqs. 9 to 12).

    With pbar the mean of the selected strong predictions and hbar the shares of their argmaxes,
    a = norm(p~ / h~), b = norm(pbar / hbar), it is sum_c a_c log b_c; a class that no selected
    image is predicted as has no part in b. As published: minimising it raises the ratios
    pbar_c / hbar_c that are above their share a_c, so it does not by itself even classes out.

    Args:
        p: (n, C) probabilities of strong views; the gradient flows through their mean alone.
        mask: (n,) bool.
        share: (C,) p~.
        predicted: (C,) h~.

    Returns:
        Scalar; 0, with a gradient of 0, for an empty mask.
    """
    weights = mask.to(p.dtype)
    count = weights.sum().clamp(min=1)
    pbar = (p * weights[:, None]).sum(dim=0) / count
    hbar = torch.zeros_like(share).scatter_add_(0, p.argmax(dim=1), weights) / count
    a = _normalised(share / predicted.clamp(min=1e-12))
    ratio = torch.where(hbar > 0, pbar / hbar.clamp(min=1e-12), 0.0)
    b = ratio / ratio.sum().clamp(min=1e-12)
    return torch.sum(a * torch.log(b + 1e-12)) * mask.any()


def _normalised(values: Tensor) -> Tensor:
    return values / values.sum()


def _exact(logits: Tensor) -> Tensor:
    """float32, or float64 where that came: finite differences need it."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
