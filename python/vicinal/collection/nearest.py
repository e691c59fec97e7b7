"""Search over a view: the graph's answers and the rows', without what was retired, as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vicinal._native import knn

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vicinal.collection.view import View
    from vicinal.records.catalog import VectorSpec
    from vicinal.result import SearchResult

#: Of one query: slots and distances, the nearest first.
Found: TypeAlias = "tuple[NDArray[np.int64], NDArray[np.float32]]"


@dataclass(frozen=True, slots=True)
class Knobs:
    """What a search is asked for, as in `Index.search`."""

    k: int
    ef_search: int
    exact: bool
    threads: int
    plan: str = "auto"


def nearest(
    view: View,
    spec: VectorSpec,
    queries: NDArray[Any],
    knobs: Knobs,
    allowed: NDArray[np.int64] | None = None,
    search: Callable[..., SearchResult] | None = None,
) -> list[Found]:
    """The k nearest vectors of a view for each query.

    Parameters
    ----------
    view : View
    spec : VectorSpec
    queries : ndarray, shape (m, ...)
        As the engine takes them.
    knobs : Knobs
    allowed : ndarray of int64, optional
        Rising slots that have a vector: no other is found.
    search : callable, optional
        In place of the search of the view's graph, one that also takes notes.

    Returns
    -------
    list of (slots, distances)
        One for each query, of at most k.
    """
    k, threads = knobs.k, knobs.threads
    parts = [_in_rows(view, spec, queries, k, threads, allowed)]
    if view.index is not None:
        search = view.index.search if search is None else search
        inside = None if allowed is None else allowed[allowed <= view.covered]
        look = (
            _in_graph(view, queries, knobs, search)
            if inside is None
            else _among(queries, knobs, inside, search)
        )
        parts.append(look)
    return [_merged([part[query] for part in parts], k) for query in range(len(queries))]


def _merged(parts: list[Found], k: int) -> Found:
    slots = np.concatenate([part[0] for part in parts])
    distances = np.concatenate([part[1] for part in parts])
    order = np.lexsort((slots, distances))[:k]
    return slots[order], distances[order]


def _in_rows(
    view: View,
    spec: VectorSpec,
    queries: NDArray[Any],
    k: int,
    threads: int,
    allowed: NDArray[np.int64] | None,
) -> list[Found]:
    """Among the rows behind the graph."""
    if allowed is not None:  # none of which is retired
        keep = np.isin(view.slots, allowed, assume_unique=True)
        return _compared(view.slots[keep], view.rows[keep], spec, queries, k, threads)
    found = _compared(view.slots, view.rows, spec, queries, k + view.lost, threads)
    if not view.lost:
        return found
    good = [view.alive(slots) for slots, _ in found]
    return [
        (slots[keep][:k], distances[keep][:k])
        for (slots, distances), keep in zip(found, good, strict=True)
    ]


def _compared(
    slots: NDArray[np.int64],
    rows: NDArray[Any],
    spec: VectorSpec,
    queries: NDArray[Any],
    k: int,
    threads: int,
) -> list[Found]:
    # Without rows, too: the engine judges the queries.
    k = max(1, min(k, len(slots)))
    places, distances, counts, _ = knn(rows, queries, spec.dim, spec.metric, spec.dtype, k, threads)
    assert not isinstance(counts, int), "there are several queries, or one of several"
    return [
        (slots[place[:count]], row[:count])
        for place, row, count in zip(places, distances, counts.tolist(), strict=True)
    ]


def _among(
    queries: NDArray[Any],
    knobs: Knobs,
    allowed: NDArray[np.int64],
    search: Callable[..., SearchResult],
) -> list[Found]:
    """Among the given slots, none of which is retired."""
    result = search(
        queries,
        knobs.k,
        ef_search=knobs.ef_search,
        exact=knobs.exact,
        threads=knobs.threads,
        plan=knobs.plan,
        filter=allowed,
        missing="ignore",  # a vector that was damaged when the graph was made is not in it
    )
    return _listed(result)


def _in_graph(
    view: View, queries: NDArray[Any], knobs: Knobs, search: Callable[..., SearchResult]
) -> list[Found]:
    """Among what the graph covers: asked for more until enough of it is not retired."""
    index, k = view.index, knobs.k
    assert index is not None, "asked only where there is a graph"
    ask = min(len(index), k + min(k, len(view.dead)))
    while True:
        result = search(
            queries,
            max(1, ask),
            ef_search=max(knobs.ef_search, ask),
            exact=knobs.exact,
            threads=knobs.threads,
            plan=knobs.plan,
        )
        found = []
        for slots, distances in _listed(result):
            good = (slots <= view.covered) & view.alive(slots)
            found.append((slots[good][:k], distances[good][:k]))
        if ask >= len(index) or all(len(slots) == k for slots, _ in found):
            return found
        ask = min(len(index), 2 * ask)


def _listed(result: SearchResult) -> list[Found]:
    """What was found for each query, without the empty places behind it."""
    assert not isinstance(result.counts, int), "there are several queries, or one of several"
    return [
        (slots[:count], distances[:count])
        for slots, distances, count in zip(
            result.ids, result.distances, result.counts.tolist(), strict=True
        )
    ]
