"""Grey voxels as they are stored and meant, with a window on them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from numpy.typing import NDArray

from sslapp.imaging.intensities import HIGHEST, LOWEST
from sslapp.imaging.refused import RefusedFile

_MOST_SAMPLED = 1 << 20
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class MeantValues:
    """Values as they are stored, and how they are meant and seen; None where nothing is said."""

    values: NDArray[Any]
    rescale: tuple[float, float] | None
    window: tuple[float, float] | None


def grey_pixels(
    values: NDArray[Any], header: Nifti1Header, name: str, notes: list[str]
) -> MeantValues:
    """Values as whole numbers where they are ones, else as float32 with the scaling done."""
    rescale = _rescale(header, name)
    numbers = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    if numbers.dtype.kind == "f":
        numbers = _finite(numbers, name, notes)
    whole = _whole(numbers)
    if whole is None and rescale is not None:
        numbers = _finite(numbers.astype(np.float64) * rescale[0] + rescale[1], name, notes)
        whole, rescale = _whole(numbers), None
    if whole is None:
        whole = np.clip(numbers.astype(np.float64), -_LARGEST, _LARGEST).astype(np.float32)
        if not np.array_equal(whole, numbers):
            notes.append("its values are kept as floats of 32 bits")
    return MeantValues(whole, rescale, _window(whole, rescale, header))


def _rescale(header: Nifti1Header, name: str) -> tuple[float, float] | None:
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not math.isfinite(slope):
        return None
    inter = inter if math.isfinite(inter) else 0.0
    if max(abs(slope), abs(inter)) > _LARGEST:
        raise RefusedFile(f"{name}: scl_slope or scl_inter is above {_LARGEST:g}, which is absurd.")
    return None if (slope, inter) == (1.0, 0.0) else (slope, inter)


def _finite(numbers: NDArray[Any], name: str, notes: list[str]) -> NDArray[Any]:
    known = np.isfinite(numbers)
    if known.all():
        return numbers
    if not known.any():
        raise RefusedFile(f"{name}: no voxel is a finite number (datatype, scl_slope).")
    notes.append("voxels that are no finite number were given the smallest value")
    return np.where(known, numbers, numbers[known].min())


def _whole(numbers: NDArray[Any]) -> NDArray[Any] | None:
    """The same numbers in at most 16 bits, or in 32 bits if they are whole already; else None."""
    if numbers.dtype.kind in "iu" and numbers.dtype.itemsize <= 2:
        return numbers
    kinds = (np.int16, np.uint16)
    wide = (np.int32, np.uint32) if numbers.dtype.kind in "iu" else ()
    low, high = numbers.min(), numbers.max()
    for kind in (*kinds, *wide):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            found = numbers.astype(kind)
            return found if np.array_equal(found, numbers) else None
    return None


def _window(
    values: NDArray[Any], rescale: tuple[float, float] | None, header: Nifti1Header
) -> tuple[float, float] | None:
    """Black and white: as the file says, else by the volume's quantiles without background."""
    low, high = float(header["cal_min"]), float(header["cal_max"])
    if max(abs(low), abs(high)) <= _LARGEST and high - low > 1 / _LARGEST:
        return low, high
    flat = values.reshape(-1)
    # a step without common factors with the rows would be better still; odd ones do
    some = flat[:: flat.size // _MOST_SAMPLED | 1].astype(np.float64)
    slope, inter = rescale or (1.0, 0.0)
    some = some * slope + inter
    inside = some[(some != 0) & (some != some.min())]
    for each in (inside, some):
        if each.size:
            low, high = (float(limit) for limit in np.quantile(each, (LOWEST, HIGHEST)))
            if high > low:
                return low, high
    low, high = float(some.min()), float(some.max())
    return (low, high) if high > low else None
