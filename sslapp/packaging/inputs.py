"""How images come into a model. No torch here: the app process reads packages' descriptions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageInput:
    """One size at which images come in.

    Attributes:
        name: of the graph's input.
        size: S, pixels a side.
        channels: C, 1 (grey) or 3 (RGB).
        aspect: what happens to images that are not square, as `imaging.fit` calls it.
    """

    name: str
    size: int
    channels: int
    aspect: str = "pad"

    @classmethod
    def of(cls, size: int, channels: int) -> "ImageInput":
        """Named by its size."""
        return cls(f"images_{size}", size, channels)
