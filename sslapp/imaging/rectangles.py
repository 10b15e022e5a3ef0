"""Rectangles on a picture, in whole pixels of it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Rectangle:
    """A part of a picture.

    Attributes:
        x, y: of its first pixel, from the picture's upper left.
        width, height: at least 1.

    Raises:
        ValueError: when it has no pixel, or begins outside of every picture.
    """

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.x < 0 or self.y < 0 or self.width < 1 or self.height < 1:
            raise ValueError(
                f"The rectangle {self} begins outside of the picture or is empty: x and y are 0 or "
                "more, width and height 1 or more."
            )

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    @classmethod
    def parse(cls, text: str) -> "Rectangle":
        """What `str` gives.

        Raises:
            ValueError: when it is no four whole numbers, or as for any rectangle.
        """
        parts = [each.strip() for each in text.split(",")]
        if len(parts) != 4 or not all(each.isascii() and each.isdigit() for each in parts):
            raise ValueError(
                f'"{text}" is no rectangle: write X,Y,WIDTH,HEIGHT in whole pixels, as 0,0,200,30.'
            )
        return cls(*map(int, parts))

    def to_json(self) -> list[int]:
        """As JSON keeps it."""
        return [self.x, self.y, self.width, self.height]

    @classmethod
    def from_json(cls, kept: Sequence[int]) -> "Rectangle":
        """What `to_json` gave."""
        return cls(*kept)

    def meets(self, width: int, height: int) -> bool:
        """Whether a picture of so many pixels has one in it."""
        return self.x < width and self.y < height
