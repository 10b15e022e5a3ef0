"""What was found, as one table of rows that a job writes and pages read."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]

NONE = -1
"""In place of a position, a group or a class where there is none."""

_ROW = np.dtype(
    [
        ("position", np.int64),
        ("other", np.int64),
        ("group", np.int64),
        ("class_id", np.int64),
        ("value", np.float32),
    ]
)


@dataclass(frozen=True, eq=False)
class Found:
    """n images about which something was found, in the order to look at them.

    Attributes:
        positions: (n,) int64, each once.
        others: (n,) int64: of a near-duplicate the image it is most like, of an outlier the
            nearest labelled one; NONE elsewhere.
        groups: (n,) int64: which group of near-duplicates; NONE elsewhere.
        class_ids: (n,) int64: what speaks against the label says; NONE elsewhere.
        values: (n,) float32: of a suspicious label the probability of that class, of a
            near-duplicate the bits that differ, of an outlier the distance.
    """

    positions: Positions
    others: Positions
    groups: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.positions)

    def among(self, chosen: NDArray[Any]) -> "Found":
        """The rows that a mask holds, or those of an index, in its order."""
        return Found.of_table(self.table()[chosen])

    def table(self) -> NDArray[np.generic]:
        """(n,) as one array with named fields, as it is stored."""
        rows = np.empty(len(self), dtype=_ROW)
        rows["position"], rows["other"], rows["group"] = self.positions, self.others, self.groups
        rows["class_id"], rows["value"] = self.class_ids, self.values
        return rows

    @classmethod
    def of_table(cls, rows: NDArray[Any]) -> "Found":
        """What `table` made."""
        return cls(rows["position"], rows["other"], rows["group"], rows["class_id"], rows["value"])


def rows_of(
    positions: Positions,
    values: NDArray[np.float32],
    *,
    others: Positions | None = None,
    groups: NDArray[np.int64] | None = None,
    class_ids: NDArray[np.int64] | None = None,
) -> Found:
    """Found images, with NONE in the columns that say nothing about them."""
    nothing = np.full(len(positions), NONE, dtype=np.int64)
    return Found(
        positions,
        nothing if others is None else others,
        nothing if groups is None else groups,
        nothing if class_ids is None else class_ids,
        values,
    )
