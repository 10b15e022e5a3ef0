"""The strong view: weak crop and flip, then RandAugment (Cubuk et al., 2020), then Cutout.

All random numbers of a batch are drawn at once and read on the host. Images that drew the same
operation are then gathered, changed together and put back, so every group's size is known without
asking the device. All geometric operations of one draw share a gather. (Folding the crop into it
as well is exact too, but was measured to be slower: every image would need the longer arithmetic.)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from sslapp.training.augmentation import crop, cutout, pixels
from sslapp.training.augmentation.operations import MATRICES, OPERATIONS, Operation, move
from sslapp.training.augmentation.policy import Policy, policies

COLUMNS = 4
CACHED = 1 << 17
"""Pixels of all channels that one operation changes at a time on a CPU."""


@dataclass(frozen=True)
class Draws:
    """What RandAugment drew for n images, on the host.

    Attributes:
        operation: (draws, n) int64 index into `names`; an operation not applied is Identity.
        magnitude: (draws, n) float64, in the operation's units.
        names: the operations, those that only move pixels first.
    """

    operation: Tensor
    magnitude: Tensor
    names: tuple[str, ...]


class StrongAugmentation:
    """Strong views of uint8 batches after a named or a given policy.

    Args:
        policy: a name in `policies`, or a Policy.
        flip: whether images may be mirrored (p = 0.5).
        padding: largest shift of the crop in pixels; by default an eighth of the shorter side.

    Raises:
        ValueError: when no policy has that name.
    """

    def __init__(
        self, policy: str | Policy = "fixmatch", *, flip: bool, padding: int | None = None
    ) -> None:
        if isinstance(policy, str) and policy not in policies:
            raise ValueError(f'policy: "{policy}" is not one of {", ".join(policies)}.')
        self.policy = policies[policy] if isinstance(policy, str) else policy
        self.flip = flip
        self.padding = padding

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """(n, C, H, W) uint8 on any device -> new images of that shape, there.

        With a generator on the CPU the result is the same on every device, and an accelerator is
        never waited for.

        Raises:
            ValueError: when images are not uint8 (n, 1 or 3, H, W) or the padding does not fit.
        """
        pixels.check(images)
        widths = [crop.COLUMNS, COLUMNS * self.policy.draws, cutout.COLUMNS]
        drawn = pixels.draw(len(images), sum(widths), generator)
        for_crop, for_operations, for_box = drawn.split(widths, dim=1)
        out = crop.crop(images, for_crop, flip=self.flip, padding=self.padding)
        out = rand_augment(out, draw_operations(for_operations, self.policy))
        if self.policy.cutout is None:
            return out
        height, width = images.shape[2:]
        box = cutout.boxes(for_box, height, width, self.policy.cutout)
        return cutout.cut_out(out, box, self.policy.cutout_fill)


def draw_operations(drawn: Tensor, policy: Policy) -> Draws:
    """(n, 4 draws) uniforms -> operations and magnitudes after `policy`."""
    names = tuple(
        sorted({*policy.operations, "Identity"}, key=lambda name: (name not in MATRICES, name))
    )
    index = {name: position for position, name in enumerate(names)}
    which, applied, level, sign = drawn.t().reshape(policy.draws, COLUMNS, -1).unbind(1)
    choices = torch.tensor([index[name] for name in policy.operations])
    operation = choices[(which * len(choices)).to(torch.int64)]
    operation = operation.where(applied < policy.probability, torch.tensor(index["Identity"]))
    if policy.levels == "tenths":
        level = (torch.floor(level * 9) + 1) / 10
    spans = torch.tensor(
        [policy.operations.get(name, (0.0, 0.0)) for name in names], dtype=torch.float64
    )
    low, high = spans[operation].unbind(-1)
    magnitude = low + (high - low) * level
    whole = torch.tensor([name in policy.whole for name in names])[operation]
    magnitude = torch.where(whole, magnitude.trunc(), magnitude)
    signed = torch.tensor([name in policy.signed for name in names])[operation]
    magnitude = torch.where(signed & (sign < 0.5), -magnitude, magnitude)
    return Draws(operation, magnitude, names)


def rand_augment(images: Tensor, draws: Draws) -> Tensor:
    """Apply the drawn operations in their order to (n, C, H, W) `images`, which are overwritten."""
    height, width = images.shape[2:]
    order = draws.operation.argsort(dim=1, stable=True)  # (draws, n): images of a group adjacent
    rows = pixels.send(order, images.device)
    for step in range(len(order)):
        magnitude = draws.magnitude[step, order[step]]
        groups = _groups(draws, step)
        matrices = [MATRICES[n](magnitude[g], height, width) for n, g in groups if n in MATRICES]
        if matrices:
            moves = torch.cat(matrices)
            _change(images, rows[step, : len(moves)], moves, move)
        for name, group in groups:
            if name not in MATRICES and name != "Identity":
                _change(images, rows[step, group], magnitude[group], OPERATIONS[name])
    return images


def _change(images: Tensor, rows: Tensor, parameters: Tensor, operation: Operation) -> None:
    """Overwrite the chosen rows by operation(rows, parameters)."""
    # whole groups of megabytes took up to twice the time of blocks that stay in a CPU's cache
    block = CACHED // images[0].numel() + 1 if images.device.type == "cpu" else len(rows)
    for chosen, given in zip(rows.split(block), parameters.split(block), strict=True):
        images.index_copy_(0, chosen, operation(images.index_select(0, chosen), given))


def _groups(draws: Draws, step: int) -> list[tuple[str, slice]]:
    """The operations drawn at a step, each with its places among the sorted images."""
    stops = torch.bincount(draws.operation[step], minlength=len(draws.names)).cumsum(0).tolist()
    spans = zip(draws.names, [0, *stops], stops, strict=False)
    return [(name, slice(start, stop)) for name, start, stop in spans if stop > start]
