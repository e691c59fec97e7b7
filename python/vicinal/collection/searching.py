"""Searching: by vector, by text, by both, and by what is like some records."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from vicinal import checks, telemetry
from vicinal.collection.contents import Contents
from vicinal.collection.knobs import guaranteed, knobs
from vicinal.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from vicinal.collection.answers import Hits
    from vicinal.text import Match

#: Of each way of a fusion at least so many records are ranked.
DEPTH = 50


class Searching(Contents):
    """The methods of `Collection` that find records."""

    __slots__ = ()

    @telemetry.traced(telemetry.rows)
    def search(
        self,
        vector: ArrayLike | str,
        k: int = 10,
        *,
        filter: Any = None,
        group_by: str | None = None,
        mmr: float | None = None,
        using: str | None = None,
        ef_search: int = 64,
        target_recall: float | None = None,
        exact: bool = False,
        plan: str = "auto",
        guarantee: str | float | None = None,
        budget: float | None = None,
        payloads: bool = True,
        threads: int = 0,
    ) -> Any:
        """Find the records whose vectors are nearest.

        Records that were just written are compared one by one until the graph has them, so every
        record that is there can be found.

        Parameters
        ----------
        vector : array-like, shape (dim,) or (n, dim)
            One query, or several; of a collection with an embedder also a text, or a list of texts.
        k : int
            How many records; of fewer that there are, all.
        filter : Expr or dict, optional
            Only records for whose payload it holds; see `vicinal.field`.
        group_by : str, optional
            A field of payloads, as dicts of filters name it: of the records with the same value
            only the nearest is given, and none without the field.
        mmr : float, optional
            From 0, the nearest, to 1, the most diverse: the k are chosen from the 4k nearest, as
            `Index.search` does it, and come in the order of the choice.
        using : str, optional
            The name of the vectors, where a collection has several.
        ef_search : int
            Candidates kept during the walk: more find the nearest more surely, and take longer.
        target_recall : float, optional
            Instead of it, the share of the true nearest to be found, on average over queries like
            these: above 0 and at most 1, which is exact. The effort is the least that reached it
            when it was measured on the last thousand such queries, by the low end of the 95%
            interval; "such" are queries for as many records, with filters on the same fields that
            let about as much through. Until enough were asked, and wherever else it can't be told,
            answers are exact. `Hits.recall_estimate` says what to expect.
        exact : bool
            True compares all of them.
        plan : {"auto", "graph", "scan"}
            As in `Index.search`.
        guarantee : {"exact"} or float, optional
            What is to be proven of every answer, as in `Index.search`; `Hits.certified` says
            whether it was. Not with `mmr`, `group_by` or `target_recall`.
        budget : int or float, optional
            How many vectors of the graph may be measured for each query's proof, or which share
            of them. Those that the graph does not have yet are measured in any case.
        payloads : bool
            False leaves them where they are.
        threads : int
            0 means all cores; a single query takes one.

        Returns
        -------
        Hits, or list of Hits
            One for each query, the best first.

        Raises
        ------
        InvalidInputError, InvalidTypeError
            As `Index.search`; a filter that can't be read.
        """
        vector = self._embedding.queries(vector)
        space, condition = self._states.space(using), self._parsed(filter)
        how = knobs(k, ef_search, target=target_recall, exact=exact, plan=plan, threads=threads)
        shown = checks.flag("payloads", payloads)
        if guarantee is not None or budget is not None:
            if mmr is not None or group_by is not None or target_recall is not None:
                raise InvalidInputError(
                    "a guarantee is of the k nearest; leave out mmr, group_by and target_recall"
                )
            how = guaranteed(how, guarantee, budget, space.spec.metric)
        if group_by is None:
            return self._ask.by_vector(space, vector, condition, how, payloads=shown, mmr=mmr)
        if mmr is not None:
            raise InvalidInputError("mmr and group_by don't go together; leave one of the two out")
        return self._ask.by_group(space, vector, group_by, condition, how, payloads=shown)

    @telemetry.traced(telemetry.rows)
    def search_radius(
        self,
        vector: ArrayLike | str,
        r: float,
        *,
        limit: int | None = None,
        filter: Any = None,
        using: str | None = None,
        payloads: bool = True,
        threads: int = 0,
    ) -> Any:
        """Find all records within a distance.

        Every vector that may be found is compared, so that none is missed.

        Parameters
        ----------
        vector : array-like, shape (dim,) or (n, dim)
            As in `search`.
        r : float
            The greatest distance that is still within, in the metric's unit. Only under "ip", whose
            distances are negative, may it be.
        limit : int, optional
            At most so many, the nearest.
        filter, using, payloads, threads
            As in `search`.

        Returns
        -------
        Hits, or list of Hits
            One for each query, the nearest first.

        Raises
        ------
        InvalidInputError, InvalidTypeError
            As `search`; a radius that is negative or no number.
        """
        radius = checks.number("r", r)
        most = None if limit is None else checks.integer("limit", limit, 1, checks.MAX_K)
        vector = self._embedding.queries(vector)
        space, condition = self._states.space(using), self._parsed(filter)
        shown, threads = checks.flag("payloads", payloads), checks.threads(threads)
        return self._ask.by_radius(space, vector, radius, most, condition, threads, payloads=shown)

    @telemetry.traced(telemetry.rows)
    def text(
        self,
        query: str,
        k: int = 10,
        *,
        filter: Any = None,
        match: Match = "any",
        fields: Sequence[str] | None = None,
    ) -> Hits:
        """Find the records whose text fits best.

        Parameters
        ----------
        query : str
            Words, and phrases in double quotes. Any text is allowed.
        k : int
            How many records.
        filter : Expr or dict, optional
            Only records for whose payload it holds.
        match : {"any", "all", "phrase"}
            Records with any of the words, with all, or with all of the query in a row.
        fields : sequence of str, optional
            Look in these of the indexed fields alone.

        Returns
        -------
        Hits
            Their scores are BM25; they have no distance.

        Raises
        ------
        InvalidInputError
            The collection has no text index, or not of such a field.
        """
        k = checks.integer("k", k, 1, checks.MAX_K)
        return self._ask.by_text(query, k, self._parsed(filter), match, fields)

    @telemetry.traced(telemetry.rows)
    def hybrid(
        self,
        vector: ArrayLike | str,
        text: str,
        k: int = 10,
        *,
        fuse: str = "rrf",
        weights: Sequence[float] | None = None,
        depth: int | None = None,
        filter: Any = None,
        using: str | None = None,
        ef_search: int = 64,
        target_recall: float | None = None,
        match: Match = "any",
    ) -> Hits:
        """Find records by a vector and by text, and rank them together.

        Parameters
        ----------
        vector : array-like, shape (dim,), or str
            As in `search`.
        text : str
            As in `text`.
        k : int
            How many records.
        fuse : {"rrf", "weighted"}
            By ranks (reciprocal rank fusion), or by scores stretched to 0 to 1 and added.
        weights : (float, float), optional
            What the vector and the text count; 1 each by default.
        depth : int, optional
            How many records of each way are ranked; 4 k and at least 50 by default.
        filter, using, ef_search, target_recall
            As in `search`, of the ``depth`` that the vector finds.
        match
            As in `text`.

        Returns
        -------
        Hits
            Their scores are those of the fusion; what the text alone found has no distance. Their
            `Hits.recall_estimate` is of what the vector found.
        """
        from vicinal.text import reciprocal_rank, weighted  # only here, for it needs an extra

        ways = {"rrf": reciprocal_rank, "weighted": weighted}
        way = partial(ways[checks.choice("fuse", fuse, ways)], weights=weights)
        k = checks.integer("k", k, 1, checks.MAX_K)
        depth = max(4 * k, DEPTH) if depth is None else depth
        depth = checks.integer("depth", depth, k, checks.MAX_K)
        vector = self._embedding.queries(vector)
        space, condition = self._states.space(using), self._parsed(filter)
        how = knobs(depth, ef_search, target=target_recall)
        return self._ask.by_both(space, vector, text, k, condition, how, match, way)

    def highlight(
        self,
        hits: Hits,
        query: str,
        *,
        match: Match = "any",
        fields: Sequence[str] | None = None,
        before: str = "**",
        after: str = "**",
        words: int | None = None,
    ) -> list[dict[str, str]]:
        """Mark in the text of hits what a query found there.

        Parameters
        ----------
        hits : Hits
            With payloads.
        query, match, fields
            As in `text`.
        before, after : str
            Marks. The text itself is not escaped for HTML or anything else.
        words : int, optional
            Cut a snippet of so many words around what was found, at most 64.

        Returns
        -------
        list of dict of str to str
            For each hit, the indexed fields that have text.
        """
        return self._words.index.highlight(
            hits.payloads,
            query,
            match=match,
            fields=fields,
            before=before,
            after=after,
            words=words,
        )

    @telemetry.traced(telemetry.rows)
    def recommend(
        self,
        positive: Any,
        negative: Any = (),
        k: int = 10,
        *,
        filter: Any = None,
        mmr: float | None = None,
        using: str | None = None,
        ef_search: int = 64,
        target_recall: float | None = None,
    ) -> Hits:
        """Find records like some and unlike others, none of which is among the answers.

        The query is the mean of the positive vectors, moved away from the mean of the negative ones
        by as much as the two means differ.

        Parameters
        ----------
        positive, negative : sequence of str, int or UUID
            Ids; at least one is positive.
        k, filter, mmr, using, ef_search, target_recall
            As in `search`.

        Raises
        ------
        NotFoundError
            An id that is not there, or has no such vector.
        InvalidInputError
            No positive id, or vectors of bits, which have no mean.
        """
        space, condition = self._states.space(using), self._parsed(filter)
        how = knobs(k, ef_search, target=target_recall)
        return self._ask.like(space, positive, negative, condition, how, mmr)
