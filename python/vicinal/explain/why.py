"""Why a vector was not found: the cause, and what would find it, each checked by doing it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol

import numpy as np

from vicinal.errors import NotFoundError
from vicinal.explain import tell
from vicinal.explain.route import Name
from vicinal.idset import IdSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from vicinal.explain.explanation import Explanation
    from vicinal.graph import Graph
    from vicinal.report import Report
    from vicinal.result import SearchResult

    Vector = NDArray[Any]

#: How the text begins, by cause.
CAUSES = {
    "found": "It was found",
    "filtered out": "The filter leaves it out",
    "beyond k": "It is not among the k nearest",
    "equal distance": "Others at the same distance took the last places",
    "code error": "The walk saw it, but its code made it look farther than it is",
    "never reached": "The walk never came to it",
    "not reachable": "No links lead to it",
}


class Searched(Protocol):
    """What is asked of an index, by the methods of `Index` of these names."""

    def __len__(self) -> int: ...
    def __contains__(self, value: object) -> bool: ...
    @property
    def search(self) -> Callable[..., SearchResult]:
        """Finds."""

    @property
    def explain(self) -> Callable[..., Explanation]:
        """Tells the way."""

    @property
    def get(self) -> Callable[[ArrayLike], NDArray[Any]]:
        """Gives back vectors."""

    @property
    def graph(self) -> Callable[[], Graph]:
        """Gives the links."""

    @property
    def neighbors_of(self) -> Callable[[int], NDArray[np.int64]]:
        """Gives the links of one node."""

    @property
    def verify(self) -> Callable[[], Report]:
        """Looks for what no link leads to."""


@dataclass(frozen=True, slots=True)
class WhyNot(Generic[Name]):
    """Why a vector is, or is not, in the answer of a search. Print it for the whole story.

    Attributes
    ----------
    id : int
        The vector that was asked about; of a collection the record, by its id.
    cause : str
        * "found": it is in the answer.
        * "filtered out": the filter leaves it out. `without_filter` tells what happens without.
        * "beyond k": at least k others are nearer. With ``k=rank``, exact search finds it.
        * "equal distance": others at its very distance took the last places.
        * "code error": the walk gave it a distance, but by a code of one bit a component (layout
          "fast"), or by rounded components, that put it too far away to be looked at.
        * "never reached": the walk ended before it came near. `nearest_visited` is how near it was.
        * "not reachable": no links lead to it.
    k, ef_search : int
        Of the search.
    rank : int or None
        Its true place among those that may be found, from 1; None if it may not be.
    distance : float
        Its distance from the query.
    kth_distance : float
        The distance of the last answer; inf if there is none.
    nearest_visited : int or None
        Of the vectors that the walk gave a distance, the one nearest to this one, where it was
        never reached; of a collection the record's id.
    gap : float or None
        How far the two are apart.
    needed_ef_search : int or None
        An ``ef_search`` that finds it, found by doubling and then halving the step: about the
        least. None if it needs none, or if none helps: an early stop, or the graph, keeps the walk
        away.
    without_filter : WhyNot or None
        The same question without the filter, where that leaves it out.
    """

    id: Name
    cause: str
    k: int
    ef_search: int
    rank: int | None
    distance: float
    kth_distance: float
    nearest_visited: Name | None = None
    gap: float | None = None
    needed_ef_search: int | None = None
    without_filter: WhyNot[Name] | None = None

    @property
    def found(self) -> bool:
        """Whether it is in the answer."""
        return self.cause == "found"

    def to_dict(self) -> dict[str, Any]:
        """Give all of it as a dict that JSON can hold; a distance of infinity is None."""
        freed = self.without_filter
        return {
            **asdict(self),
            "id": tell.plain(self.id),
            "kth_distance": self.kth_distance if math.isfinite(self.kth_distance) else None,
            "nearest_visited": tell.plain(self.nearest_visited),
            "without_filter": None if freed is None else freed.to_dict(),
        }

    def __str__(self) -> str:
        parts = [f"{tell.called(self.id)}: {CAUSES[self.cause]}"]
        place = f"; its distance is {self.distance:.6g}"
        parts.append(place if self.rank is None else f"{place}, its true rank {self.rank:,}")
        if self.cause == "beyond k":
            parts.append(f", and k is {self.k}")
        if self.nearest_visited is not None:
            parts.append(
                ". The nearest to it that the walk saw is "
                f"{tell.called(self.nearest_visited)}, {self.gap:.6g} away"
            )
        if self.needed_ef_search is not None:
            parts.append(f". With ef_search={self.needed_ef_search} it is found")
        elif self.cause in ("code error", "never reached", "not reachable"):
            parts.append(". No ef_search finds it; exact search does")
        if self.without_filter is not None:
            parts.append(f". Without the filter: {self.without_filter}")
            return "".join(parts)
        return "".join([*parts, "."])


def why_not(
    index: Searched,
    query: Vector,
    number: int,
    k: int,
    ef_search: int,
    allowed: IdSet | None,
    missing: str,
    plan: str,
    explained: Explanation | None = None,
) -> WhyNot[int]:
    """Find out why a search of one query does not answer an id. See `Index.why_not`.

    With ``explained``, what `Index.explain` says of that search, it is not made once more.
    """
    if number not in index:
        raise _gone(number)
    if explained is None:
        explained = index.explain(
            query, k, ef_search=ef_search, filter=allowed, missing=missing, plan=plan
        )
    answer = explained.result
    found = answer.ids[: answer.counts]
    kth = float(answer.distances[answer.counts - 1]) if answer.counts else float("inf")
    alone = index.search(query, 1, exact=True, filter=IdSet([number]), missing="ignore")
    if alone.counts == 0:
        raise _gone(number)  # removed meanwhile
    distance = float(alone.distances[0])

    def verdict(cause: str, rank: int | None, **more: Any) -> WhyNot[int]:
        return WhyNot(number, cause, k, ef_search, rank, distance, kth, **more)

    if allowed is not None and number not in allowed:
        freed = why_not(index, query, number, k, ef_search, None, missing, plan)
        return verdict("filtered out", None, without_filter=freed)
    rank, nearer = _rank(index, query, number, distance, allowed, missing)
    if number in found:
        return verdict("found", rank)
    if nearer >= k:
        return verdict("beyond k", rank)
    if rank > k or (answer.counts == k and kth <= distance):
        return verdict("equal distance", rank)
    how = {"filter": allowed, "missing": missing, "plan": plan}
    needed, best = _needed(index, query, number, k, ef_search, how)
    if needed is None and best.counts == k and best.distances[k - 1] <= distance:
        return verdict("equal distance", rank)
    node = _node(index, number)
    visited = explained.visited
    if node in visited:
        return verdict("code error", rank, needed_ef_search=needed)
    if needed is None and number in index.verify().unreachable:
        return verdict("not reachable", rank)
    near = index.search(index.get(number), 1, exact=True, filter=IdSet(visited), missing="ignore")
    return verdict(
        "never reached",
        rank,
        nearest_visited=int(near.ids[0]) if near.counts else None,
        gap=float(near.distances[0]) if near.counts else None,
        needed_ef_search=needed,
    )


def _gone(number: int) -> NotFoundError:
    return NotFoundError(f"id {number} is not in the index")


def _rank(
    index: Searched,
    query: Vector,
    number: int,
    distance: float,
    allowed: IdSet | None,
    missing: str,
) -> tuple[int, int]:
    """The place of an id in the exact answer, from 1, and how many are strictly nearer."""
    k = 64
    while True:
        exact = index.search(query, k, exact=True, filter=allowed, missing=missing)
        places = np.flatnonzero(exact.ids == number)
        if len(places):
            nearer = int(np.searchsorted(exact.distances, np.float32(distance)))
            return int(places[0]) + 1, nearer
        if exact.counts < k:
            raise _gone(number)  # removed meanwhile: these were all
        k = min(8 * k, len(index) + 1)


def _needed(
    index: Searched,
    query: Vector,
    number: int,
    k: int,
    ef_search: int,
    how: dict[str, Any],
) -> tuple[int | None, SearchResult]:
    """About the least ``ef_search`` that finds an id; None if none up to the whole index does.

    The second is the answer of the largest that was tried.
    """

    def finds(ef: int) -> bool:
        return number in index.search(query, k, ef_search=ef, **how).ids

    low, high = ef_search, ef_search
    while True:
        low, high = high, min(2 * high, max(len(index), high + 1))
        best = index.search(query, k, ef_search=high, **how)
        if number in best.ids:
            break
        if high >= len(index):
            return None, best
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if finds(middle) else (middle, high)
    return high, best


def _node(index: Searched, number: int) -> int:
    """The id of the node that stands for a vector: itself, or an equal one that it hangs on."""
    if len(index.neighbors_of(number)):
        return number
    graph = index.graph()  # a copy of all of it, for the few that have no links of their own
    places = np.flatnonzero(graph.ids == number)
    if not len(places):
        raise _gone(number)
    return int(graph.ids[graph.nodes[places[0]]])
