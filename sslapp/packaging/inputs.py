"""How images come into a model. No torch here: the app process reads packages' descriptions."""

from dataclasses import dataclass

from sslapp.imaging.fit import Resample
from sslapp.vocabulary import Aspect


@dataclass(frozen=True)
class ImageInput:
    """One way in which images come in.

    Attributes:
        name: of the graph's input.
        size: S, pixels a side.
        channels: C, 1 (grey) or 3 (RGB).
        aspect, resample: how images of other sizes become S x S, see `imaging.fit`.
    """

    name: str
    size: int
    channels: int
    aspect: Aspect = Aspect.PAD
    resample: Resample = "bicubic"

    @classmethod
    def of(
        cls,
        size: int,
        channels: int,
        aspect: Aspect = Aspect.PAD,
        resample: Resample = "bicubic",
    ) -> "ImageInput":
        """Named by its size, and by what is not usual."""
        usual = (aspect, resample) == (Aspect.PAD, "bicubic")
        name = f"images_{size}" if usual else f"images_{size}_{aspect}_{resample}"
        return cls(name, size, channels, aspect, resample)
