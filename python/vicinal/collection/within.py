"""All vectors of a view within a distance. Every one is compared: none is missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.collection.nearest import Found, in_rows, merged
from vicinal.recall import EXACT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vicinal.collection.view import View
    from vicinal.records.catalog import VectorSpec


def within(
    view: View,
    spec: VectorSpec,
    queries: NDArray[Any],
    radius: float,
    limit: int | None,
    threads: int,
    allowed: NDArray[np.int64] | None,
) -> list[Found]:
    """What lies within a distance of each query, the nearest first.

    Parameters
    ----------
    view : View
    spec : VectorSpec
    queries : ndarray, shape (m, ...)
        As the engine takes them.
    radius : float
        The greatest distance that is still within.
    limit : int, optional
        At most so many, the nearest.
    threads : int
    allowed : ndarray of int64, optional
        Rising slots that have a vector: no other is found.
    """
    everything = max(1, len(view.slots))
    near = in_rows(view, spec, queries, everything, threads, allowed)
    parts = [[one.only(one.distances.astype(np.float64) <= radius) for one in near]]
    if view.index is not None:
        parts.append(_in_graph(view, queries, radius, limit, threads, allowed))
    return [merged([part[query] for part in parts], limit) for query in range(len(queries))]


def _in_graph(
    view: View,
    queries: NDArray[Any],
    radius: float,
    limit: int | None,
    threads: int,
    allowed: NDArray[np.int64] | None,
) -> list[Found]:
    """Of what the graph covers: asked for more until enough of it is not retired."""
    assert view.index is not None, "asked only where there is a graph"
    inside = None if allowed is None else allowed[allowed <= view.covered]
    ask = None if limit is None else limit + min(limit, len(view.dead))
    while True:
        result = view.index.search_radius(
            queries, radius, limit=ask, threads=threads, filter=inside, missing="ignore"
        )
        found = [
            Found(slots, distances, EXACT).only((slots <= view.covered) & view.alive(slots))
            for slots, distances in result
        ]
        if ask is None or limit is None:
            return found
        counts = zip(found, result.counts.tolist(), strict=True)
        if all(len(one.slots) >= limit or count < ask for one, count in counts):
            return found
        ask *= 2
