"""Batch norms folded into the convolutions before them.

In evaluation a batch norm is an affine map of each channel, and so is the end of a convolution: one
pass over the planes does for both.
"""

from collections.abc import Iterable

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


def fold_batch_norms(module: nn.Module, pairs: Iterable[tuple[str, str]]) -> None:
    """Fold in place, and leave identities where the batch norms were.

    Args:
        module: in evaluation mode; what it computes stays the same up to rounding.
        pairs: names of a convolution and of the batch norm behind it, those that it has.
    """
    for convolution, norm in pairs:
        if not hasattr(module, convolution):
            continue
        conv, bn = getattr(module, convolution), getattr(module, norm)
        conv.weight, conv.bias = fuse_conv_bn_weights(
            *(conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias)
        )
        setattr(module, norm, nn.Identity())
