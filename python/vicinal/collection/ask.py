"""Questions to a collection, each answered from one state of it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vicinal import checks, diverse
from vicinal.arrays import query_rows
from vicinal.collection import accept
from vicinal.collection.answers import Hit, Hits
from vicinal.collection.shelf import by_distance, by_score
from vicinal.collection.varied import varied
from vicinal.collection.within import within
from vicinal.errors import InvalidInputError
from vicinal.filters.paths import MISSING, lookup, parse_path
from vicinal.records.rows import to_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import apsw
    from numpy.typing import ArrayLike, NDArray

    from vicinal.collection.effort import Effort
    from vicinal.collection.knobs import Knobs
    from vicinal.collection.nearest import Found
    from vicinal.collection.shelf import Shelf
    from vicinal.collection.space import Space
    from vicinal.collection.states import States
    from vicinal.collection.view import View
    from vicinal.collection.words import Words
    from vicinal.filters import Expr
    from vicinal.records.store import Store
    from vicinal.records.table import Table
    from vicinal.text import Match

#: Takes what was found in a view further.
Then: TypeAlias = "Callable[[View, list[Found]], list[Found]]"


class Ask:
    """What `Collection` asks of records, graphs and text together.

    Parameters
    ----------
    store, table, shelf, words, states
        Those of the collection.
    efforts : dict of str to Effort
        By the names of its vectors.
    """

    def __init__(
        self,
        store: Store,
        table: Table,
        shelf: Shelf,
        words: Words,
        states: States,
        efforts: Mapping[str, Effort],
    ) -> None:
        self._store = store
        self._table = table
        self._shelf = shelf
        self._words = words
        self._states = states
        self._efforts = efforts

    def by_vector(
        self,
        space: Space,
        vector: ArrayLike,
        condition: Expr | None,
        knobs: Knobs,
        *,
        payloads: bool,
        mmr: float | None = None,
    ) -> Any:
        """Hits for a query, or a list of them for several; with ``mmr`` that differ."""
        wide, then = self._varied(space, knobs, mmr)

        def ask(connection: apsw.Connection, queries: NDArray[Any]) -> list[Hits] | None:
            found = self._nearest(connection, space, queries, condition, wide, then)
            return self._hits(connection, space, found, payloads=payloads)

        return self._answers(space, vector, ask)

    def by_radius(
        self,
        space: Space,
        vector: ArrayLike,
        radius: float,
        limit: int | None,
        condition: Expr | None,
        threads: int,
        *,
        payloads: bool,
    ) -> Any:
        """As `by_vector`: all within a distance."""
        if math.isnan(radius) or (radius < 0.0 and space.spec.metric != "ip"):
            raise InvalidInputError(f"the radius must be a distance, 0 or more, not {radius:g}")

        def ask(connection: apsw.Connection, queries: NDArray[Any]) -> list[Hits] | None:
            def near(view: View, allowed: NDArray[np.int64] | None) -> list[Found]:
                return within(view, space.spec, queries, radius, limit, threads, allowed)

            found = self._states.looked(connection, space, condition, near)
            return self._hits(connection, space, found, payloads=payloads)

        return self._answers(space, vector, ask)

    def _answers(
        self,
        space: Space,
        vector: ArrayLike,
        ask: Callable[[apsw.Connection, NDArray[Any]], list[Hits] | None],
    ) -> Any:
        """Hits for a query, or a list of them for several."""
        queries = query_rows(vector, space.spec.dim, space.spec.dtype)
        hits = self._states.answered(lambda connection: ask(connection, np.atleast_2d(queries)))
        return hits[0] if queries.ndim == 1 else hits

    def _hits(
        self,
        connection: apsw.Connection,
        space: Space,
        found: list[Found] | None,
        *,
        payloads: bool,
    ) -> list[Hits] | None:
        """The records of what was found for each query."""
        if found is None:
            return None
        return [
            self._shelf.hits(
                connection,
                by_distance(one, space.spec.metric),
                payloads=payloads,
                estimate=one.estimate,
                certificate=one.certificate,
            )
            for one in found
        ]

    @staticmethod
    def _varied(space: Space, knobs: Knobs, mmr: float | None) -> tuple[Knobs, Then | None]:
        """Knobs that find more than are wanted, and how to choose among them."""
        if mmr is None:
            return knobs, None
        share = diverse.mmr_share(mmr)

        def choose(view: View, found: list[Found]) -> list[Found]:
            return varied(view, space.spec, found, knobs.k, share)

        return replace(knobs, k=diverse.pool(knobs.k, checks.MAX_K)), choose

    def by_group(
        self,
        space: Space,
        vector: ArrayLike,
        group_by: str,
        condition: Expr | None,
        knobs: Knobs,
        *,
        payloads: bool,
    ) -> Any:
        """As `by_vector`, but of the records with the same value of a field only the best."""
        path = parse_path(group_by)

        def best(connection: apsw.Connection, query: Any) -> Hits | None:
            wide = knobs
            while True:
                found = self._nearest(connection, space, query[None], condition, wide)
                if found is None:
                    return None
                hits = self._shelf.hits(connection, by_distance(found[0], space.spec.metric))
                groups: dict[str, Hit] = {}
                for hit in hits:
                    value = lookup(hit.payload, path)
                    if value is not MISSING:
                        groups.setdefault(json.dumps(value, sort_keys=True), hit)
                if len(groups) >= knobs.k or len(found[0].slots) < wide.k:
                    chosen = list(groups.values())[: knobs.k]
                    bare = chosen if payloads else [replace(hit, payload=None) for hit in chosen]
                    return Hits(bare, found[0].estimate)
                wide = replace(wide, k=4 * wide.k)

        def ask(connection: apsw.Connection, queries: NDArray[Any]) -> list[Hits] | None:
            answers = []
            for query in queries:
                if (hits := best(connection, query)) is None:
                    return None
                answers.append(hits)
            return answers

        return self._answers(space, vector, ask)

    def by_text(
        self,
        query: str,
        k: int,
        condition: Expr | None,
        match: Match,
        fields: Sequence[str] | None,
    ) -> Hits:
        """Hits by BM25."""
        with self._store.reading() as connection:
            found = self._words.search(connection, query, k, condition, match, fields)
            return self._shelf.hits(connection, by_score(found))

    def by_both(
        self,
        space: Space,
        vector: ArrayLike,
        text: str,
        k: int,
        condition: Expr | None,
        knobs: Knobs,
        match: Match,
        fuse: Callable[[list[list[tuple[int, float]]]], list[tuple[int, float]]],
    ) -> Hits:
        """The k best of ``knobs.k`` by vector and as many by text, ranked together."""
        query = query_rows(vector, space.spec.dim, space.spec.dtype)
        if query.ndim != 1:
            raise InvalidInputError(f"hybrid takes one vector, not the shape {query.shape}")

        def ask(connection: apsw.Connection) -> Hits | None:
            found = self._nearest(connection, space, query[None], condition, knobs)
            if found is None:
                return None
            near = by_distance(found[0], space.spec.metric)
            words = self._words.search(connection, text, knobs.k, condition, match)
            ranked = fuse([[(slot, score) for slot, score, _ in near], words])
            distance = {slot: far for slot, _, far in near}
            best = [(slot, score, distance.get(slot)) for slot, score in ranked[:k]]
            return self._shelf.hits(connection, best, estimate=found[0].estimate)

        return self._states.answered(ask)

    def like(
        self,
        space: Space,
        positive: Any,
        negative: Any,
        condition: Expr | None,
        knobs: Knobs,
        mmr: float | None,
    ) -> Hits:
        """Hits near the mean of some and away from that of others."""
        if space.spec.dtype == "bits":
            raise InvalidInputError(
                "recommend: vectors of bits have no mean; search by one of them"
            )
        likes, dislikes = to_keys(positive), to_keys(negative)
        if not likes:
            raise InvalidInputError("recommend: give at least one positive id")
        wide, then = self._varied(space, knobs, mmr)
        wide = replace(wide, k=wide.k + len(likes) + len(dislikes))

        def ask(connection: apsw.Connection) -> Hits | None:
            query = self._shelf.matrix(connection, likes, space.name).mean(axis=0)
            if dislikes:
                query += query - self._shelf.matrix(connection, dislikes, space.name).mean(axis=0)
            rows = query_rows(accept.rounded(query, space.spec), space.spec.dim, space.spec.dtype)
            given = np.array(self._table.slots_of(connection, [*likes, *dislikes]), np.int64)

            def others(view: View, found: list[Found]) -> list[Found]:
                left = [one.only(~np.isin(one.slots, given)) for one in found]
                return left if then is None else then(view, left)

            found = self._nearest(connection, space, rows[None], condition, wide, others)
            if found is None:
                return None
            [one] = found
            near = by_distance(one, space.spec.metric)[: knobs.k]
            return self._shelf.hits(connection, near, estimate=one.estimate)

        return self._states.answered(ask)

    def _nearest(
        self,
        connection: apsw.Connection,
        space: Space,
        queries: Any,
        condition: Expr | None,
        knobs: Knobs,
        then: Then | None = None,
    ) -> list[Found] | None:
        """The slots and distances for each query, None where a new look is needed."""
        effort = self._efforts[space.name]

        def near(view: View, allowed: NDArray[np.int64] | None) -> list[Found]:
            found = effort.nearest(connection, view, queries, knobs, condition, allowed)
            return found if then is None else then(view, found)

        return self._states.looked(connection, space, condition, near)
