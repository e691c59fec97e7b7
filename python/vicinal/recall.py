"""How good approximate answers are, measured against exact ones."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vicinal.errors import NotFoundError
from vicinal.intervals import share_found

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vicinal.result import SearchResult

#: Distances that agree to six digits are the same: float32 arithmetic tells no more apart.
TIE = 2.0**-20

#: Components of vectors that are compared at a time.
BLOCK = 1 << 22


@dataclass(frozen=True, slots=True)
class RecallReport:
    """What `measure_recall` of an `Index` or a `Collection` found.

    Attributes
    ----------
    recall : float
        The share of the true k nearest that search found. An id whose distance equals that of the
        k-th true neighbour is as right as that neighbour.
    low, high : float
        Its 95% interval, as wide as queries differ; see `vicinal.intervals.share_found`.
    epsilon_mean, epsilon_p99, epsilon_max : float
        How much farther than the true neighbour of the same rank the found one is: d/d* - 1, and
        (d - d*) / abs(d*) where distances are negative (ip). 0 where both are 0.
    epsilon_unbounded : int
        Ranks left out above because no epsilon says it: d* is 0 and d is not, or none was found.
    qps, exact_qps : float
        Queries per second of search and of exact search, as measured here.
    n_queries, k, ef_search : int
        What was measured.
    """

    recall: float
    low: float
    high: float
    epsilon_mean: float
    epsilon_p99: float
    epsilon_max: float
    epsilon_unbounded: int
    qps: float
    exact_qps: float
    n_queries: int
    k: int
    ef_search: int


@dataclass(frozen=True, slots=True)
class RecallEstimate:
    """The recall that an answer of a `Collection` is expected to have.

    It speaks of queries like those it was measured on, on average, and not of the one at hand.

    Attributes
    ----------
    value : float
        The share of the true k nearest.
    low, high : float
        Its 95% interval.
    queries : int
        How many queries it was measured on; 0 where it is certain.
    ef_search : int or None
        The effort that it is of; None where all were compared.
    """

    value: float
    low: float
    high: float
    queries: int
    ef_search: int | None

    @property
    def exact(self) -> bool:
        """Whether all that may be answered were compared, so that nothing can be missed."""
        return self.ef_search is None


#: Of an answer for which all were compared.
EXACT = RecallEstimate(1.0, 1.0, 1.0, 0, None)


class Searchable(Protocol):
    """What of an index is needed here."""

    @property
    def dtype(self) -> str: ...  # noqa: D102
    @property
    def metric(self) -> str: ...  # noqa: D102
    def ids(self) -> NDArray[np.int64]: ...  # noqa: D102
    def get(self, ids: Any) -> NDArray[Any]: ...  # noqa: D102
    def search(  # noqa: D102
        self, Q: NDArray[Any], k: int, *, ef_search: int, threads: int, plan: str
    ) -> SearchResult: ...


def measure(
    index: Searchable, queries: NDArray[Any], k: int, ef_search: int, threads: int
) -> RecallReport:
    """Search both ways, time them and compare; see `Index.measure_recall`."""

    def timed(plan: str) -> tuple[SearchResult, float]:
        # One small search first: it pays for what only the first one pays.
        index.search(queries[:1], k, ef_search=ef_search, threads=threads, plan=plan)
        began = time.perf_counter()
        found = index.search(queries, k, ef_search=ef_search, threads=threads, plan=plan)
        return found, len(queries) / max(time.perf_counter() - began, 1e-9)

    found, qps = timed("graph")
    true, exact_qps = timed("scan")
    hits, epsilons, unbounded = compare_held(index, queries, found.ids, true.ids)
    share, low, high = share_found(hits, np.count_nonzero(true.ids >= 0, axis=1))
    return RecallReport(
        recall=share,
        low=low,
        high=high,
        epsilon_mean=float(epsilons.mean()) if epsilons.size else 0.0,
        epsilon_p99=float(np.percentile(epsilons, 99)) if epsilons.size else 0.0,
        epsilon_max=float(epsilons.max(initial=0.0)),
        epsilon_unbounded=unbounded,
        qps=qps,
        exact_qps=exact_qps,
        n_queries=len(queries),
        k=k,
        ef_search=ef_search,
    )


def compare_held(
    index: Searchable, queries: NDArray[Any], found: NDArray[np.int64], true: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """`compare`, also while another thread adds to the index."""
    try:
        return compare(index, queries, found, true)
    except NotFoundError:
        # Search walks over the rows of an add under way; they are no part of the index yet.
        return compare(index, queries, np.where(np.isin(found, index.ids()), found, -1), true)


def compare(
    index: Searchable, queries: NDArray[Any], found: NDArray[np.int64], true: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Count the hits of ``found`` against ``true``, and give the epsilon of each rank.

    Distances are computed anew in float64, by one formula for both lists, so that neither ties nor
    epsilons depend on how the engine added up. Only queries whose lists differ need it.

    Parameters
    ----------
    index : Searchable
        Holds the vectors.
    queries : ndarray, shape (n, width)
    found, true : ndarray of int64, shape (n, k)
        Ids, nearest first, -1 after the last.

    Returns
    -------
    hits : ndarray of int64, shape (n,)
    epsilons : ndarray of float64, shape (ranks with an epsilon,)
    unbounded : int
        Ranks without one.
    """
    differ = np.flatnonzero((found != true).any(axis=1))
    hits = np.count_nonzero(true >= 0, axis=1)
    agreed = int(hits.sum() - hits[differ].sum())
    unbounded, epsilons = 0, [np.zeros(agreed)]
    step = max(1, BLOCK // max(1, found.shape[1] * queries.shape[1]))
    for start in range(0, len(differ), step):
        rows = differ[start : start + step]
        d, _ = _distances(index, queries[rows], found[rows])
        d_true, scale = _distances(index, queries[rows], true[rows])
        # The k-th true distance and what is as near; the rest of the row is +inf, which nothing is.
        held = true[rows] >= 0
        last = np.where(held, d_true, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
        near = d <= last + TIE * scale.max(axis=1, keepdims=True)
        hits[rows] = np.minimum(near.sum(axis=1), held.sum(axis=1))
        d.sort(axis=1)
        d_true.sort(axis=1)
        d, d_true = d[d_true < np.inf], d_true[d_true < np.inf]
        with np.errstate(divide="ignore", invalid="ignore"):
            epsilon = np.maximum((d - d_true) / np.abs(d_true), 0.0)
        epsilon[d == d_true] = 0.0
        epsilons.append(epsilon[np.isfinite(epsilon)])
        unbounded += int(np.count_nonzero(~np.isfinite(epsilon)))
    return hits, np.concatenate(epsilons), unbounded


def _distances(
    index: Searchable, queries: NDArray[Any], ids: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances (n, k) in float64, +inf for no id, and the scale on which they are rounded."""
    held = ids >= 0
    x = index.get(ids[held])
    q = np.repeat(queries, held.sum(axis=1), axis=0)
    measured, scaled = (
        _bit_distances(index.metric, q, x)
        if index.dtype == "bits"
        else (_number_distances(index.metric, q.astype(np.float64), x.astype(np.float64)))
    )
    distances, scale = np.full(ids.shape, np.inf), np.zeros(ids.shape)
    distances[held], scale[held] = measured, scaled
    return distances, scale


def _number_distances(
    metric: str, q: NDArray[np.float64], x: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if metric in ("l2", "sqeuclidean"):
        squared = np.square(q - x).sum(axis=1)
        distances = np.sqrt(squared) if metric == "l2" else squared
        return distances, distances
    dot = (q * x).sum(axis=1)
    lengths = np.sqrt(np.square(q).sum(axis=1) * np.square(x).sum(axis=1))
    if metric == "ip":
        return -dot, lengths
    return 1.0 - dot / lengths, np.ones(len(dot))


def _bit_distances(
    metric: str, q: NDArray[np.uint8], x: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    def bits(rows: NDArray[np.uint8]) -> NDArray[np.float64]:
        counts: NDArray[np.float64] = POPCOUNT[rows].sum(axis=1, dtype=np.float64)
        return counts

    if metric == "hamming":
        distances = bits(q ^ x)  # not divided by dim: neither ties nor epsilons ask for it
    else:
        union = bits(q | x)
        distances = 1.0 - np.divide(bits(q & x), union, out=np.ones_like(union), where=union > 0)
    return distances, distances


#: Bits set in each byte.
POPCOUNT: NDArray[np.int64] = np.array([byte.bit_count() for byte in range(256)])
