"""The way of one walk: layers, hops, and what became of the candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vicinal._native import _Route as Route
    from vicinal.idset import IdSet

#: What a vector is called: by an index a number, by a collection the id of its record.
Name = TypeVar("Name")


@dataclass(frozen=True, slots=True, eq=False)
class Hop(Generic[Name]):
    """One node whose links were followed.

    Attributes
    ----------
    id : int
        The node. Links may lead through a vector that was removed, until they are all mended. Of a
        collection the id of the record, None for one that is not part of the state that was asked.
    distance : float
        Its distance from the query, as the walk saw it: of the rounded rows that it reads.
    bound : float
        On layer 0, the distance beyond which candidates were not worth a hop at that moment: inf
        until k were found. Above, the distance itself: only nearer neighbours are gone to.
    seen_ids : ndarray of int64
        The neighbours that got a distance: those that had none yet. In the layout "fast", and above
        layer 0, all neighbours. Of a collection an array of ids, or None as above.
    seen_distances : ndarray of float32
        Their distances: measured or, in the layout "fast" on layer 0, estimated from codes.
    allowed : bool or None
        Whether the filter lets the node through to the answer; None without a filter. A walk goes
        through those that it refuses, too, and takes them nowhere. A node that has equal vectors is
        let through for any of them, and is judged here by the one that is named.
    seen_allowed : ndarray of bool or None
        The same of each neighbour.
    """

    id: Name
    distance: float
    bound: float
    seen_ids: NDArray[Any]
    seen_distances: NDArray[np.float32]
    allowed: bool | None = None
    seen_allowed: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Layer(Generic[Name]):
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
        many as it may, which is three times `ef_search` or, where there is a filter and that is
        more, as many as cost half as much again as a scan was expected to.
    """

    layer: int
    hops: tuple[Hop[Name], ...]
    ended: str

    @property
    def entry(self) -> Name:
        """The id of the node where the layer was entered."""
        return self.hops[0].id

    @property
    def let_through(self) -> int | None:
        """How many of the hops were from nodes that the filter allows; None without a filter."""
        if self.hops[0].allowed is None:
            return None
        return sum(bool(hop.allowed) for hop in self.hops)


@dataclass(frozen=True, slots=True)
class Reranked(Generic[Name]):
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

    id: Name
    before: float
    after: float
    was: int
    became: int


def layers_of(route: Route | None, allowed: IdSet | None = None) -> tuple[Layer[int], ...]:
    """The layers of a route, each with its hops, and what a filter made of them."""
    if route is None:
        return ()
    starts = [0, *route["seen_ends"].tolist()]
    hops: dict[int, list[Hop[int]]] = {}
    columns = zip(route["layers"], route["ids"], route["distances"], route["bounds"], strict=True)
    for i, (layer, number, distance, bound) in enumerate(columns):
        seen = slice(starts[i], starts[i + 1])
        near = route["seen_ids"][seen]
        hop = Hop(
            int(number),
            float(distance),
            float(bound),
            near,
            route["seen_distances"][seen],
            None if allowed is None else int(number) in allowed,
            None if allowed is None else np.array([i in allowed for i in near.tolist()], bool),
        )
        hops.setdefault(int(layer), []).append(hop)
    return tuple(
        Layer(layer, tuple(made), "descent" if layer else route["end"])
        for layer, made in hops.items()
    )


def reranked_of(route: Route | None) -> tuple[Reranked[int], ...]:
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
