"""Questions about a collection's answers: how they came about, and why not others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.arrays import one_query
from vicinal.collection import told
from vicinal.collection.shelf import by_distance
from vicinal.collection.shelf import payload as payload_of
from vicinal.collection.watched import Watched
from vicinal.errors import NotFoundError
from vicinal.explain import WhyNot, why_not
from vicinal.filters.paths import MISSING, lookup, parse_path
from vicinal.idset import IdSet
from vicinal.map import draw
from vicinal.map.given import Described, refuse_no_field, text_of
from vicinal.records.rows import to_id, to_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    import apsw
    from numpy.typing import ArrayLike, NDArray

    from vicinal.collection.answers import Hits
    from vicinal.collection.knobs import Knobs
    from vicinal.collection.nearest import Found
    from vicinal.collection.shelf import Shelf
    from vicinal.collection.space import Space
    from vicinal.collection.states import State, States
    from vicinal.collection.view import View
    from vicinal.collection.watched import Walked
    from vicinal.filters import Expr
    from vicinal.map import CityMap
    from vicinal.records.catalog import VectorSpec
    from vicinal.records.rows import Id
    from vicinal.records.table import Table

#: Records read in one transaction, while a map is drawn.
PIECE = 2000


class Look:
    """What `Collection` asks to explain itself.

    Parameters
    ----------
    states, table, shelf
        Those of the collection.
    """

    def __init__(self, states: States, table: Table, shelf: Shelf) -> None:
        self._states = states
        self._table = table
        self._shelf = shelf

    def explain(
        self, space: Space, vector: ArrayLike, condition: Expr | None, knobs: Knobs
    ) -> told.CollectionExplanation:
        """The way of a search."""
        spec = space.spec
        query = one_query(vector, spec.dim, spec.dtype)

        def walk(view: View, allowed: NDArray[np.int64] | None) -> tuple[State, Walked]:
            return (view, allowed), Watched(view, spec).walk(query, knobs, allowed)

        def look(connection: apsw.Connection) -> told.CollectionExplanation | None:
            looked = self._states.looked(connection, space, condition, walk)
            if looked is None:
                return None
            (view, allowed), walked = looked
            hits = self._hits(connection, walked.found, spec)
            proven = walked.proven and self._hits(connection, walked.proven, spec)
            seen = told.slots_of(walked.ways[-1]) if walked.ways else []
            met = None if condition is None or allowed is None else (condition, allowed)
            asked = (knobs.k, knobs.ef_search, spec.metric)
            names = self._names(connection, seen)
            return told.explained(view, walked, hits, proven, names, asked, met)

        return self._states.answered(look)

    def why_not(
        self, space: Space, vector: ArrayLike, name: Any, condition: Expr | None, knobs: Knobs
    ) -> WhyNot[Id]:
        """Why a search does not give a record."""
        query = one_query(vector, space.spec.dim, space.spec.dtype)
        key = to_key(name)

        def slot_of(connection: apsw.Connection) -> int:
            row = self._shelf.all_rows(connection, [key])[0]
            if space.name not in self._shelf.vectors(connection, row):
                raise NotFoundError(
                    f"record {to_id(key)!r} has no vector {space.name!r}: no search over these "
                    "vectors finds it"
                )
            return row.slot

        def judge(slot: int, state: State) -> WhyNot[int]:
            view, slots = state
            allowed = None if slots is None else IdSet(slots)
            watched = Watched(view, space.spec)
            how = (knobs.k, knobs.ef_search, allowed, "ignore", knobs.plan)
            return why_not(watched, query, slot, *how)

        why = self._states.worked(space, condition, slot_of, judge)
        return self._named(why, {why.id: to_id(key)})

    def map(
        self,
        space: Space,
        path: Any,
        queries: Any,
        condition: Expr | None,
        color: str | None,
        **how: Any,
    ) -> CityMap:
        """Draw a collection as a city."""

        def drawn(_: None, state: State) -> CityMap:
            view, slots = state
            watched = Watched(view, space.spec)
            words = Records(self, watched, color)
            allowed = None if slots is None else IdSet(slots)
            return draw(
                watched, path, queries, words, allowed=allowed, missing="ignore", color=color, **how
            )

        return self._states.worked(space, condition, lambda _: None, drawn)

    def rows(self, slots: Iterable[int]) -> dict[int, Any]:
        """The records of slots that there are."""
        return self._states.answered(lambda connection: self._table.rows(connection, slots))

    def _hits(self, connection: apsw.Connection, found: Found, spec: VectorSpec) -> Hits:
        places = by_distance(found, spec.metric)
        return self._shelf.hits(
            connection, places, estimate=found.estimate, certificate=found.certificate
        )

    def _names(self, connection: apsw.Connection, slots: Iterable[int]) -> dict[int, Id]:
        rows = self._table.rows(connection, slots)
        return {slot: to_id(row.key) for slot, row in rows.items() if row is not None}

    def _named(self, why: WhyNot[int], names: dict[int, Id]) -> WhyNot[Id]:
        """A verdict with the ids of records."""
        near, freed = why.nearest_visited, why.without_filter
        if near is not None and near not in names:
            names |= self._states.answered(lambda connection: self._names(connection, [near]))
        return WhyNot(
            names[why.id],
            why.cause,
            why.k,
            why.ef_search,
            why.rank,
            why.distance,
            why.kth_distance,
            None if near is None else names.get(near),
            why.gap,
            why.needed_ef_search,
            None if freed is None else self._named(freed, names),
        )

    def why_in_words(self, why: WhyNot[int]) -> str:
        """The same, written out."""
        names = self._states.answered(lambda connection: self._names(connection, [why.id]))
        if why.id not in names:
            raise NotFoundError(f"the record in slot {why.id} was retired meanwhile")
        return str(self._named(why, names))


class Records:
    """What a map is told of the records: ids, and payloads as they are when it is drawn.

    Parameters
    ----------
    look : Look
    watched : Watched
        The view that is drawn.
    color : str, optional
        A field of payloads.
    """

    def __init__(self, look: Look, watched: Watched, color: str | None) -> None:
        self._look = look
        self._watched = watched
        self._field = color
        self._path = None if color is None else parse_path(color)

    def check(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which slots are part of the view."""
        return self._watched.drawn(ids)

    def of(self, ids: NDArray[np.int64], places: NDArray[np.int64]) -> Described:
        """The ids and payloads of the records at some places."""
        slots, path = ids[places], self._path
        there = np.zeros(len(slots), bool)
        names, texts, hues = [""] * len(slots), [""] * len(slots), [None] * len(slots)
        fields: set[str] = set()
        for start in range(0, len(slots), PIECE):
            piece = slots[start : start + PIECE]
            rows = self._look.rows(piece.tolist())
            late = self._watched.behind(piece)
            for place, slot in enumerate(piece.tolist(), start):
                row = rows.get(slot)
                if row is None:  # retired since, or damaged
                    continue
                told_of = payload_of(row) or {}
                label = "not in the graph yet" if late[place - start] else None
                there[place], names[place] = True, str(to_id(row.key))
                texts[place] = text_of(label, told_of, len(slots))
                if len(fields) < 20:
                    fields.update(told_of)
                if path is not None and (value := lookup(told_of, path)) is not MISSING:
                    hues[place] = value
        if self._field is None:
            return Described(there, names, texts, None)
        if there.any() and all(hue is None for hue in hues):
            refuse_no_field(self._field, fields)
        return Described(there, names, texts, hues)

    def why(self, verdict: WhyNot[int]) -> str:
        """A verdict in words."""
        return self._look.why_in_words(verdict)
