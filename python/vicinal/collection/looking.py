"""Looking into it: how an answer came about, why a record is not in it, the map, and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vicinal import checks, telemetry
from vicinal.collection.figures import collection_stats
from vicinal.collection.knobs import guaranteed, knobs
from vicinal.collection.look import Look
from vicinal.collection.measured import measure_recall
from vicinal.collection.searching import Searching

if TYPE_CHECKING:
    import os

    from numpy.typing import ArrayLike

    from vicinal.collection.answers import CollectionStats
    from vicinal.collection.told import CollectionExplanation
    from vicinal.explain import WhyNot
    from vicinal.map import CityMap
    from vicinal.recall import RecallReport
    from vicinal.records.rows import Id


class Looking(Searching):
    """The methods of `Collection` that tell what goes on in it."""

    __slots__ = ()

    @telemetry.traced()
    def explain(
        self,
        vector: ArrayLike | str,
        k: int = 10,
        *,
        filter: Any = None,
        using: str | None = None,
        ef_search: int = 64,
        plan: str = "auto",
        guarantee: str | float | None = None,
        budget: float | None = None,
    ) -> CollectionExplanation:
        """Search for one query, and tell the way: the same search, by the same code.

        Parameters
        ----------
        vector : array-like, shape (dim,) or (1, dim), or str
            The query; of a collection with an embedder also a text.
        k, filter, using, ef_search, guarantee, budget
            As in `search`.
        plan : {"auto", "graph", "scan"}
            Which way to search the graph, as in `Index.search`; `search` leaves it to "auto".

        Returns
        -------
        CollectionExplanation
            The hits, the way through the graph with ids of records, what the filter let through,
            what was stepped over since it was retired, and what was compared one by one since the
            graph does not have it yet. With a guarantee also what was proven, what that took, and
            what the walk had missed; that search is made besides. Printed, a tree.

        Raises
        ------
        InvalidInputError
            More than one query, and whatever `search` refuses.
        """
        vector = self._embedding.queries(vector)
        space, condition = self._states.space(using), self._parsed(filter)
        how = guaranteed(knobs(k, ef_search, plan=plan), guarantee, budget, space.spec.metric)
        return self._look().explain(space, vector, condition, how)

    @telemetry.traced()
    def why_not(
        self,
        vector: ArrayLike | str,
        id: Any,
        k: int = 10,
        *,
        filter: Any = None,
        using: str | None = None,
        ef_search: int = 64,
        plan: str = "auto",
    ) -> WhyNot[Id]:
        """Find out why a search does not give a record, and what would find it.

        What it says is checked by doing it, on one state of the collection. That takes some exact
        searches, and for a record that was missed some more with rising ``ef_search``.

        Parameters
        ----------
        vector : array-like, shape (dim,) or (1, dim), or str
            The query; of a collection with an embedder also a text.
        id : str, int or UUID
            The record in question.
        k, filter, using, ef_search, plan
            As in `explain`.

        Returns
        -------
        WhyNot
            The true rank and distance, the cause, and the ``ef_search`` that finds it.

        Raises
        ------
        NotFoundError
            There is no such record, or it has no such vector.
        InvalidInputError
            More than one query, and whatever `search` refuses.
        """
        vector = self._embedding.queries(vector)
        space, condition = self._states.space(using), self._parsed(filter)
        how = knobs(k, ef_search, plan=plan)
        return self._look().why_not(space, vector, id, condition, how)

    @telemetry.traced()
    def map(
        self,
        path: str | os.PathLike[str] | None = None,
        queries: ArrayLike | str | None = None,
        *,
        k: int = 10,
        ef_search: int = 64,
        filter: Any = None,
        using: str | None = None,
        color: str | None = None,
        most: int = 100_000,
        layout: str = "auto",
        seed: int = 0,
        title: str | None = None,
    ) -> CityMap:
        """Draw the collection as a city: one HTML page that needs no network. See `Index.map`.

        Records are points, with id and payload on hover. Those that the graph does not have yet
        have no streets, and say so; retired ones are left out. Needs plotly
        (``pip install 'vicinal[plot]'``).

        Parameters
        ----------
        path : str or Path, optional
            The page to write; without, it is only returned, and shown by a notebook.
        queries : array-like, shape (n, dim) or (dim,), or str, or list of str, optional
            At most 100, as in `search`. They walk, also where `search` would scan.
        k, ef_search, filter, using
            As in `search`. All records are drawn; the filter is for the queries, and the steps of
            their ways say what it let through.
        color : str, optional
            A field of payloads, as dicts of filters name it: numbers get a scale, other values a
            colour each, the seven most frequent of them.
        most, layout, seed
            As in `Index.map`.
        title : str, optional
            Of the page.

        Raises
        ------
        MissingExtraError
            No plotly; or no umap-learn for ``layout="umap"``.
        InvalidInputError
            More than 100 queries, a color that no payload has, a page that is no .html, and
            whatever `search` refuses.
        FileMissingError, StorageError
            The page could not be written.
        """
        asked = None if queries is None else self._embedding.queries(queries)
        space, condition = self._states.space(using), self._parsed(filter)
        return self._look().map(
            space,
            path,
            asked,
            condition,
            None if color is None else checks.text("color", color),
            k=k,
            ef_search=ef_search,
            most=most,
            layout=layout,
            seed=seed,
            title=f"A map of {self.name}" if title is None else title,
        )

    @telemetry.traced()
    def measure_recall(
        self,
        queries: ArrayLike | None = None,
        k: int = 10,
        *,
        filter: Any = None,
        using: str | None = None,
        ef_search: int = 64,
        sample: int = 200,
        seed: int = 0,
        threads: int = 0,
    ) -> RecallReport:
        """Compare `search` with exact search on the same queries.

        Writes go on meanwhile; what is measured is the state at the call.

        Parameters
        ----------
        queries : array-like, shape (n, dim), optional
            Best ones that are not stored. Without any, stored vectors are asked, and are not to
            find themselves. That is easier than what users ask, since a walk that ends at such a
            vector has its neighbours by hand: take the recall as an upper bound then.
        k, filter, using, ef_search, threads
            As in `search`.
        sample, seed : int
            How many stored vectors stand in for queries, and the seed that draws them.

        Returns
        -------
        RecallReport
            Recall with its confidence interval, how much farther than the true neighbours the found
            ones are, and the rates of both ways.

        Raises
        ------
        InvalidInputError, InvalidTypeError
            As `search`; fewer than two vectors to draw from, or no queries in ``queries``.
        """
        how = knobs(k, ef_search, threads=threads)
        sample = checks.integer("sample", sample, 1, checks.MAX_EF)
        seed = checks.integer("seed", seed, 0, 2**64 - 1)
        space, condition = self._states.space(using), self._parsed(filter)
        return measure_recall(self._states, space, queries, condition, how, sample, seed)

    def stats(self, *, deep: bool = False) -> CollectionStats:
        """Describe what is held, and how far the graphs are behind it.

        Parameters
        ----------
        deep : bool
            True also walks each graph, to see that every vector in it is reached, and reads all of
            the database to tell how many bytes each part takes: seconds for a million records.
        """
        deep = checks.flag("deep", deep)
        return collection_stats(self._states, self._efforts, self._table, deep=deep)

    def _look(self) -> Look:
        return Look(self._states, self._table, self._shelf)
