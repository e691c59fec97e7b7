"""What `search_radius`, `iter_search`, `join` and `knn_graph` answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Nearest = Callable[[int], tuple[NDArray[np.int64], NDArray[np.float32]]]


@dataclass(frozen=True, slots=True, eq=False)
class RadiusResult:
    """All neighbours within a distance, as many as each query has.

    ``result[i]`` gives the ids and distances of query i, nearest first.

    Attributes
    ----------
    ids : ndarray of int64, shape (total,)
        The ids of all queries, one after another.
    distances : ndarray of float32, shape (total,)
        Their distances.
    offsets : ndarray of int64, shape (n + 1,)
        Those of query i are from ``offsets[i]`` to ``offsets[i + 1]``.
    """

    ids: NDArray[np.int64]
    distances: NDArray[np.float32]
    offsets: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many each query has."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, query: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        number = range(len(self))[query]
        part = slice(self.offsets[number], self.offsets[number + 1])
        return self.ids[part], self.distances[part]

    def __iter__(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        return (self[query] for query in range(len(self)))


class Neighbours:
    """The neighbours of a query, one by one, ever farther: an iterator of (id, distance)."""

    __slots__ = ("_distances", "_ids", "_k", "_last", "_nearest", "_place", "_seen")

    def __init__(self, nearest: Nearest, batch: int) -> None:
        self._nearest = nearest
        self._k = batch
        self._seen: set[int] = set()
        self._last = -np.inf
        self._place = 0
        self._ids, self._distances = nearest(batch)

    def __iter__(self) -> Neighbours:
        return self

    def __next__(self) -> tuple[int, float]:
        while True:
            while self._place < len(self._ids):
                place, self._place = self._place, self._place + 1
                number, distance = int(self._ids[place]), float(self._distances[place])
                if distance >= self._last and number not in self._seen:
                    self._seen.add(number)
                    self._last = distance
                    return number, distance
            if len(self._ids) < self._k:
                raise StopIteration  # that was all there are
            self._k *= 2
            self._ids, self._distances = self._nearest(self._k)
            self._place = 0

    def take(self, n: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Give the next n, or as many as are left, as arrays of ids and distances."""
        pairs = [pair for _, pair in zip(range(n), self, strict=False)]
        ids, distances = zip(*pairs, strict=True) if pairs else ((), ())
        return np.array(ids, np.int64), np.array(distances, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class JoinResult:
    """For each vector of one index, its nearest of another.

    Attributes
    ----------
    ids : ndarray of int64, shape (n,)
        The vectors of the one, in the order that its `ids` lists them.
    neighbors : ndarray of int64, shape (n, k)
        The ids of the other, nearest first; -1 after the last.
    distances : ndarray of float32, shape (n, k)
        Their distances; +inf after the last.
    counts : ndarray of int64, shape (n,)
        How many were found.
    """

    ids: NDArray[np.int64]
    neighbors: NDArray[np.int64]
    distances: NDArray[np.float32]
    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class KnnGraph:
    """The nearest others of every vector, as a sparse matrix in compressed rows (CSR).

    Attributes
    ----------
    ids : ndarray of int64, shape (n,)
        The id of each row and column.
    indptr : ndarray of int64, shape (n + 1,)
        The entries of row i are from ``indptr[i]`` to ``indptr[i + 1]``, nearest first.
    indices : ndarray of int64, shape (entries,)
        The column of each entry.
    distances : ndarray of float32, shape (entries,)
        The distance of each entry.
    """

    ids: NDArray[np.int64]
    indptr: NDArray[np.int64]
    indices: NDArray[np.int64]
    distances: NDArray[np.float32]

    @classmethod
    def of(cls, joined: JoinResult, k: int) -> KnnGraph:
        """Make the graph of an index that was joined with itself, of up to k others a row."""
        # A vector is the first of those at its distance, or lies hidden among its copies.
        others = (joined.neighbors != joined.ids[:, None]) & (joined.neighbors >= 0)
        others &= np.cumsum(others, axis=1) <= k
        order = np.argsort(joined.ids)
        columns = order[np.searchsorted(joined.ids, joined.neighbors[others], sorter=order)]
        indptr = np.concatenate([[0], np.cumsum(others.sum(axis=1))]).astype(np.int64)
        return cls(joined.ids, indptr, columns.astype(np.int64), joined.distances[others])

    def to_scipy(self) -> Any:
        """Give a `scipy.sparse.csr_matrix` of the distances.

        A distance of 0 is an entry like any other. scipy is needed for this alone.
        """
        try:
            from scipy.sparse import csr_matrix
        except ImportError as error:
            raise MissingExtraError(
                "to_scipy needs scipy: pip install scipy; indptr, indices and distances are the "
                "same matrix without it"
            ) from error

        n = len(self.ids)
        return csr_matrix((self.distances, self.indices, self.indptr), shape=(n, n))
