"""Which values of a deep image are black and white: more than 8 bits a sample become 8."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslapp.vocabulary import Intensities

LOWEST, HIGHEST = 0.005, 0.995
"""Quantiles that become black and white. One hot pixel is no more than a millionth of an image, and
the ends of a histogram would leave the rest a handful of grey levels."""

_PER_IMAGE = 4096


class UnclearValues(ValueError):
    """An image whose values cannot be ordered from dark to bright."""


@dataclass(frozen=True)
class IntensityMapping:
    """How values of deep images become 0..255.

    Attributes:
        choice: whose quantiles are black and white.
        limits: value of black and of white for all images of a set; None takes each image's own.
    """

    choice: Intensities = Intensities.IMAGE
    limits: tuple[float, float] | None = None

    def __str__(self) -> str:
        """A short name, the same for equal mappings alone."""
        if self.choice is not Intensities.SET or self.limits is None:
            return self.choice.value
        return f"{self.choice.value}-{self.limits[0]!r}-{self.limits[1]!r}"

    def eight_bits(self, values: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Return uint8 of the same shape; the channels of a colour image share their limits.

        Raises:
            UnclearValues: when a value is no finite number.
        """
        if not np.isfinite(values).all():
            raise UnclearValues("some pixel values are not finite numbers")
        low, high = self._limits(values)
        if values.dtype == np.uint16:  # a table is faster than arithmetic, and smaller
            return _scaled(np.arange(1 << 16), low, high)[values]
        return _scaled(values, low, high)

    def _limits(self, values: NDArray[np.generic]) -> tuple[float, float]:
        if self.choice is Intensities.SET and self.limits is not None:
            return self.limits
        ends = float(values.min()), float(values.max())
        if self.choice is Intensities.EXTREMES:
            return ends
        low, high = _quantiles(values)
        return (low, high) if high > low else ends  # nearly all values are equal


OF_THE_IMAGE = IntensityMapping()


def sampled(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """At most 4096 values of an image, evenly spaced, for the limits of a set."""
    flat = values.reshape(-1)
    places = np.linspace(0, flat.size - 1, min(flat.size, _PER_IMAGE)).astype(np.int64)
    found = flat[places].astype(np.float64)
    return found[np.isfinite(found)]


def limits_of(samples: Sequence[NDArray[np.generic]]) -> tuple[float, float] | None:
    """Black and white of a set, from what `sampled` gave of some of its deep images.

    None without any, or where nearly all values are equal.
    """
    pooled = samples[0] if len(samples) == 1 else np.concatenate([*samples, np.empty(0)])
    if not pooled.size:
        return None
    low, high = _quantiles(pooled)
    return (low, high) if high > low else None


def _quantiles(values: NDArray[np.generic]) -> tuple[float, float]:
    numbers = values if values.dtype.kind in "iu" else values.astype(np.float64)
    low, high = np.quantile(numbers, (LOWEST, HIGHEST))  # type: ignore[type-var]
    return float(low), float(high)


def _scaled(values: NDArray[np.generic], low: float, high: float) -> NDArray[np.uint8]:
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    share = (values.astype(np.float64) - low) / (high - low)
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)
