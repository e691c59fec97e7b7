"""The way of one search: layers, hops, and what became of the candidates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from rich.tree import Tree

    from vicinal.result import Counters, SearchResult

#: Hops of a layer that are written out; those between the first and the last of them are counted.
SHOWN = 12

ENDINGS = {
    "descent": "no neighbour is nearer",
    "exhausted": "every candidate kept was gone to",
    "bound": "the nearest candidate left is beyond the bound",
    "hops": "it had made as many hops as it may",
}


class Route(TypedDict):
    """What the engine tells of a walk, as arrays."""

    layers: NDArray[np.uint8]
    ids: NDArray[np.int64]
    distances: NDArray[np.float32]
    bounds: NDArray[np.float32]
    seen_ends: NDArray[np.uint64]
    seen_ids: NDArray[np.int64]
    seen_distances: NDArray[np.float32]
    end: str
    reranked_ids: NDArray[np.int64]
    reranked_before: NDArray[np.float32]
    reranked_after: NDArray[np.float32]
    reranked_places: NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class Hop:
    """One node whose links were followed.

    Attributes
    ----------
    id : int
        The node. Links may lead through a vector that was removed, until they are all mended.
    distance : float
        Its distance from the query, as the walk saw it: of the rounded rows that it reads.
    bound : float
        On layer 0, the distance beyond which candidates were not worth a hop at that moment: inf
        until k were found. Above, the distance itself: only nearer neighbours are gone to.
    seen_ids : ndarray of int64
        The neighbours that got a distance: those that had none yet. In the layout "fast", and above
        layer 0, all neighbours.
    seen_distances : ndarray of float32
        Their distances: measured or, in the layout "fast" on layer 0, estimated from codes.
    """

    id: int
    distance: float
    bound: float
    seen_ids: NDArray[np.int64]
    seen_distances: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """What was done on one layer.

    Attributes
    ----------
    layer : int
        Its number; 0 has all nodes.
    hops : tuple of Hop
        In the order that they were made. The first is from where the layer was entered.
    ended : {"descent", "exhausted", "bound", "hops"}
        Above layer 0, "descent": no neighbour was nearer. On layer 0, "exhausted": every candidate
        kept was gone to; "bound": the nearest left was beyond the bound; "hops": it had made as
        many as it may, which is three times `ef_search` or, with a filter, what a scan would cost.
    """

    layer: int
    hops: tuple[Hop, ...]
    ended: str

    @property
    def entry(self) -> int:
        """The id of the node where the layer was entered."""
        return self.hops[0].id


@dataclass(frozen=True, slots=True)
class Reranked:
    """A candidate that was measured again from its full vector.

    Attributes
    ----------
    id : int
    before : float
        Its distance as the walk saw it.
    after : float
        Its distance.
    was, became : int
        Its place among the candidates before and after, from 0.
    """

    id: int
    before: float
    after: float
    was: int
    became: int


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """How `Index.search` came to its answer. Print it, or let rich draw it.

    Attributes
    ----------
    k, ef_search : int
        What was asked.
    metric : str
        The metric of all distances here.
    result : SearchResult
        The answer, with its counters: those of `Index.search`.
    expected : dict of str to int
        What either plan was expected to cost ("scan", "graph"), in nanoseconds of the machine that
        the cost model was measured on. `counters.plan` is what was done.
    layers : tuple of Layer
        From the top layer down; empty if everything that may be answered was compared.
    reranked : tuple of Reranked
        In the order that the walk left them in.
    """

    k: int
    ef_search: int
    metric: str
    result: SearchResult
    expected: dict[str, int]
    layers: tuple[Layer, ...]
    reranked: tuple[Reranked, ...]

    @property
    def counters(self) -> Counters:
        """What the search cost."""
        assert self.result.counters is not None
        return self.result.counters

    @property
    def visited(self) -> NDArray[np.int64]:
        """Ids of all nodes that got a distance on the way, ascending."""
        every = [hop.seen_ids for layer in self.layers for hop in layer.hops]
        gone_to = np.array([hop.id for layer in self.layers for hop in layer.hops], np.int64)
        return np.unique(np.concatenate([gone_to, *every]))

    def to_dict(self) -> dict[str, Any]:
        """Give all of it as what JSON can hold; a bound of infinity is None."""
        counters = self.counters
        return {
            "k": self.k,
            "ef_search": self.ef_search,
            "metric": self.metric,
            "plan": str(counters.plan),
            "expected": dict(self.expected),
            "matching": int(counters.matching),
            "distance_evaluations": int(counters.distance_evaluations),
            "estimates": int(counters.estimates),
            "hops": int(counters.hops),
            "ids": self.result.ids[: self.result.counts].tolist(),
            "distances": self.result.distances[: self.result.counts].tolist(),
            "layers": [
                {
                    "layer": layer.layer,
                    "entry": layer.entry,
                    "ended": layer.ended,
                    "hops": [
                        {
                            "id": hop.id,
                            "distance": hop.distance,
                            "bound": hop.bound if math.isfinite(hop.bound) else None,
                            "seen_ids": hop.seen_ids.tolist(),
                            "seen_distances": hop.seen_distances.tolist(),
                        }
                        for hop in layer.hops
                    ],
                }
                for layer in self.layers
            ],
            "reranked": [
                {"id": c.id, "before": c.before, "after": c.after, "was": c.was, "became": c.became}
                for c in self.reranked
            ],
        }

    def __str__(self) -> str:
        lines = [self._title()]
        for branch, leaves in self._branches():
            lines.append(f"├─ {branch}")
            lines += [f"│    {leaf}" for leaf in leaves]
        return "\n".join(lines)

    def __repr__(self) -> str:
        hops = sum(len(layer.hops) for layer in self.layers)
        return f"Explanation(k={self.k}, ef_search={self.ef_search}, {self._plan()}, {hops} hops)"

    def __rich__(self) -> Tree:
        from rich.markup import escape
        from rich.tree import Tree

        tree = Tree(escape(self._title()))
        for branch, leaves in self._branches():
            node = tree.add(escape(branch))
            for leaf in leaves:
                node.add(escape(leaf))
        return tree

    def _plan(self) -> str:
        return str(self.counters.plan)

    def _title(self) -> str:
        return (
            f"the {self.k} nearest by {self.metric}, ef_search={self.ef_search}: "
            f"{self.counters.distance_evaluations:,} distances, {self.counters.hops:,} hops"
        )

    def _branches(self) -> Iterator[tuple[str, list[str]]]:
        """Heading and lines of each part."""
        costs = self.expected
        yield (
            f"plan: {self._plan()}, among {self.counters.matching:,}",
            [f"expected ns: scan {costs['scan']:,}, graph {costs['graph']:,}"],
        )
        for layer in self.layers:
            yield f"layer {layer.layer}: {len(layer.hops)} hops", [*_hops(layer)]
        moved = sum(candidate.was != candidate.became for candidate in self.reranked)
        if self.reranked:
            lines = [
                f"{c.id}: {c.was + 1} → {c.became + 1}, {c.before:.6g} → {c.after:.6g}"
                for c in self.reranked
                if c.was != c.became
            ]
            yield f"{len(self.reranked)} measured from full vectors, {moved} moved", lines
        found = self.result
        yield (
            f"found {found.counts}",
            [
                f"{number} at {distance:.6g}"
                for number, distance in zip(
                    found.ids[: found.counts], found.distances[: found.counts], strict=True
                )
            ],
        )


def _hops(layer: Layer) -> Iterator[str]:
    hops = layer.hops
    for i, hop in enumerate(hops):
        if SHOWN // 2 <= i < len(hops) - SHOWN // 2:
            if i == SHOWN // 2:
                yield f"… {len(hops) - SHOWN} more"
            continue
        bound = f", bound {hop.bound:.6g}" if layer.layer == 0 else ""
        yield f"{hop.id} at {hop.distance:.6g}{bound}, {len(hop.seen_ids)} neighbours"
    yield f"end: {ENDINGS[layer.ended]}"


def layers_of(route: Route | None) -> tuple[Layer, ...]:
    """The layers of a route, each with its hops."""
    if route is None:
        return ()
    starts = [0, *route["seen_ends"].tolist()]
    hops: dict[int, list[Hop]] = {}
    columns = zip(route["layers"], route["ids"], route["distances"], route["bounds"], strict=True)
    for i, (layer, number, distance, bound) in enumerate(columns):
        seen = slice(starts[i], starts[i + 1])
        hop = Hop(
            int(number),
            float(distance),
            float(bound),
            route["seen_ids"][seen],
            route["seen_distances"][seen],
        )
        hops.setdefault(int(layer), []).append(hop)
    return tuple(
        Layer(layer, tuple(made), "descent" if layer else route["end"])
        for layer, made in hops.items()
    )


def reranked_of(route: Route | None) -> tuple[Reranked, ...]:
    """The candidates of a route that were measured again, where the walk read rounded rows."""
    if route is None:
        return ()
    columns = (
        route["reranked_ids"],
        route["reranked_before"],
        route["reranked_after"],
        route["reranked_places"],
    )
    return tuple(
        Reranked(int(number), float(before), float(now), was, int(place))
        for was, (number, before, now, place) in enumerate(zip(*columns, strict=True))
    )
