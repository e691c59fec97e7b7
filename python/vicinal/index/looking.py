"""Looking into it: how an answer came about, why something is not in it, and the graph itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vicinal import checks
from vicinal.arrays import one_query
from vicinal.explain import Explanation, WhyNot, why_not
from vicinal.explain.route import layers_of, reranked_of
from vicinal.graph import Graph, GraphLayer
from vicinal.idset import IdSet, native_filter
from vicinal.index.exploring import Exploring
from vicinal.map import CityMap, draw
from vicinal.map.given import Given
from vicinal.report import Report, Stats
from vicinal.result import SearchResult

if TYPE_CHECKING:
    import os

    from numpy.typing import ArrayLike

    from vicinal.index.searching import Filter


class Looking(Exploring):
    """The methods of `Index` that tell what goes on in it."""

    __slots__ = ()

    def explain(
        self,
        q: ArrayLike,
        k: int = 10,
        *,
        ef_search: int = 64,
        filter: Filter | None = None,
        missing: str = "raise",
        plan: str = "auto",
        guarantee: str | float | None = None,
        budget: float | None = None,
    ) -> Explanation:
        """Search for one query, and tell the way: the same search, with the same counters.

        Parameters
        ----------
        q : array-like, shape (dim,) or (1, dim)
            The query.
        k, ef_search, filter, missing, plan, guarantee, budget
            As in `search`.

        Returns
        -------
        Explanation
            Per layer the entry and the hops with their distances, what the filter let through of
            the nodes gone to and looked at, why the walk ended, what measuring candidates again
            changed, and the plan. With a guarantee also what was proven, what that took, and what
            the walk had missed; that search is made besides. Printed, a tree.

        Raises
        ------
        InvalidInputError
            More than one query, and whatever `search` refuses.

        Examples
        --------
        >>> import numpy as np, vicinal
        >>> X = np.random.default_rng(0).random((1000, 16), dtype=np.float32)
        >>> ix = vicinal.Index(dim=16)
        >>> ids = ix.add(X)
        >>> way = ix.explain(X[7], k=1, plan="graph")
        >>> [layer.layer for layer in way.layers], way.result.ids
        ([2, 1, 0], array([7]))
        """
        query = one_query(q, self.dim, self.dtype)
        k = checks.integer("k", k, 1, checks.MAX_K)
        ef_search = checks.integer("ef_search", ef_search, 1, checks.MAX_EF)
        plan, missing = checks.text("plan", plan), checks.text("missing", missing)
        allowed = None if filter is None else IdSet(filter)
        native = None if allowed is None else native_filter(allowed)
        told = self._native.explain(query, k, ef_search, plan, native, missing)
        proven = None
        if guarantee is not None or budget is not None:
            how: dict[str, Any] = {"ef_search": ef_search, "filter": allowed, "missing": missing}
            how |= {"plan": plan, "guarantee": guarantee, "budget": budget, "counters": True}
            proven = self.search(query, k, **how)
        costs = zip(("scan", "graph", "two-hop"), told["expected"], strict=True)
        return Explanation(
            k,
            ef_search,
            self._metric,
            SearchResult(told["answer"], self._metric),
            {plan: cost for plan, cost in costs if cost is not None},
            layers_of(told["route"], allowed),
            reranked_of(told["route"]),
            proven,
        )

    def why_not(
        self,
        q: ArrayLike,
        id: int,
        k: int = 10,
        *,
        ef_search: int = 64,
        filter: Filter | None = None,
        missing: str = "raise",
        plan: str = "auto",
    ) -> WhyNot[int]:
        """Find out why a search does not answer an id, and what would find it.

        What it says is checked by doing it. That takes some exact searches, and for a vector that
        was missed some more by the graph, with rising ``ef_search``.

        Parameters
        ----------
        q : array-like, shape (dim,) or (1, dim)
            The query.
        id : int
            The vector in question.
        k, ef_search, filter, missing, plan
            As in `search`.

        Returns
        -------
        WhyNot
            The true rank and distance, the cause, and the ``ef_search`` that finds it.

        Raises
        ------
        NotFoundError
            The index does not hold the id.
        InvalidInputError
            More than one query, and whatever `search` refuses.
        CorruptionError
            The cause is damage of a file that was opened as a map: the message has the row.

        Examples
        --------
        >>> import numpy as np, vicinal
        >>> X = np.random.default_rng(0).random((1000, 16), dtype=np.float32)
        >>> ix = vicinal.Index(dim=16)
        >>> ids = ix.add(X)
        >>> ix.why_not(X[7], 7, filter=[1, 2, 3]).cause
        'filtered out'
        """
        query = one_query(q, self.dim, self.dtype)
        number = checks.integer("id", id, 0, 2**63 - 1)
        k = checks.integer("k", k, 1, checks.MAX_K)
        ef_search = checks.integer("ef_search", ef_search, 1, checks.MAX_EF)
        allowed = None if filter is None else IdSet(filter)
        return why_not(self, query, number, k, ef_search, allowed, missing, plan)

    def stats(self) -> Stats:
        """Describe the graph: nodes per layer, degrees, bytes per vector."""
        return Stats(count=len(self), **self._native.stats())

    def map(
        self,
        path: str | os.PathLike[str] | None = None,
        queries: ArrayLike | None = None,
        *,
        k: int = 10,
        ef_search: int = 64,
        filter: Filter | None = None,
        missing: str = "raise",
        labels: Any = None,
        payloads: Any = None,
        color: Any = None,
        most: int = 100_000,
        layout: str = "auto",
        seed: int = 0,
        title: str = "A map of the index",
    ) -> CityMap:
        """Draw the index as a city: one HTML page that needs no network.

        Vectors are points, each layer's links are streets: zoomed in those of layer 0, from afar
        the highways above. Queries show their way hop by hop, with the true neighbours marked, and
        in red what was missed, with the reason that `why_not` gives. Needs plotly
        (``pip install 'vicinal[plot]'``).

        Parameters
        ----------
        path : str or Path, optional
            The page to write; without, it is only returned, and shown by a notebook.
        queries : array-like, shape (n, dim) or (dim,), optional
            At most 100, as in `search`. They walk, also where `search` would scan.
        k, ef_search, filter, missing
            As in `search`. With a filter the steps of a way say what it let through.
        labels : sequence or mapping, optional
            A text for each vector, in the order of `ids`, or by id: the latter where others add and
            remove meanwhile.
        payloads : sequence or mapping of dict, optional
            More to show on hover, in the same way. Nothing in it is taken for HTML.
        color : str, sequence or mapping, optional
            A field of the payloads, or values as `labels` has texts: numbers get a scale, other
            values a colour each, the seven most frequent of them.
        most : int
            The most vectors to show. Of a larger index, those of ways, answers and upper layers
            stay, and a sample of the others; the page says so. At most 1,000,000.
        layout : {"auto", "pca", "umap"}
            How to place them. UMAP lays out the graph of nearest neighbours that the index finds,
            and needs ``pip install 'vicinal[umap]'``; "auto" takes it where it is installed and at
            most 20,000 vectors are shown, and PCA else.
        seed : int
            Of what is drawn by chance.
        title : str
            Of the page.

        Raises
        ------
        MissingExtraError
            No plotly; or no umap-learn for ``layout="umap"``.
        InvalidInputError
            More than 100 queries, labels of another number than the vectors, a color that no
            payload has, a page that is no .html, and whatever `search` refuses.
        FileMissingError, StorageError
            The page could not be written.
        """
        return draw(
            self,
            path,
            queries,
            Given(labels, payloads, color),
            k=k,
            ef_search=ef_search,
            allowed=None if filter is None else IdSet(filter),
            missing=missing,
            color=color,
            most=most,
            layout=layout,
            seed=seed,
            title=title,
        )

    def graph(self) -> Graph:
        """Give all nodes and links as arrays: a copy, as of one moment."""
        told = self._native.shape()
        layers = [GraphLayer(*links) for links in told["layers"]]
        return Graph(told["ids"], told["levels"], told["nodes"], layers)

    def verify(self, *, repair: bool = False) -> Report:
        """Walk the whole graph, and check that every vector can be found.

        Parameters
        ----------
        repair : bool
            True mends first what breaks a law, and tells of it in `Report.mended`: links, their
            codes, chains of equal vectors, levels and the entry point, all of which follow from the
            vectors. What holds stays as it is. Searches go on meanwhile. `Index.salvage` does it
            for a file too damaged to be opened.

        Raises
        ------
        CorruptionError
            A mapped file is damaged; names the block.
        ReadOnlyError
            A repair of an index that was opened with ``mmap=True``.
        """
        return Report(**self._native.verify(checks.flag("repair", repair)))
