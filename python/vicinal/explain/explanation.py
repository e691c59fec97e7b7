"""How a search of an index came to its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.explain import tell
from vicinal.explain.tell import Told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vicinal.explain.route import Layer, Reranked
    from vicinal.explain.tell import Pairs
    from vicinal.result import Certificate, Counters, SearchResult


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Explanation(Told[int]):
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
        What each plan was expected to cost ("scan", "graph" and, under a filter, "two-hop"), in
        nanoseconds of the machine that the cost model was measured on. `counters.plan` is what was
        done.
    layers : tuple of Layer
        From the top layer down; empty if everything that may be answered was compared.
    reranked : tuple of Reranked
        In the order that the walk left them in.
    proven : SearchResult or None
        What the search answers with the guarantee that was asked for, its `certificate` included;
        None without one. It begins with what the walk found.
    """

    k: int
    ef_search: int
    metric: str
    result: SearchResult
    expected: dict[str, int]
    layers: tuple[Layer[int], ...]
    reranked: tuple[Reranked[int], ...]
    proven: SearchResult | None = None

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
        """Give all of it as what JSON can hold; a bound or an epsilon of infinity is None."""
        counters = self.counters
        return {
            "k": self.k,
            "ef_search": self.ef_search,
            "metric": self.metric,
            "plan": str(counters.plan),
            "expected": dict(self.expected),
            "matching": int(counters.matching),
            **self._costs_as_dict(),
            **tell.pairs_as_dict(_pairs(self.result)),
            **self._way_as_dict(),
            "proven": self._proof_as_dict(),
        }

    def _costs(self) -> Counters:
        return self.counters

    def _branches(self) -> Iterator[tuple[str, list[str]]]:
        yield self._plan_among(f"{self.counters.matching:,}")
        yield from self._way()
        yield tell.found(_pairs(self.result))
        yield from self._proof()

    def _answer(self) -> Pairs[int]:
        return _pairs(self.result)

    def _proven(self) -> tuple[Certificate, Pairs[int]] | None:
        if self.proven is None:
            return None
        assert self.proven.certificate is not None, "it was asked for"
        return self.proven.certificate, _pairs(self.proven)


def _pairs(answer: SearchResult) -> Pairs[int]:
    ids, distances = answer.ids[: answer.counts], answer.distances[: answer.counts]
    return list(zip(ids.tolist(), distances.tolist(), strict=True))
