"""What a search answers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: What the engine returns: ids, distances, counts, and the fields of `Counters` or None.
Answer: TypeAlias = (
    "tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64] | int, tuple[Any, ...] | None]"
)

#: What the engine proved: certified, epsilon, bounded, measured, rows, each of shape (n,).
Proven: TypeAlias = "tuple[NDArray[Any], ...]"

#: The similarity that is higher for the nearer, where a metric is one turned round.
SCORES = {"ip": 0.0, "cosine": 1.0}


@dataclass(frozen=True, slots=True, eq=False)
class Counters:
    """What each query cost. None of it depends on the machine.

    Of a batch, arrays with one entry (or row) per query; of a single query, ints (and rows).

    Attributes
    ----------
    distance_evaluations : ndarray of int64, shape (n,)
        Distances computed, on all layers, re-ranking included.
    hops : ndarray of int64, shape (n,)
        Nodes whose links were followed.
    reranked : ndarray of int64, shape (n,)
        Candidates measured again from their full vectors.
    estimates : ndarray of int64, shape (n,)
        Distances estimated from the codes of edges, in the layout "fast".
    matching : ndarray of int64, shape (n,)
        Vectors that could be answered: those that the filter allows, or all.
    expected_cost : ndarray of int64, shape (n,)
        What the plan was expected to cost when it was chosen, in nanoseconds of the machine that
        the cost model was measured on.
    evaluations_per_layer : ndarray of int64, shape (n, layers)
        Distances computed on each layer, layer 0 first.
    hops_per_layer : ndarray of int64, shape (n, layers)
        Nodes whose links were followed on each layer, layer 0 first.
    plan : ndarray of str, shape (n,)
        How the query was answered: "graph" by a walk, "two-hop" by a walk from match to match,
        "scan" by comparing all that match, "graph+scan" by a walk of either kind that found too
        little, or was expected to take longer than the scan that was made then.
    """

    distance_evaluations: NDArray[np.int64] | int
    hops: NDArray[np.int64] | int
    reranked: NDArray[np.int64] | int
    estimates: NDArray[np.int64] | int
    matching: NDArray[np.int64] | int
    expected_cost: NDArray[np.int64] | int
    evaluations_per_layer: NDArray[np.int64]
    hops_per_layer: NDArray[np.int64]
    plan: NDArray[np.str_] | str


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """What was proven of the answer to each query, and how much had to be looked at.

    Of a batch, arrays with one entry per query; of a single query, plain values.

    Attributes
    ----------
    certified : ndarray of bool, shape (n,)
        Whether the guarantee that was asked for holds. Never a guess: False says that the budget
        ran out before.
    epsilon : ndarray of float64, shape (n,)
        What was proven: at every rank the distance is at most (1 + epsilon) times the true one of
        that rank. 0 where the neighbours are the true ones, infinite where nothing is known.
    bounded : ndarray of int64, shape (n,)
        Vectors whose distance was bounded from below by their codes.
    measured : ndarray of int64, shape (n,)
        Vectors that were measured for the proof, besides those that the walk found.
    share : ndarray of float64, shape (n,)
        `measured`, divided by the number of vectors that could be answered.
    """

    certified: NDArray[np.bool_] | bool
    epsilon: NDArray[np.float64] | float
    bounded: NDArray[np.int64] | int
    measured: NDArray[np.int64] | int
    share: NDArray[np.float64] | float

    @classmethod
    def of(cls, proven: Proven, single: bool) -> Certificate:
        """Make one of what the engine returns."""
        *columns, rows = proven
        columns.append(columns[-1] / np.maximum(rows, 1))
        return cls(*(column[0].item() for column in columns) if single else columns)

    def each(self) -> list[Certificate]:
        """Of a batch, those of its queries."""
        columns = (getattr(self, one.name).tolist() for one in fields(self))
        return [Certificate(*row) for row in zip(*columns, strict=True)]


def _counters(costs: tuple[Any, ...]) -> Counters:
    plan = costs[-1]
    return Counters(*(*costs[:-1], plan if isinstance(plan, str) else np.array(plan, np.str_)))


class SearchResult:
    """The nearest neighbours of each query, nearest first.

    A batch of n queries gets arrays of n rows; one query of shape (dim,) gets rows of shape (k,)
    and an int as `counts`.

    Attributes
    ----------
    ids : ndarray of int64, shape (n, k)
        The neighbours' ids; -1 after the last, where fewer than k were found.
    distances : ndarray of float32, shape (n, k)
        Their distances, in the metric's own unit; +inf after the last.
    counts : ndarray of int64, shape (n,)
        How many were found.
    counters : Counters or None
        What each query cost, when asked for.
    certificate : Certificate or None
        What was proven of each query, when a guarantee was asked for.
    metric : str
        The metric of the distances.
    """

    __slots__ = ("certificate", "counters", "counts", "distances", "ids", "metric")

    ids: NDArray[np.int64]
    distances: NDArray[np.float32]
    counts: NDArray[np.int64] | int
    counters: Counters | None
    certificate: Certificate | None
    metric: str

    def __init__(self, answer: Answer, metric: str, proven: Proven | None = None) -> None:
        self.ids, self.distances, self.counts, costs = answer
        self.counters = None if costs is None else _counters(costs)
        self.certificate = (
            None if proven is None else Certificate.of(proven, single=self.ids.ndim == 1)
        )
        self.metric = metric

    @property
    def certified(self) -> NDArray[np.bool_] | bool:
        """Whether the guarantee that was asked for is proven, of each query; without one, False."""
        if self.certificate is not None:
            return self.certificate.certified
        return False if self.ids.ndim == 1 else np.zeros(len(self.ids), bool)

    @property
    def epsilon(self) -> NDArray[np.float64] | float:
        """What is proven of each query, as in `Certificate`; without a guarantee, infinity."""
        if self.certificate is not None:
            return self.certificate.epsilon
        return np.inf if self.ids.ndim == 1 else np.full(len(self.ids), np.inf)

    @property
    def scores(self) -> NDArray[np.float32] | None:
        """Similarities, higher is nearer: the inner product of ip, the cosine of cosine.

        None for the other metrics; -inf where fewer than k were found.
        """
        zero = SCORES.get(self.metric)
        return None if zero is None else zero - self.distances

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.ids.shape))
        return f"SearchResult({shape} {self.metric}\nids={self.ids}\ndistances={self.distances})"
