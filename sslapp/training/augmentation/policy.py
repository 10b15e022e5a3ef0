"""Named strong augmentations: which operations, how many, how hard, and which box is cut out.

Four different recipes are called "FixMatch's RandAugment" in print and in code; the ones here
are data, so a run can record exactly which one it used.
"""

from dataclasses import dataclass
from typing import Literal

from sslapp.training.augmentation.operations import MATRICES, OPERATIONS

Span = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One recipe of strong augmentation.

    Attributes:
        operations: for every operation its magnitudes (low, high), in the operation's own units.
        draws: operations drawn for an image, with replacement.
        probability: that a drawn operation is applied.
        levels: magnitudes are low + (high - low) v / 10 with integer v in 1..9 ("tenths"), or
            uniform in [low, high) ("uniform").
        signed: operations whose magnitude gets a random sign.
        whole: operations whose magnitude is cut to an integer.
        cutout: smallest and largest side of the box as shares of the image's, or None for no box.
        cutout_fill: (red, green, blue) of the box; grey images get its luma.
    """

    operations: dict[str, Span]
    draws: int
    probability: float = 1.0
    levels: Literal["tenths", "uniform"] = "uniform"
    signed: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    cutout: Span | None = None
    cutout_fill: tuple[int, int, int] = (127, 127, 127)

    def __post_init__(self) -> None:
        """Check names, draws and the box."""
        unknown = sorted(set(self.operations) - set(OPERATIONS))
        if unknown:
            raise ValueError(f"operations: {unknown} are not among {sorted(OPERATIONS)}.")
        if not self.operations or self.draws < 1:
            raise ValueError("draws: draw at least 1 of at least 1 operation, such as Identity.")
        if self.cutout is not None and not 0 <= self.cutout[0] <= self.cutout[1] <= 1:
            raise ValueError(f"cutout: {self.cutout} are no shares 0 <= smallest <= largest <= 1.")


GEOMETRIC = frozenset(MATRICES)

_FIXMATCH: dict[str, Span] = {
    "AutoContrast": (0, 0),
    "Brightness": (0.05, 0.95),
    "Color": (0.05, 0.95),
    "Contrast": (0.05, 0.95),
    "Equalize": (0, 0),
    "Identity": (0, 0),
    "Posterize": (4, 8),
    "Rotate": (0, 30),
    "Sharpness": (0.05, 0.95),
    "ShearX": (0, 0.3),
    "ShearY": (0, 0.3),
    "Solarize": (0, 256),
    "TranslateX": (0, 0.3),
    "TranslateY": (0, 0.3),
}

_USB: dict[str, Span] = {
    name: (-high, high) if name in GEOMETRIC else (low, high)
    for name, (low, high) in _FIXMATCH.items()
}

_USB_MEDICAL = tuple(sorted(GEOMETRIC | {"Brightness", "Equalize", "Identity", "Sharpness"}))

policies: dict[str, Policy] = {
    # FixMatch (Sohn et al., NeurIPS 2020), the appendix table of RandAugment transformations
    "fixmatch": Policy(
        operations=_FIXMATCH,
        draws=2,
        probability=0.5,
        levels="tenths",
        signed=GEOMETRIC,
        whole=frozenset({"Posterize", "Solarize"}),
        cutout=(0.5, 0.5),
    ),
    # USB (Wang et al., NeurIPS 2022) as its code has it: always applied, continuous magnitudes
    "usb": Policy(
        operations=_USB,
        draws=3,
        whole=frozenset({"Posterize"}),
        cutout=(0, 0.5),
        cutout_fill=(125, 123, 114),
    ),
    # USB's list for microscopy: nothing that changes colour or crushes intensities
    "usb-medical": Policy(
        operations={name: _USB[name] for name in _USB_MEDICAL},
        draws=3,
        cutout=(0, 0.5),
        cutout_fill=(125, 123, 114),
    ),
    # for tiny images whose intensities carry little, such as digits of 8 to 28 pixels
    "geometric": Policy(
        operations={
            "Identity": (0, 0),
            "Rotate": (-20, 20),
            "ShearX": (-0.2, 0.2),
            "ShearY": (-0.2, 0.2),
            "TranslateX": (-0.15, 0.15),
            "TranslateY": (-0.15, 0.15),
        },
        draws=2,
    ),
}
