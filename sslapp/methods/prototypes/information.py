"""Transductive information maximisation (Boudiaf et al., "Transductive Information Maximization
For Few-Shot Learning", NeurIPS 2020, eq. 3, by gradient descent: TIM-GD).

Prototypes w_c give every image the shares p_ic = softmax_c(-lambda |f_i - w_c|^2). They are moved
down the gradient of

    L = w_ce CE(labelled) + KL(p_hat || pi) + w_h H(Y | X),

where p_hat is the mean share of the classes over the unlabelled images, pi what is known of their
frequencies, and H(Y | X) the mean entropy of the shares. With equal frequencies KL is log C - H(Y),
so that L is the paper's. Where frequencies are known within bounds, pi is what lies nearest to
p_hat in them, and KL = sum_c p_hat log(p_hat / pi) - p_hat + pi.
"""

from typing import NamedTuple

import torch
from torch import Tensor

LABELLED_WEIGHT, ENTROPY_WEIGHT = 0.1, 0.1
"""w_ce and w_h, the paper's."""

DECAY_1, DECAY_2, TINY = 0.9, 0.999, 1e-8
"""Adam's."""


class Images(NamedTuple):
    """What the loss is taken over.

    Attributes:
        labelled: (n_l, K) features of length 1.
        given: (n_l, C) one-hot labels.
        unlabelled: (n_u, K) features of length 1.
        closed: (n_u, C) bool; classes that an image cannot be, never all of a row.
        absent: (C,) bool; classes without a label.
        bounds: (2, C) least and greatest share of each class; 0 and 1 where nothing is known.
        sharpness: lambda.
    """

    labelled: Tensor
    given: Tensor
    unlabelled: Tensor
    closed: Tensor
    absent: Tensor
    bounds: Tensor
    sharpness: float


def loss_and_gradient(w: Tensor, images: Images) -> tuple[Tensor, Tensor]:
    """L and its gradient.

    Args:
        w: (C, K) prototypes.
        images: of the same dtype as w.

    Returns:
        () loss and (C, K) gradient.
    """
    f_l, f_u, given = images.labelled, images.unlabelled, images.given
    log_p_l = torch.log_softmax(
        affinity(f_l, w, images.sharpness).masked_fill(images.absent, -torch.inf), dim=1
    )
    loss_ce = -(given * log_p_l.masked_fill(images.absent, 0.0)).sum() / len(f_l)
    d_l = LABELLED_WEIGHT * (log_p_l.exp() - given) / len(f_l)  # (n_l, C) dL/dscores
    if not len(f_u):
        return LABELLED_WEIGHT * loss_ce, _to_prototypes(d_l, f_l, w, images.sharpness)
    p = torch.softmax(
        affinity(f_u, w, images.sharpness).masked_fill(images.closed, -torch.inf), dim=1
    )  # (n_u, C)
    p_log_p = torch.xlogy(p, p)
    entropy = -p_log_p.sum(dim=1, keepdim=True)  # (n_u, 1)
    d_u = -ENTROPY_WEIGHT * (p_log_p + p * entropy)
    p_hat = p.mean(dim=0)  # (C,)
    pi = p_hat.clamp(*images.bounds)
    surplus = torch.where(p_hat > 0, torch.log(p_hat / pi), 0.0)  # dKL/dp_hat
    d_u = (d_u + p * (surplus - (p @ surplus)[:, None])) / len(f_u)
    divergence = (p_hat * surplus - p_hat + pi).sum()
    loss = LABELLED_WEIGHT * loss_ce + divergence + ENTROPY_WEIGHT * entropy.mean()
    gradient = _to_prototypes(d_l, f_l, w, images.sharpness)
    return loss, gradient + _to_prototypes(d_u, f_u, w, images.sharpness)


class Adam:
    """Kingma and Ba's step (ICLR 2015) for one tensor, whose gradient is worked out by hand."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._step = 0
        self._first = self._second = torch.zeros(())

    def __call__(self, w: Tensor, gradient: Tensor) -> Tensor:
        """Return w after a step."""
        self._step += 1
        self._first = DECAY_1 * self._first + (1 - DECAY_1) * gradient
        self._second = DECAY_2 * self._second + (1 - DECAY_2) * gradient**2
        mean = self._first / (1 - DECAY_1**self._step)
        size = (self._second / (1 - DECAY_2**self._step)).sqrt()
        return w - self._rate * mean / (size + TINY)


def affinity(f: Tensor, w: Tensor, sharpness: float) -> Tensor:
    """(n, C): -lambda |f - w_c|^2 but for lambda |f|^2, which no softmax sees."""
    return sharpness * (2 * f @ w.T - (w**2).sum(dim=1))


def _to_prototypes(d_scores: Tensor, f: Tensor, w: Tensor, sharpness: float) -> Tensor:
    """(C, K): dL/dw from (n, C) dL/dscores."""
    return 2 * sharpness * (d_scores.T @ f - d_scores.sum(dim=0)[:, None] * w)
