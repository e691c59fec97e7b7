"""What the page shows, as plain data: the vectors, the links, and the ways of the queries.

Others may add and remove meanwhile. What is shown is the graph as of one moment, without what was
gone when its vector was read; what is told of and not shown is counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vicinal.errors import NotFoundError
from vicinal.explain import why_not
from vicinal.explain.why import Searched
from vicinal.map.given import colors
from vicinal.map.links import links
from vicinal.map.packing import packed
from vicinal.map.place import Placed, Places, positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vicinal.explain import Explanation, Layer
    from vicinal.graph import Graph
    from vicinal.idset import IdSet
    from vicinal.map.given import Words
    from vicinal.result import SearchResult


class Mapped(Placed, Searched, Protocol):
    """What is asked of an index."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be drawn; see `Index.map`."""

    queries: NDArray[Any]
    k: int
    ef_search: int
    allowed: IdSet | None
    missing: str
    color: str
    most: int
    layout: str
    seed: int

    @property
    def how(self) -> dict[str, Any]:
        """How the queries are asked, by whichever method."""
        return {"filter": self.allowed, "missing": self.missing}


def scene(index: Mapped, words: Words, wish: Wish) -> dict[str, Any]:
    """Gather all that the page needs."""
    graph = index.graph()
    known = words.check(graph.ids)
    ways = [
        index.explain(query, wish.k, ef_search=wish.ef_search, plan="graph", **wish.how)
        for query in wish.queries
    ]
    truths = [index.search(query, wish.k, exact=True, **wish.how) for query in wish.queries]
    shown = _shown(graph, known, ways, truths, wish)
    described = words.of(graph.ids, shown)
    shown, described = shown[described.there], described.kept(described.there)
    placed, there, method = positions(index, graph.ids[shown], wish.layout, wish.seed)
    shown, described = shown[there], described.kept(there)
    places = Places(graph.ids[shown])
    return {
        "count": int(known.sum()),
        "metric": index.metric,
        "dim": index.dim,
        "layout": method,
        "x": packed(placed[:, 0], np.float32),
        "y": packed(placed[:, 1], np.float32),
        "levels": packed(graph.levels[shown], np.uint8),
        "ids": described.names,
        "texts": described.texts,
        "color": colors(described.hues, wish.color),
        "layers": [links(layer, shown, len(graph.ids), wish.seed) for layer in graph.layers],
        "queries": [
            _query(index, words, wish, query, way, truth, places)
            for query, way, truth in zip(wish.queries, ways, truths, strict=True)
        ],
    }


def _shown(
    graph: Graph,
    known: NDArray[np.bool_],
    ways: list[Explanation],
    truths: list[SearchResult],
    wish: Wish,
) -> NDArray[np.int64]:
    """Places that the map shows: all, or those of ways, answers and upper layers, and a sample."""
    every = np.flatnonzero(known)
    if len(every) <= wish.most:
        return every
    told = [hop.id for way in ways for layer in way.layers for hop in layer.hops]
    parts = [np.array(told, np.int64), *(truth.ids for truth in truths)]
    parts += [way.result.ids for way in ways]
    kept = np.isin(graph.ids, np.concatenate(parts)) & known
    order = np.random.default_rng(wish.seed).permutation(every)
    # The highest first: a highway is seen from far away.
    order = order[np.argsort(-graph.levels[order].astype(np.int64), kind="stable")]
    rest = order[~kept[order]]
    kept[rest[: max(0, wish.most - int(kept.sum()))]] = True
    return np.flatnonzero(kept)


def _query(
    index: Mapped,
    words: Words,
    wish: Wish,
    query: NDArray[Any],
    way: Explanation,
    truth: SearchResult,
    places: Places,
) -> dict[str, Any]:
    """One query: its steps, its answer, the true one, and why something is missing."""
    found = way.result.ids[: way.result.counts]
    at, true = places.of(found), truth.ids[: truth.counts]
    steps, hidden = _steps(way, places)
    return {
        "near": places.of(true[:3])[places.of(true[:3]) >= 0].tolist(),
        "steps": steps,
        "found": at[at >= 0].tolist(),
        "true": [place for place in places.of(true).tolist() if place >= 0],
        "distances": way.result.distances[: len(found)][at >= 0].tolist(),
        "missed": [
            {"at": place, "why": why}
            for number in true.tolist()
            if number not in found and (place := int(places.of(number))) >= 0
            for why in _whys(index, words, wish, query, way, number)
        ],
        "hidden": hidden + int((at < 0).sum()),
        "filtered": wish.allowed is not None,
        "evaluations": int(way.counters.distance_evaluations),
    }


def _whys(
    index: Mapped,
    words: Words,
    wish: Wish,
    query: NDArray[Any],
    way: Explanation,
    number: int,
) -> list[str]:
    """Why a vector was missed; nothing if it was not, or is gone."""
    try:
        why = why_not(
            index,
            query,
            number,
            wish.k,
            wish.ef_search,
            wish.allowed,
            wish.missing,
            "graph",
            way,
        )
        # Copies of a vector are found by its node, and none of them missed unless it is farther.
        return [] if why.cause in ("equal distance", "found") else [words.why(why)]
    except NotFoundError:
        return []


def _steps(way: Explanation, places: Places) -> tuple[list[dict[str, Any]], int]:
    """The hops, each with the hop that led to it and the neighbours that it looked at.

    The second is how many could not be shown: of vectors that were removed, or are not on the map.
    """
    steps: list[dict[str, Any]] = []
    for layer in way.layers:
        steps += _steps_of(layer, places, len(steps))
    return steps, sum(len(layer.hops) for layer in way.layers) - len(steps)


def _steps_of(layer: Layer[int], places: Places, first: int) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    led: dict[int, int] = {}
    for hop in layer.hops:
        place, came, seen = int(places.of(hop.id)), led.get(hop.id, -1), places.of(hop.seen_ids)
        at = first + len(steps) if place >= 0 else came
        for number in hop.seen_ids.tolist():
            led.setdefault(number, at)
        if place < 0:
            continue
        steps.append(
            {
                "layer": layer.layer,
                "at": place,
                "from": came,
                "distance": hop.distance,
                "bound": hop.bound if math.isfinite(hop.bound) else None,
                "saw": len(hop.seen_ids),
                "seen": seen[seen >= 0].tolist(),
                "allowed": hop.allowed,
                "through": None if hop.seen_allowed is None else int(hop.seen_allowed.sum()),
            }
        )
    return steps
