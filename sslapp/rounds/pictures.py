"""What a method sees of a few images while it trains: a file of the attempt, for who watches it.

It is looked at and left behind: nothing that comes out of a round depends on it, and a resumed one
writes it anew. Reading it needs no torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import safe_open

from sslapp import durable

if TYPE_CHECKING:
    from torch import Tensor

FILE = "views.safetensors"
MOMENTS = 4
"""Times in a training that it is written, beside the first report of an attempt."""


@dataclass(frozen=True, eq=False)
class SeenViews:
    """The views of n images.

    Attributes:
        step, total: when they were made.
        views: what they are -> (n, S, S, 1 or 3) uint8, the images themselves first.
    """

    step: int
    total: int
    views: Mapping[str, NDArray[np.uint8]]


class Pictures:
    """Writes what a training shows.

    Args:
        folder: the attempt's.
    """

    def __init__(self, folder: Path) -> None:
        self._path, self._moment = folder / FILE, -1

    def look(self, step: int, total: int, make: Callable[[], "Mapping[str, Tensor]"]) -> None:
        """Write the file if that is due after `step` of `total` steps.

        Args:
            make: gives (n, C, S, S) uint8 by what they are; {} where there is nothing to see.
        """
        moment = step * MOMENTS // total
        if moment == self._moment:
            return
        self._moment = moment
        arrays = {
            f"{place:02} {name}": np.ascontiguousarray(view.permute(0, 2, 3, 1).cpu().numpy())
            for place, (name, view) in enumerate(make().items())
        }
        if arrays:
            when = {"step": str(step), "total": str(total)}
            durable.write_bytes(self._path, safetensors.numpy.save(arrays, when))


def read(folder: Path) -> SeenViews | None:
    """What an attempt has shown last; None before it showed anything."""
    if not (folder / FILE).is_file():
        return None
    with safe_open(folder / FILE, framework="np") as file:
        when = file.metadata()
        views = {name[3:]: file.get_tensor(name) for name in sorted(file.keys())}
    return SeenViews(int(when["step"]), int(when["total"]), views)
