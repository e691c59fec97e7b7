"""Search over a view: the graph's answers and the rows', without what was retired, as one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vicinal._native import knn
from vicinal.recall import EXACT
from vicinal.result import Certificate, SearchResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vicinal.collection.knobs import Knobs
    from vicinal.collection.view import View
    from vicinal.recall import RecallEstimate
    from vicinal.records.catalog import VectorSpec


class Found(NamedTuple):
    """The answer to one query.

    Attributes
    ----------
    slots : ndarray of int64
        The nearest first.
    distances : ndarray of float32
        Theirs.
    estimate : RecallEstimate or None
        `EXACT` where all that may be answered were compared, or the answer was proven.
    certificate : Certificate or None
        What was proven, where a guarantee was asked for.
    """

    slots: NDArray[np.int64]
    distances: NDArray[np.float32]
    estimate: RecallEstimate | None
    certificate: Certificate | None = None

    def only(self, places: NDArray[Any]) -> Found:
        """Some of it: a mask, or places in a new order."""
        return self._replace(slots=self.slots[places], distances=self.distances[places])


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
    list of Found
        One for each query, of at most k.
    """
    k, threads = knobs.k, knobs.threads
    parts = [in_rows(view, spec, queries, k, threads, allowed)]
    inside = None
    if view.index is not None:
        search = view.index.search if search is None else search
        inside = None if allowed is None else allowed[allowed <= view.covered]
        look = (
            _in_graph(view, queries, knobs, search)
            if inside is None
            else _among(queries, knobs, inside, search)
        )
        parts.append(look)
    found = [merged([part[query] for part in parts], k) for query in range(len(queries))]
    if knobs.guarantee is None:
        return found
    return [
        one._replace(certificate=_proven(view, inside, [part[query].certificate for part in parts]))
        for query, one in enumerate(found)
    ]


def _proven(
    view: View, inside: NDArray[np.int64] | None, parts: list[Certificate | None]
) -> Certificate:
    """What is proven of answers merged from rows, all of which were compared, and from a graph.

    What a graph left out is at least as far as the last that it gave, divided by 1 + epsilon; so
    that holds of the merged answers as well, whatever of the graph's was retired.
    """
    graph = next((part for part in parts if part is not None), None)
    behind = len(view.slots)
    if graph is None:
        return Certificate(certified=True, epsilon=0.0, bounded=0, measured=behind, share=1.0)
    assert view.index is not None, "there was a graph"
    among = len(view.index) if inside is None else len(inside)
    measured = int(graph.measured) + behind
    return replace(graph, measured=measured, share=measured / max(among + behind, 1))


def as_result(found: list[Found], k: int, metric: str) -> SearchResult:
    """Answers as `Index.search` gives them for several queries; their ids are slots."""
    ids = np.full((len(found), k), -1, np.int64)
    distances = np.full((len(found), k), np.inf, np.float32)
    for row, one in enumerate(found):
        ids[row, : len(one.slots)], distances[row, : len(one.slots)] = one.slots, one.distances
    return SearchResult((ids, distances, (ids >= 0).sum(axis=1), None), metric)


def merged(parts: list[Found], k: int | None) -> Found:
    """The k nearest of several answers to one query, or all of them."""
    slots = np.concatenate([part.slots for part in parts])
    distances = np.concatenate([part.distances for part in parts])
    order = np.lexsort((slots, distances))[:k]
    exact = all(part.estimate is EXACT for part in parts)
    return Found(slots[order], distances[order], EXACT if exact else None)


def in_rows(
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
    good = [view.alive(one.slots) for one in found]
    return [one.only(np.flatnonzero(keep)[:k]) for one, keep in zip(found, good, strict=True)]


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
        Found(slots[place[:count]], row[:count], EXACT)
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
        filter=allowed,
        missing="ignore",  # a vector that was damaged when the graph was made is not in it
        **_how(knobs),
    )
    return _listed(result)


def _how(knobs: Knobs) -> dict[str, Any]:
    """What the search of a graph is asked for in any case."""
    how = {"plan": knobs.plan, "counters": True, "threads": knobs.threads}
    if knobs.guarantee is not None:
        how |= {"guarantee": knobs.guarantee, "budget": knobs.budget}
    return how


def _in_graph(
    view: View, queries: NDArray[Any], knobs: Knobs, search: Callable[..., SearchResult]
) -> list[Found]:
    """Among what the graph covers: asked for more until enough of it is not retired."""
    index, k = view.index, knobs.k
    assert index is not None, "asked only where there is a graph"
    wanted = k + min(k, len(view.dead))
    while True:
        # What was retired may leave the graph while it is searched: how many it holds tells
        # nothing, only that it gave fewer than were asked for.
        ask = min(wanted, len(index) + len(view.dead) + 1)
        result = search(
            queries,
            ask,
            ef_search=max(knobs.ef_search, ask),
            **_how(knobs),
        )
        given = _listed(result)
        found = [
            one.only(np.flatnonzero((one.slots <= view.covered) & view.alive(one.slots))[:k])
            for one in given
        ]
        pairs = zip(found, given, strict=True)
        if all(len(one.slots) == k or len(all_.slots) < ask for one, all_ in pairs):
            return found
        wanted *= 2


def _listed(result: SearchResult) -> list[Found]:
    """What was found for each query, without the empty places behind it."""
    assert not isinstance(result.counts, int), "there are several queries, or one of several"
    assert result.counters is not None, "they were asked for"
    plans = np.atleast_1d(result.counters.plan)

    def sure(plan: str, proof: Certificate | None) -> bool:
        return plan != "graph" if proof is None else proof.epsilon == 0.0

    proofs = [None] * len(plans) if result.certificate is None else result.certificate.each()
    rows = zip(result.ids, result.distances, result.counts.tolist(), plans, proofs, strict=True)
    return [
        Found(slots[:count], distances[:count], EXACT if sure(plan, proof) else None, proof)
        for slots, distances, count, plan, proof in rows
    ]
