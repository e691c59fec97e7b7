"""A view that is looked into: its search explained, and its graph given to be drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.arrays import query_rows
from vicinal.collection.face import Face
from vicinal.collection.knobs import Knobs
from vicinal.collection.nearest import as_result, nearest
from vicinal.errors import NotFoundError
from vicinal.explain import Explanation
from vicinal.graph import Graph
from vicinal.result import Counters, SearchResult

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from vicinal.collection.nearest import Found
    from vicinal.collection.view import View
    from vicinal.idset import IdSet
    from vicinal.records.catalog import VectorSpec
    from vicinal.report import Report

_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Walked:
    """One search of a view, and what it asked of the graph.

    Attributes
    ----------
    found : Found
        What `nearest` gives.
    ways : list of Explanation
        Of the graph, in slots: one for each time that it was asked, the last for what was taken.
    proven : Found or None
        What `nearest` gives with a guarantee, where one was asked for.
    """

    found: Found
    ways: list[Explanation]
    proven: Found | None


class Watched(Face):
    """A view as `vicinal.explain` and `vicinal.map` want an index."""

    def __init__(self, view: View, spec: VectorSpec) -> None:
        super().__init__(view, spec)

    def __len__(self) -> int:
        index = self._view.index
        return len(self._view.slots) + (0 if index is None else len(index))

    def __contains__(self, value: object) -> bool:
        slot, view = int(value), self._view  # type: ignore[call-overload]
        if not view.alive(np.array([slot]))[0]:
            return False
        if slot > view.covered:
            return bool(np.isin(slot, view.slots))
        return view.index is not None and slot in view.index

    def get(self, ids: ArrayLike) -> NDArray[Any]:
        """The vectors of slots, as `Index.get` gives them."""
        asked = np.asarray(ids, np.int64)
        rows = super().get(np.atleast_1d(asked))
        return rows if asked.ndim else rows[0]

    def walk(self, query: NDArray[Any], knobs: Knobs, allowed: NDArray[np.int64] | None) -> Walked:
        """Search for one query by the code of `Collection.search`, and note the ways.

        A guarantee is for a search of its own, besides.
        """
        view, ways = self._view, list[Explanation]()

        def search(
            queries: NDArray[Any], k: int, *, counters: bool, threads: int, **how: Any
        ) -> SearchResult:
            assert view.index is not None, "asked only where there is a graph"
            assert counters, "an explanation has them"
            assert threads >= 0, "one query takes one thread"
            way = view.index.explain(queries[0], k, **how)
            ways.append(way)
            answer = way.result
            counts = np.atleast_1d(answer.counts)
            found = SearchResult(
                (answer.ids[None], answer.distances[None], counts, None), answer.metric
            )
            found.counters = answer.counters
            return found

        asked = (view, self._spec, query[None])
        plain = replace(knobs, guarantee=None, budget=None)
        found = nearest(*asked, plain, allowed, search)[0]
        proven = None if knobs.guarantee is None else nearest(*asked, knobs, allowed)[0]
        return Walked(found, ways, proven)

    def explain(
        self,
        query: NDArray[Any],
        k: int,
        *,
        ef_search: int,
        filter: IdSet | None,
        missing: str,
        plan: str,
    ) -> Explanation:
        """As `Index.explain`; the answer is that of graph and rows together."""
        assert missing in ("raise", "ignore"), "of slots it is known which there are"
        knobs = Knobs(k, ef_search, plan, 0)
        walked = self.walk(query, knobs, self._slots(filter))
        answer = self._answer([walked.found], k, one=True)
        if not walked.ways:
            answer.counters = self.compared(filter)
            expected = {"scan": 0, "graph": 0}
            return Explanation(k, ef_search, self.metric, answer, expected, (), ())
        way = walked.ways[-1]
        answer.counters = way.result.counters
        return replace(way, k=k, ef_search=ef_search, result=answer)

    def compared(self, allowed: IdSet | None) -> Counters:
        """What a search costs that only looks at the rows which are in no graph."""
        slots = self._slots(allowed)
        rows = self._view.slots
        count = len(rows) if slots is None else int(np.isin(rows, slots).sum())
        return Counters(count, 0, 0, 0, count, 0, _NONE, _NONE, "scan")

    def search(
        self,
        Q: ArrayLike,
        k: int,
        *,
        ef_search: int = 64,
        exact: bool = False,
        filter: IdSet | None = None,
        missing: str = "raise",
        plan: str = "auto",
    ) -> SearchResult:
        """As `Index.search`, by the code of `Collection.search`."""
        assert missing in ("raise", "ignore"), "of slots it is known which there are"
        rows = query_rows(Q, self.dim, self.dtype)
        knobs = Knobs(k, ef_search, "scan" if exact else plan, 0)
        found = nearest(self._view, self._spec, np.atleast_2d(rows), knobs, self._slots(filter))
        return self._answer(found, k, one=rows.ndim == 1)

    def graph(self) -> Graph:
        """All nodes and links of the graph, and behind them what it does not have yet."""
        view = self._view
        if view.index is None:
            graph = Graph(_NONE, np.zeros(0, np.uint8), np.zeros(0, np.uint32), [])
        else:
            graph = view.index.graph()
        behind = view.slots[~np.isin(view.slots, graph.ids)]
        own = np.arange(len(graph.ids), len(graph.ids) + len(behind), dtype=np.uint32)
        return Graph(
            np.concatenate([graph.ids, behind]),
            np.concatenate([graph.levels, np.zeros(len(behind), np.uint8)]),
            np.concatenate([graph.nodes, own]),
            graph.layers,
        )

    def drawn(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some slots are part of the view."""
        view = self._view
        return view.alive(slots) & ((slots <= view.covered) | np.isin(slots, view.slots))

    def behind(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some slots the graph does not have yet."""
        return slots > self._view.covered

    def neighbors_of(self, slot: int) -> NDArray[np.int64]:
        """The slots that one links to."""
        if self._view.index is None:
            raise NotFoundError(f"slot {slot} is in no graph")
        return self._view.index.neighbors_of(slot)

    def verify(self) -> Report:
        """What no link leads to."""
        assert self._view.index is not None, "what is compared one by one is not missed"
        return self._view.index.verify()

    def _slots(self, allowed: IdSet | None) -> NDArray[np.int64] | None:
        """The slots of a set that were not retired."""
        if allowed is None:
            return None
        slots = allowed.to_ids()
        return slots[self._view.alive(slots)]

    def _answer(self, found: list[Found], k: int, *, one: bool) -> SearchResult:
        result = as_result(found, k, self.metric)
        if one:
            result.ids, result.distances = result.ids[0], result.distances[0]
            result.counts = len(found[0].slots)
        return result
