"""Exact nearest neighbours in an embedding, on FAISS (Johnson, Douze and Jegou, 2019).

FAISS finds the nearest few in float32; they are then ranked again by distances computed in
float64, with the lower position first among equals. So a result does not depend on how many
queries were asked together, on threads or on the device, and exact duplicates tie exactly.
"""

from functools import cache
from typing import Any, Literal

import numpy as np
import structlog
from numpy.typing import NDArray

Metric = Literal["cosine", "l2"]

_SPARE = 16  # fetched beyond k, to see that nothing at the edge was left out
_TOLERANCE = 1e-5  # of float32 squared distances, relative to the squared norms in them
_FAISS_MOST = 2048  # the largest k of FAISS on a GPU
_QUERIES = 512
_log = structlog.get_logger(__name__)


class NeighbourIndex:
    """Nearest neighbours among the rows of one embedding.

    Args:
        features: (N, D) float32; copied.
        metric: "cosine" is 1 - cosine similarity, in [0, 2], and 1 for a zero vector; "l2" is
            the Euclidean distance.

    Raises:
        ValueError: when the features are not a finite (N, D) array.
    """

    def __init__(self, features: NDArray[np.float32], metric: Metric = "cosine") -> None:
        if features.ndim != 2 or not np.isfinite(features).all():
            raise ValueError(
                f"features: expected finite numbers of shape (N, D), got {features.shape}. "
                "Compute the embedding again."
            )
        if metric not in ("cosine", "l2"):
            raise ValueError(f'metric: "{metric}" is neither "cosine" nor "l2".')
        self._metric = metric
        self._centre = np.zeros(features.shape[1], dtype=np.float32)
        if metric == "l2" and len(features):
            # a common offset changes no distance, but costs float32 digits in FAISS
            self._centre = features.mean(axis=0, dtype=np.float64).astype(np.float32)
        self._rows = self._prepared(features)
        self._reach = float((self._rows**2).sum(axis=1).max(initial=0.0))
        self._whole: Any = None
        self._within: Any = None

    def __len__(self) -> int:
        return len(self._rows)

    def search(
        self, queries: NDArray[np.float32], k: int, *, subset: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the k nearest rows of each query, nearest first.

        Args:
            queries: (q, D).
            k: how many; shrinks to the size of the subset.
            subset: (n,) distinct positions to look among; None means all.

        Returns:
            (q, k) float32 distances and (q, k) int64 positions; of equally near rows the lower
            position comes first. With an empty subset both are (q, 0).

        Raises:
            ValueError: when the queries have another D, or a position is out of range.
        """
        if queries.ndim != 2 or queries.shape[1] != self._rows.shape[1]:
            raise ValueError(f"queries: expected (q, {self._rows.shape[1]}), got {queries.shape}.")
        return self._search(self._prepared(queries), k, self._members(subset))

    def neighbours(
        self,
        positions: NDArray[np.int64],
        k: int,
        subset: NDArray[np.int64] | None = None,
        *,
        exclude_self: bool = True,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """As `search`, for rows of the index itself, (q,) positions.

        With `exclude_self` no row is its own neighbour, though an exact duplicate may be. If any
        of `positions` is in the subset, k shrinks to the size of the subset less one.
        """
        members = self._members(subset)
        queries = self._rows[positions]
        if not exclude_self or not np.isin(positions, members).any():
            return self._search(queries, k, members)
        k = min(k, len(members) - 1)
        distances, found = self._search(queries, k + 1, members)
        own = found == positions[:, None]  # (q, k + 1)
        order = np.argsort(own, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(distances, order, 1), np.take_along_axis(found, order, 1)

    def within(self, positions: NDArray[np.int64], radius: float) -> NDArray[np.int64]:
        """(m, 2) int64: pairs of one of (q,) rows and another row at most so far away.

        Found in float32 and on the CPU; a pair at the very edge may go either way.
        """
        import faiss

        if self._within is None:
            self._within = faiss.IndexFlatL2(self._rows.shape[1])
            self._within.add(self._rows)
        # FAISS compares squared distances, and leaves the edge itself out
        square = 2 * radius if self._metric == "cosine" else radius * radius
        edge = float(np.nextafter(np.float32(square + _TOLERANCE), np.float32(np.inf)))
        ends, _, found = self._within.range_search(self._rows[positions], edge)
        pairs = np.stack([np.repeat(positions, np.diff(ends).astype(np.int64)), found], axis=1)
        return pairs[pairs[:, 0] != pairs[:, 1]]

    def _search(
        self, queries: NDArray[np.float32], k: int, members: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """As `search`, for prepared queries and ascending members."""
        k = min(k, len(members))
        if k <= 0 or len(queries) == 0:
            return np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
        near = self._near(queries, members, k)
        squares = np.empty((len(queries), k))
        found = np.empty((len(queries), k), dtype=np.int64)
        for start in range(0, len(queries), _QUERIES):
            part = slice(start, start + _QUERIES)
            squares[part], found[part] = self._ranked(queries[part], near[part], members, k)
        distances = squares / 2 if self._metric == "cosine" else np.sqrt(squares)
        return distances.astype(np.float32), found

    def _prepared(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        moved = np.ascontiguousarray(rows, dtype=np.float32) - self._centre
        if self._metric == "cosine":
            norms = np.linalg.norm(moved.astype(np.float64), axis=1, keepdims=True)
            moved = (moved / np.where(norms > 0, norms, 1.0)).astype(np.float32)
        return moved

    def _members(self, subset: NDArray[np.int64] | None) -> NDArray[np.int64]:
        if subset is None:
            return np.arange(len(self._rows), dtype=np.int64)
        if len(subset) and (subset.min() < 0 or subset.max() >= len(self._rows)):
            raise ValueError(
                f"subset: a position outside 0..{len(self._rows) - 1}. "
                "The embedding is older than the images; compute it again."
            )
        return np.unique(subset)

    def _near(
        self, queries: NDArray[np.float32], members: NDArray[np.int64], k: int
    ) -> NDArray[np.int64]:
        """Return (q, k + spare) candidates by FAISS; no column where FAISS cannot say."""
        fetched = min(k + _SPARE, len(members))
        if fetched > _FAISS_MOST:
            return np.zeros((len(queries), 0), dtype=np.int64)
        if len(members) < len(self._rows):
            index = _flat_index(self._rows[members])
        else:
            index = self._whole = self._whole or _flat_index(self._rows)
        return members[index.search(queries, fetched)[1]]

    def _ranked(
        self,
        queries: NDArray[np.float32],
        near: NDArray[np.int64],
        members: NDArray[np.int64],
        k: int,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the k nearest of `near`, or of all members where the edge is not clear."""
        squares, found = _sorted(self._squares(queries, near), near)
        if near.shape[1] == len(members):
            return squares[:, :k], found[:, :k]
        unclear = np.ones(len(queries), dtype=bool)
        if near.shape[1]:
            margin = _TOLERANCE * ((queries**2).sum(axis=1) + self._reach)
            unclear = squares[:, -1] - squares[:, k - 1] <= margin
        squares, found = squares[:, :k], found[:, :k]
        if near.shape[1] == 0:
            squares, found = np.empty((len(queries), k)), np.empty((len(queries), k), np.int64)
        for row in np.flatnonzero(unclear):
            every = _sorted(self._squares(queries[row : row + 1], members[None]), members[None])
            squares[row], found[row] = every[0][0, :k], every[1][0, :k]
        return squares, found

    def _squares(
        self, queries: NDArray[np.float32], positions: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return (q, m) float64 squared distances of each query to its own m rows."""
        apart = self._rows[positions].astype(np.float64) - queries[:, None].astype(np.float64)
        return np.einsum("qmd,qmd->qm", apart, apart)


def _sorted(
    squares: NDArray[np.float64], positions: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    order = np.lexsort((positions, squares), axis=1)
    return np.take_along_axis(squares, order, 1), np.take_along_axis(positions, order, 1)


def _flat_index(rows: NDArray[np.float32]) -> Any:
    """An exact index of the rows: on the GPU if FAISS can use one and the rows fit, else not."""
    import faiss  # half a second, most of it for the GPU's libraries

    index: Any = faiss.IndexFlatL2(rows.shape[1])
    resources = _gpu()
    if resources is not None:
        try:
            on_gpu = faiss.index_cpu_to_gpu(resources, 0, index)
            on_gpu.add(rows)
            return on_gpu
        except RuntimeError as error:  # FAISS reports a missing driver or full memory so
            _log.warning("faiss_on_cpu", rows=len(rows), reason=str(error).strip()[-200:])
    index.add(rows)
    return index


@cache
def _gpu() -> Any:
    """The GPU that FAISS uses, or None, said once in the log."""
    import faiss

    if faiss.get_num_gpus() == 0:
        _log.debug("faiss_on_cpu", reason="no GPU that FAISS can use")
        return None
    return faiss.StandardGpuResources()
