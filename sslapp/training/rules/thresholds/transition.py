"""Transition matrices of pseudo-labels: T_ij = P(pseudo-label j | class i), per set or per image.

Patrini et al. ("Making Deep Neural Networks Robust to Label Noise", CVPR 2017) correct a loss
forwards by such a matrix; Li et al. ("InstanT", NeurIPS 2023) set thresholds by it as well.
"""

import torch
from torch import Tensor


def forward_corrected(logits: Tensor, labels: Tensor, transition: Tensor) -> Tensor:
    """(n,) -log (p T)_label for p = softmax(logits); the cross-entropy where T is the identity.

    Args:
        logits: (n, C).
        labels: (n,) int64.
        transition: (C, C), or (n, C, C) one for each image.
    """
    exact = logits.to(torch.promote_types(logits.dtype, torch.float32))
    likelihood = (torch.softmax(exact, dim=1) * _columns(transition, labels)).sum(dim=1)
    return -torch.log(likelihood + 1e-12)


def doubt(q: Tensor, transition: Tensor) -> Tensor:
    """(n,) T_yy q_(2) + sum_(j != y) T_jy q_j: how likely the pseudo-label y = argmax q is wrong.

    Args:
        q: (n, C) probabilities, whose second largest is q_(2).
        transition: (C, C) or (n, C, C).
    """
    best = q.topk(2, dim=1)
    labels, second = best.indices[:, 0], best.values[:, 1]
    columns = _columns(transition, labels)
    own = columns.gather(1, labels[:, None])[:, 0]
    return own * second + (columns * q).sum(dim=1) - own * best.values[:, 0]


def of_logits(logits: Tensor, scale: float) -> Tensor:
    """(n, C, C) matrices of (n, C * C) logits: softmax of each row of these plus scale times I."""
    exact = logits.to(torch.promote_types(logits.dtype, torch.float32))
    classes = round(exact.shape[1] ** 0.5)
    rows = exact.view(-1, classes, classes)
    return torch.softmax(rows + scale * torch.eye(classes, device=rows.device), dim=2)


class ClassTransition:
    """One matrix for all images: rows of scale I + sigmoid(w) off the diagonal, made to sum to 1.

    w learns by SGD with momentum .9 from whatever loss the matrix is used in.

    Args:
        num_classes: C.
        scale: how sure the matrix is at first, where w is -2.
        rate: learning rate of w.
        device: where the state lives.
        dtype: of the state.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        scale: float,
        rate: float,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._diagonal = scale * torch.eye(num_classes, device=device, dtype=dtype)
        self._beside = 1 - torch.eye(num_classes, device=device, dtype=dtype)
        self._rate = rate
        self.w = torch.full_like(self._diagonal, -2.0).requires_grad_()
        self._velocity = torch.zeros_like(self._diagonal)

    def __call__(self) -> Tensor:
        """(C, C); gradients flow to w."""
        rows = self._diagonal + torch.sigmoid(self.w) * self._beside
        return rows / rows.sum(dim=1, keepdim=True)

    def step(self) -> None:
        """Move w by the gradient left in it, if there is one."""
        if self.w.grad is None:
            return
        with torch.no_grad():
            self._velocity = 0.9 * self._velocity + self.w.grad
            self.w -= self._rate * self._velocity
        self.w.grad = None

    def state_dict(self) -> dict[str, Tensor]:
        """w and its momentum."""
        return {"w": self.w.detach(), "velocity": self._velocity}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        self.w = state["w"].clone().requires_grad_()
        self._velocity = state["velocity"].clone()


def _columns(transition: Tensor, labels: Tensor) -> Tensor:
    """(n, C): T_jy over j, of each image's own y."""
    if transition.ndim == 2:
        return transition.T[labels]
    wanted = labels[:, None, None].expand(-1, transition.shape[1], 1)
    return transition.gather(2, wanted)[:, :, 0]
