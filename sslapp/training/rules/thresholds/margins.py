"""How far a class is ahead, averaged for every image over the times that it was seen.

MultiMatch (Sirbu et al., EMNLP 2025) calls these averages pseudo-margins: a head that calls an
image a class by a wide margin again and again is believed, whatever its confidence today.
"""

import torch
from torch import Tensor


def margins(logits: Tensor) -> Tensor:
    """(..., C): of the top class its lead over the second, of another what it lacks to the top."""
    best = logits.topk(2, dim=-1)
    top, second = best.values[..., :1], best.values[..., 1:]
    leads = torch.zeros_like(logits).scatter(-1, best.indices[..., :1], top - second)
    return logits - top + leads


class AverageMargins:
    """APM <- g m + (1 - g) APM with g = .997 / (1 + epoch), of several heads and all images.

    Once an epoch each head h gets a cutoff for every class c: a low quantile of the other heads'
    averages at c, over images that all of these called c when they were last seen. A class that
    they agree on nowhere keeps its former cutoff, at first 0: a class that is as often ahead as
    behind.

    Args:
        heads: H.
        images: size of the unlabelled set.
        num_classes: C.
        device: where the state lives: H x images x C numbers.
        quantile: in [0, 1].
        dtype: of the state.
    """

    def __init__(
        self,
        heads: int,
        images: int,
        num_classes: int,
        device: torch.device,
        *,
        quantile: float = 0.05,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._quantile = quantile
        self.average = torch.zeros(heads, images, num_classes, device=device, dtype=dtype)
        self.labels = torch.full((heads, images), -1, dtype=torch.int64, device=device)
        self.cutoffs = torch.zeros(heads, num_classes, device=device, dtype=dtype)

    def update(self, logits: Tensor, labels: Tensor, rows: Tensor, epoch: int) -> Tensor:
        """Move the averages of a batch's images and return them, (H, n, C).

        Args:
            logits: (H, n, C), detached.
            labels: (H, n) what each head calls them.
            rows: (n,) numbers of the images.
            epoch: from 0.
        """
        share = 0.997 / (1 + epoch)
        moved = share * margins(logits) + (1 - share) * self.average[:, rows]
        # an image twice in a batch has two averages; which stays may not be left to chance
        order = torch.arange(len(rows), device=rows.device)
        last = torch.full((self.labels.shape[1],), -1, dtype=torch.int64, device=rows.device)
        last = last.scatter_reduce(0, rows, order, reduce="amax")[rows]
        self.average[:, rows] = moved[:, last].to(self.average.dtype)
        self.labels[:, rows] = labels[:, last]
        return moved

    def renew(self) -> None:
        """Take new cutoffs from what is remembered."""
        heads, _, classes = self.average.shape
        for head in range(heads):
            others = [each for each in range(heads) if each != head]
            agreed = self.labels[others[0]]
            for other in others[1:]:
                agreed = torch.where(self.labels[other] == agreed, agreed, -1)
            for label in range(classes):
                found = self.average[others][:, agreed == label, label]
                if found.numel():
                    self.cutoffs[head, label] = low_quantile(found.flatten(), self._quantile)

    def state_dict(self) -> dict[str, Tensor]:
        """Averages, labels and cutoffs."""
        return {"average": self.average, "labels": self.labels, "cutoffs": self.cutoffs}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        self.average, self.labels = state["average"].clone(), state["labels"].clone()
        self.cutoffs = state["cutoffs"].clone()


def low_quantile(values: Tensor, share: float) -> Tensor:
    """The quantile of (n,) values, between two of them linearly; for any n."""
    ordered = values.sort().values
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
