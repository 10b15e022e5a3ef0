"""The number format in which a pretrained network computes its vectors.

bfloat16 halves the memory traffic, which is what binds a network of small convolutions, and
processors that multiply it by themselves take half the time. Vectors of one embedding, and of its
views, have one format: those of two formats differ by more than images do that look alike.
"""

from enum import StrEnum


class Precision(StrEnum):
    """Number formats, called as torch calls them."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


SAME = {Precision.FLOAT32: 1e-3, Precision.BFLOAT16: 2e-2}
"""Share of its length by which a vector may differ between machines and still be the same; what
another format makes of an image differs by about .1."""


def has_bfloat16_units() -> bool:
    """Whether this processor multiplies bfloat16 by itself; without that it is slower."""
    import torch

    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def fastest() -> Precision:
    """The format to encode with here; on a GPU decoding takes longer than the network does."""
    import torch

    if torch.cuda.is_available() or not has_bfloat16_units():
        return Precision.FLOAT32
    return Precision.BFLOAT16
