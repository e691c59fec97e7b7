"""How a search of a collection came to its answer, in the names of its records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.explain import Hop, Layer, Reranked, tell
from vicinal.explain.tell import Told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vicinal.collection.answers import Hits
    from vicinal.collection.view import View
    from vicinal.collection.watched import Walked
    from vicinal.explain import Explanation
    from vicinal.explain.tell import Pairs
    from vicinal.filters import Expr
    from vicinal.records.rows import Id
    from vicinal.result import Certificate, Counters


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CollectionExplanation(Told["Id | None"]):
    """How `Collection.search` came to its answer. Print it, or let rich draw it.

    Attributes
    ----------
    k, ef_search : int
        What was asked.
    metric : str
        The metric of all distances here.
    hits : Hits
        The answer, as `Collection.search` gives it.
    filter : Expr or None
        The condition that records had to meet.
    matching : int or None
        How many records with such a vector do; None without a filter.
    graph : int
        Vectors in the graph; 0 where there is none yet.
    asked : int
        How many neighbours the graph was asked for: more than k where some may be of records that
        were retired, and twice as many again until k were not.
    rounds : int
        How often it was asked. What is told is the last time.
    retired : int
        Of what it found, how many were stepped over: replaced or deleted since.
    rows : int
        Vectors that the graph does not have yet, and that were compared one by one.
    counters : Counters or None
        What the graph's search cost, that of the last round; None where there is no graph.
    expected : dict of str to int
        What either plan was expected to cost, as `Explanation.expected`.
    layers : tuple of Layer
        From the top layer down; empty if everything that may be found was compared. Ids are those
        of records, None for one that is not part of the state that was asked: it was retired.
    reranked : tuple of Reranked
        In the order that the walk left them in.
    proven : Hits or None
        What the search answers with the guarantee that was asked for, its `certificate` included;
        None without one. `hits` and the counters are of the walk.
    """

    k: int
    ef_search: int
    metric: str
    hits: Hits
    filter: Expr | None
    matching: int | None
    graph: int
    asked: int
    rounds: int
    retired: int
    rows: int
    counters: Counters | None
    expected: dict[str, int]
    layers: tuple[Layer[Id | None], ...]
    reranked: tuple[Reranked[Id | None], ...]
    proven: Hits | None

    def to_dict(self) -> dict[str, Any]:
        """Give all of it as what JSON can hold.

        A bound or an epsilon of infinity is None, a UUID its text.
        """
        return {
            "k": self.k,
            "ef_search": self.ef_search,
            "metric": self.metric,
            "filter": None if self.filter is None else repr(self.filter),
            "matching": self.matching,
            "plan": self._plan(),
            "expected": dict(self.expected),
            "graph": self.graph,
            "asked": self.asked,
            "rounds": self.rounds,
            "retired": self.retired,
            "rows": self.rows,
            **self._costs_as_dict(),
            **tell.pairs_as_dict(_pairs(self.hits)),
            **self._way_as_dict(),
            "proven": self._proof_as_dict(),
        }

    def _costs(self) -> Counters | None:
        return self.counters

    def _branches(self) -> Iterator[tuple[str, list[str]]]:
        if self.filter is not None:
            yield f"filter: {self.filter!r}, which {self.matching:,} records meet", []
        if self.counters is None:
            yield "no graph yet", []
        else:
            among = f"{self.counters.matching:,} of the {self.graph:,} vectors in the graph"
            yield self._plan_among(among)
        yield from self._way()
        if self.retired or self.rounds > 1:
            times = "" if self.rounds == 1 else f" in {self.rounds} rounds"
            yield f"asked for {self.asked:,}{times}: {self.retired:,} retired, stepped over", []
        if self.rows:
            yield f"{self.rows:,} not in the graph yet, compared one by one", []
        yield tell.found(_pairs(self.hits))
        yield from self._proof()

    def _answer(self) -> Pairs[Id | None]:
        return _pairs(self.hits)

    def _proven(self) -> tuple[Certificate, Pairs[Id | None]] | None:
        if self.proven is None:
            return None
        assert self.proven.certificate is not None, "it was asked for"
        return self.proven.certificate, _pairs(self.proven)


def explained(
    view: View,
    walked: Walked,
    hits: Hits,
    proven: Hits | None,
    names: Mapping[int, Id],
    asked: tuple[int, int, str],
    condition: tuple[Expr, np.ndarray[Any, Any]] | None,
) -> CollectionExplanation:
    """Tell of a search of a view.

    Parameters
    ----------
    view : View
    walked : Walked
    hits : Hits
        What it found.
    proven : Hits, optional
        What was found with the guarantee that was asked for.
    names : mapping
        Of the slots that are told of, as far as they are of records.
    asked : (k, ef_search, metric)
    condition : (expression, slots), optional
        What had to be met, and the slots that do.
    """
    way = walked.ways[-1] if walked.ways else None
    found = np.zeros(0, np.int64) if way is None else way.result.ids[: way.result.counts]
    stepped = ~((found <= view.covered) & view.alive(found))
    rows = view.slots[view.alive(view.slots)]
    return CollectionExplanation(
        *asked,
        hits,
        None if condition is None else condition[0],
        None if condition is None else len(condition[1]),
        0 if view.index is None else len(view.index),
        0 if way is None else way.k,
        len(walked.ways),
        int(stepped.sum()),
        len(rows) if condition is None else int(np.isin(rows, condition[1]).sum()),
        None if way is None else way.counters,
        {"scan": 0, "graph": 0} if way is None else way.expected,
        () if way is None else _layers(way, names),
        () if way is None else _reranked(way, names),
        proven,
    )


def _pairs(hits: Hits) -> Pairs[Id | None]:
    return [(hit.id, hit.distance or 0.0) for hit in hits]


def _reranked(way: Explanation, names: Mapping[int, Id]) -> tuple[Reranked[Id | None], ...]:
    return tuple(
        Reranked(names.get(c.id), c.before, c.after, c.was, c.became) for c in way.reranked
    )


def slots_of(way: Explanation) -> list[int]:
    """The slots that are told of."""
    return sorted({*way.visited.tolist(), *(candidate.id for candidate in way.reranked)})


def _layers(way: Explanation, names: Mapping[int, Id]) -> tuple[Layer[Id | None], ...]:
    def named(slots: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        row = np.empty(len(slots), object)
        row[:] = [names.get(slot) for slot in slots.tolist()]
        return row

    return tuple(
        Layer(
            layer.layer,
            tuple(
                Hop(
                    names.get(hop.id),
                    hop.distance,
                    hop.bound,
                    named(hop.seen_ids),
                    hop.seen_distances,
                    hop.allowed,
                    hop.seen_allowed,
                )
                for hop in layer.hops
            ),
            layer.ended,
        )
        for layer in way.layers
    )
