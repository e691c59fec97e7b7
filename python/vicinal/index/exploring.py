"""Asking otherwise than for k neighbours: radius, iteration, joins, and the graph itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal import checks
from vicinal.arrays import id_array, query_rows
from vicinal.errors import InvalidInputError, InvalidTypeError
from vicinal.idset import IdSet, native_filter
from vicinal.index.searching import Searching
from vicinal.progress import reporting
from vicinal.relations import JoinResult, KnnGraph, Neighbours, RadiusResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from vicinal.index.searching import Filter

#: Vectors that a join asks for at a time.
BLOCK = 4096


class Exploring(Searching):
    """The methods of `Index` that ask for more than k neighbours of queries."""

    __slots__ = ()

    def search_radius(
        self,
        Q: ArrayLike,
        r: float,
        *,
        limit: int | None = None,
        threads: int = 0,
        filter: Filter | None = None,
        missing: str = "raise",
    ) -> RadiusResult:
        """Find all vectors within a distance of each query.

        Every vector that may be found is compared, so that none is missed: the time is that of
        exact search.

        Parameters
        ----------
        Q : array-like, shape (n, dim) or (dim,)
            Queries, as in `add`.
        r : float
            The greatest distance that is still within, in the metric's unit. Only under "ip", whose
            distances are negative, may it be.
        limit : int, optional
            At most so many of each query, the nearest.
        threads, filter, missing
            As in `search`.

        Returns
        -------
        RadiusResult
            As many neighbours as each query has, nearest first, with offsets.

        Raises
        ------
        InvalidInputError
            A radius that is NaN or negative, and whatever `search` refuses.
        InvalidTypeError
            A radius that is not a number, and whatever `search` refuses.
        """
        radius = checks.number("r", r)
        most = None if limit is None else checks.integer("limit", limit, 1, checks.MAX_K)
        queries = query_rows(Q, self.dim, self.dtype)
        allowed = None if filter is None else native_filter(filter)
        found = self._native.search_radius(
            queries, radius, most, checks.threads(threads), allowed, checks.text("missing", missing)
        )
        return RadiusResult(*found)

    def iter_search(
        self,
        q: ArrayLike,
        *,
        batch: int = 64,
        exact: bool = False,
        filter: Filter | None = None,
        missing: str = "raise",
    ) -> Neighbours:
        """Go through the neighbours of a query, nearest first, as far as you like.

        Parameters
        ----------
        q : array-like, shape (dim,)
            One query.
        batch : int
            How many neighbours are looked for at first; then twice as many, again and again.
        exact : bool
            True compares every vector. Otherwise it is a walk that finds the next ones, and one
            that it missed is not made up for after a farther one was given.
        filter, missing
            As in `search`.

        Returns
        -------
        Neighbours
            An iterator of (id, distance), ever farther, none twice. It ends after the last vector.

        Raises
        ------
        InvalidInputError
            More than one query, and whatever `search` refuses.
        """
        query = self._one_query("iter_search", q)
        first = checks.integer("batch", batch, 1, checks.MAX_K)
        plan = "scan" if checks.flag("exact", exact) else "auto"
        allowed = None if filter is None else IdSet(filter)

        def nearest(k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            found = self.search(
                query, k, ef_search=max(64, k), plan=plan, filter=allowed, missing=missing
            )
            return found.ids[: found.counts], found.distances[: found.counts]

        return Neighbours(nearest, first)

    def distance(self, q: ArrayLike, ids: ArrayLike) -> NDArray[np.float32]:
        """Measure how far stored vectors are from a query.

        Parameters
        ----------
        q : array-like, shape (dim,)
            One query.
        ids : array-like of int, shape (n,)

        Returns
        -------
        ndarray of float32, shape (n,)
            The distances that `search` gives for these ids, to the last bit.

        Raises
        ------
        NotFoundError
            The index does not hold an id.
        """
        query = self._one_query("distance", q)
        return self._native.distances(query, id_array(ids))

    def _one_query(self, method: str, q: ArrayLike) -> NDArray[Any]:
        query = query_rows(q, self.dim, self.dtype)
        if query.ndim != 1:
            raise InvalidInputError(
                f"{method} takes one query of shape ({self.dim},), not {query.shape}"
            )
        return query

    def neighbors_of(self, id: int, *, layer: int = 0) -> NDArray[np.int64]:
        """Give the ids that a vector's node links to.

        A vector that equals an earlier one is no node of its own, and has no links.

        Parameters
        ----------
        id : int
            The vector's id.
        layer : int
            The layer of the graph; 0 is the lowest.

        Raises
        ------
        NotFoundError
            The index does not hold the id.
        InvalidInputError
            The node does not reach that layer.
        """
        number = checks.integer("id", id, 0, checks.MAX_ID)
        return self._native.neighbors_of(number, checks.integer("layer", layer, 0, 255))

    def join(
        self,
        other: Exploring,
        k: int = 10,
        *,
        ef_search: int = 64,
        exact: bool = False,
        threads: int = 0,
        progress: bool | Callable[[int, int], object] = False,
    ) -> JoinResult:
        """Find, for each vector of this index, the k nearest of another.

        Parameters
        ----------
        other : Index
            Of the same dim, metric and dtype. It may be this one: each vector then finds itself;
            `knn_graph` leaves that out.
        k, ef_search, exact, threads
            As in `search`.
        progress : bool or callable
            As in `add`; vectors are asked in blocks.

        Returns
        -------
        JoinResult
            The ids of this index, and for each of them those of the other, with distances.

        Raises
        ------
        InvalidInputError
            The indexes are of different kinds.
        InvalidTypeError
            The other is no index.
        """
        if not isinstance(other, Exploring):
            raise InvalidTypeError(f"join takes an Index, not {checks.described(other)}")
        mine, theirs = ((ix.dim, ix.metric, ix.dtype) for ix in (self, other))
        if mine != theirs:
            raise InvalidInputError(
                f"join takes indexes of one dim, metric and dtype, not {mine} and {theirs}"
            )
        k = checks.integer("k", k, 1, checks.MAX_K)
        ids = self.ids()
        found = np.full((len(ids), k), -1, np.int64)
        distances = np.full((len(ids), k), np.inf, np.float32)
        counts = np.zeros(len(ids), np.int64)
        with reporting(progress) as report:
            for start in range(0, len(ids), BLOCK):
                rows = slice(start, min(start + BLOCK, len(ids)))
                answer = other.search(
                    self.get(ids[rows]), k, ef_search=ef_search, exact=exact, threads=threads
                )
                found[rows], distances[rows] = answer.ids, answer.distances
                counts[rows] = answer.counts
                if report is not None:
                    report(rows.stop, len(ids))
        return JoinResult(ids, found, distances, counts)

    def knn_graph(
        self,
        k: int = 10,
        *,
        ef_search: int = 64,
        exact: bool = False,
        threads: int = 0,
        progress: bool | Callable[[int, int], object] = False,
    ) -> KnnGraph:
        """Find the k nearest others of every vector, as a sparse matrix.

        Parameters
        ----------
        k, ef_search, exact, threads, progress
            As in `join`.

        Returns
        -------
        KnnGraph
            Rows and columns are numbered as `ids` lists them.
        """
        k = checks.integer("k", k, 1, checks.MAX_K - 1)
        joined = self.join(
            self, k + 1, ef_search=ef_search, exact=exact, threads=threads, progress=progress
        )
        return KnnGraph.of(joined, k)
