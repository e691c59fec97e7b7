"""`Collection`: records by id, and search over their vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal import checks
from vicinal.arrays import query_rows
from vicinal.collection import accept
from vicinal.collection.answers import CollectionStats, GraphStats, Page
from vicinal.collection.nearest import Knobs, nearest
from vicinal.collection.shelf import Shelf
from vicinal.collection.shelf import payload as payload_of
from vicinal.collection.space import Space
from vicinal.errors import CorruptionError, InvalidInputError, InvalidTypeError, ReadOnlyError
from vicinal.filters import parse
from vicinal.records.rows import Batch, refuse_duplicates, to_keys, to_text
from vicinal.records.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    import apsw
    from numpy.typing import ArrayLike

    from vicinal.collection.builder import Builder
    from vicinal.collection.nearest import Found
    from vicinal.collection.view import View
    from vicinal.filters import Expr
    from vicinal.records.catalog import CollectionSpec, Entry
    from vicinal.records.store import Store


class Collection:
    """Records with an id, a payload and vectors, in a `Database`, which makes it.

    What a call wrote is durable when it returns, all of it; if it raises, nothing was written.
    Threads may share a collection: one writes at a time, any number reads meanwhile, each a state
    between two writes.
    """

    __slots__ = ("_builder", "_entry", "_shelf", "_spaces", "_store", "_table")

    def __init__(self, store: Store, entry: Entry, builder: Builder | None) -> None:
        self._store = store
        self._entry = entry
        self._builder = builder
        self._table = Table(entry)
        self._shelf = Shelf(entry, self._table)
        self._spaces = {
            name: Space(entry, self._table, name, store.folder, follows=builder is None)
            for name in entry.spec.vectors
        }
        if builder is not None:
            for space in self._spaces.values():
                builder.watch(space)

    @property
    def name(self) -> str:
        """Its name in the database."""
        return self._entry.name

    @property
    def entry(self) -> Entry:
        """What the database's catalog says of it."""
        return self._entry

    @property
    def spec(self) -> CollectionSpec:
        """How it was declared."""
        return self._entry.spec

    # ---- writing -----------------------------------------------------------------------------

    def upsert(self, ids: Any, vectors: Any = None, payloads: Iterable[Any] | None = None) -> int:
        """Write records; one whose id is there already takes the place of the old one.

        Parameters
        ----------
        ids : sequence of str, int or UUID, shape (n,)
            Names, none twice. Strings are kept as they are, byte for byte, up to 1,024 bytes; "1"
            and 1 are two ids.
        vectors : array-like, shape (n, dim), or dict of str to array-like
            As `Index.add` takes them; of a collection with several, by name. A record without a
            vector of some name is not found by searches over that name.
        payloads : sequence of dict or None, optional
            What JSON can hold, with strings as keys; datetimes and UUIDs become strings.

        Returns
        -------
        int
            Records written.

        Raises
        ------
        InvalidInputError, InvalidTypeError
            Ids, vectors or payloads that can't be taken; names the first bad row.
        DuplicateIdError
            An id given twice.
        ReadOnlyError
            The database was opened with ``mode="r"``.
        StorageError
            A full or failing disk.
        """
        batch = accept.batch(ids, vectors, payloads, self.spec.vectors)
        with self._store.writing() as connection:
            self._table.put(connection, batch)
        return len(batch.keys)

    def set_payload(self, ids: Any, payload: dict[str, Any], *, replace: bool = False) -> int:
        """Change the payload of records, and leave their vectors.

        Parameters
        ----------
        ids : sequence of str, int or UUID
            Which ones; all of them must be there.
        payload : dict
            Fields to set in each.
        replace : bool
            True drops all other fields.

        Returns
        -------
        int
            Records changed.

        Raises
        ------
        NotFoundError
            An id that is not there; nothing was written.
        """
        keys = to_keys(ids)
        refuse_duplicates(keys)
        if not isinstance(payload, dict):
            raise InvalidTypeError(f"payload must be a dict, not {checks.described(payload)}")
        replace = checks.flag("replace", replace)
        to_text(payload)  # refused before anything is read
        with self._store.writing() as connection:
            rows = self._shelf.all_rows(connection, keys)
            texts = [
                to_text(payload if replace else {**(payload_of(row) or {}), **payload})
                for row in rows
            ]
            # Vectors are told apart by what records have: some may lack some of them.
            for names, chosen in self._shelf.by_vectors(connection, rows).items():
                places = [place for place, _ in chosen]
                batch = Batch(
                    [keys[place] for place in places],
                    [texts[place] for place in places],
                    {name: np.stack([vectors[name] for _, vectors in chosen]) for name in names},
                )
                self._table.put(connection, batch)
        return len(keys)

    def delete(self, ids: Any = None, *, filter: Any = None) -> int:
        """Remove records: those of these ids, or those that a filter holds for.

        Parameters
        ----------
        ids : sequence of str, int or UUID, optional
            Which ones; those that are not there are none.
        filter : Expr or dict, optional
            Instead of ids, a condition over payloads.

        Returns
        -------
        int
            Records removed.
        """
        if (ids is None) == (filter is None):
            raise InvalidInputError("delete: give either ids or filter=")
        condition = parse(filter)
        keys = [] if ids is None else list(dict.fromkeys(to_keys(ids)))
        with self._store.writing() as connection:
            if condition is None:
                return len(self._table.retire(connection, keys))
            slots = self._table.slots_where(connection, *condition.sql()).tolist()
            self._table.retire_slots(connection, slots)
            return len(slots)

    # ---- reading -----------------------------------------------------------------------------

    def get(self, ids: Any, *, vectors: bool = False, missing: str = "error") -> list[Any]:
        """Give records by id.

        Parameters
        ----------
        ids : sequence of str, int or UUID
            Which ones.
        vectors : bool
            True gives their vectors too.
        missing : {"error", "none"}
            What becomes of an id that is not there: an error, or None in its place.

        Returns
        -------
        list of Record
            In the order of ``ids``.

        Raises
        ------
        NotFoundError
            An id that is not there.
        CorruptionError
            A record that is not what was written; names it.
        """
        keys = to_keys(ids)
        strict = checks.choice("missing", missing, ("error", "none")) == "error"
        vectors = checks.flag("vectors", vectors)
        with self._store.reading() as connection:
            look = self._shelf.all_rows if strict else self._shelf.rows
            return [
                None if row is None else self._shelf.record(connection, row, vectors=vectors)
                for row in look(connection, keys)
            ]

    def scroll(
        self,
        *,
        filter: Any = None,
        after: int | None = None,
        limit: int = 100,
        vectors: bool = False,
    ) -> Page:
        """Give records page by page, in the order in which they were written.

        Each page is a state of its own: records written or changed meanwhile come at the end.

        Parameters
        ----------
        filter : Expr or dict, optional
            Only those it holds for.
        after : int, optional
            The `Page.cursor` of the page before.
        limit : int
            Records on a page, 1 to 100,000.
        vectors : bool
            True gives their vectors too.

        Returns
        -------
        Page
        """
        where, bound = _sql(parse(filter))
        start = 0 if after is None else checks.integer("after", after, 0, 2**63 - 1)
        limit = checks.integer("limit", limit, 1, 100_000)
        vectors = checks.flag("vectors", vectors)
        with self._store.reading() as connection:
            found = self._table.page(connection, start, limit, where, bound)
            records = [
                self._shelf.record(connection, self._shelf.whole(slot, row), vectors=vectors)
                for slot, row in found
            ]
        return Page(records, found[-1][0] if len(found) == limit else None)

    def count(self, *, filter: Any = None) -> int:
        """Count the records, or those that a filter holds for.

        Parameters
        ----------
        filter : Expr or dict, optional
            A condition over payloads.
        """
        where, bound = _sql(parse(filter))
        with self._store.reading() as connection:
            return self._table.count(connection, where, bound)

    # ---- searching ---------------------------------------------------------------------------

    def search(
        self,
        vector: ArrayLike,
        k: int = 10,
        *,
        filter: Any = None,
        using: str | None = None,
        ef_search: int = 64,
        exact: bool = False,
        payloads: bool = True,
        threads: int = 0,
    ) -> Any:
        """Find the records whose vectors are nearest.

        Records that were just written are compared one by one until the graph has them, so every
        record that is there can be found.

        Parameters
        ----------
        vector : array-like, shape (dim,) or (n, dim)
            One query, or several.
        k : int
            How many records; of fewer that there are, all.
        filter : Expr or dict, optional
            Only records for whose payload it holds; see `vicinal.field`.
        using : str, optional
            The name of the vectors, where a collection has several.
        ef_search : int
            Candidates kept during the walk: more find the nearest more surely, and take longer.
        exact : bool
            True compares all of them.
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
        space = self._space(using)
        spec = space.spec
        queries = query_rows(vector, spec.dim, spec.dtype)
        condition = parse(filter)
        knobs = Knobs(
            k=checks.integer("k", k, 1, checks.MAX_K),
            ef_search=checks.integer("ef_search", ef_search, 1, checks.MAX_EF),
            exact=checks.flag("exact", exact),
            threads=checks.threads(threads),
        )
        payloads = checks.flag("payloads", payloads)
        while True:
            with self._store.reading() as connection:
                found = self._nearest(connection, space, np.atleast_2d(queries), condition, knobs)
                if found is None:
                    continue
                hits = [
                    self._shelf.hits(connection, one, spec.metric, payloads=payloads)
                    for one in found
                ]
            return hits[0] if queries.ndim == 1 else hits

    def _nearest(
        self,
        connection: apsw.Connection,
        space: Space,
        queries: Any,
        condition: Expr | None,
        knobs: Knobs,
    ) -> list[Found] | None:
        """The slots and distances for each query, None where a new look is needed."""
        view = space.view(connection, private=self._store.in_transaction)
        if view is None:
            return None
        allowed = None
        if condition is not None:
            where, bound = condition.sql()
            allowed = self._table.slots_where(connection, where, bound, space.name)
        try:
            return nearest(view, space.spec, queries, knobs, allowed)
        except CorruptionError:
            space.distrust(view)
            return None

    def _space(self, using: str | None) -> Space:
        if using is None and len(self._spaces) != 1:
            raise InvalidInputError(
                f"collection {self.name!r} has the vectors {', '.join(self._spaces) or 'none'}; "
                "say which by using="
            )
        name = next(iter(self._spaces)) if using is None else checks.text("using", using)
        accept.spec_of(name, self.spec.vectors)
        return self._spaces[name]

    # ---- upkeep ------------------------------------------------------------------------------

    def compact(self) -> None:
        """Bring the graphs up to date and save them, and give free space back to the disk.

        Searches and writes go on meanwhile.

        Raises
        ------
        ReadOnlyError
            The database was opened with ``mode="r"``.
        InvalidInputError
            Within a transaction.
        """
        if self._builder is None:
            raise ReadOnlyError(f"{self._store.folder}: opened with mode='r'; a writer compacts")
        if self._store.in_transaction:
            raise InvalidInputError("compact: not within a transaction; call it behind the block")
        for space in self._spaces.values():
            self._builder.finish(space)
        self._store.shrink()

    def stats(self) -> CollectionStats:
        """Describe what is held, and how far the graphs are behind it."""
        views = {name: self._view(space) for name, space in self._spaces.items()}
        graphs = {
            name: GraphStats(
                vectors=0 if view.index is None else len(view.index),
                rows=len(view.slots) - view.lost,
                retired=len(view.dead),
            )
            for name, view in views.items()
        }
        return CollectionStats(self.count(), graphs)

    def _view(self, space: Space) -> View:
        while True:
            with self._store.reading() as connection:
                view = space.view(connection, private=self._store.in_transaction)
            if view is not None:
                return view

    def __len__(self) -> int:
        return self.count()

    def __contains__(self, value: object) -> bool:
        try:
            keys = to_keys([value])
        except (InvalidInputError, InvalidTypeError):
            return False
        with self._store.reading() as connection:
            return self._table.slots_of(connection, keys) != [None]

    def __repr__(self) -> str:
        vectors = ", ".join(
            f"{name}: {v.dim} {v.dtype} {v.metric}" for name, v in self.spec.vectors.items()
        )
        return f"Collection({self.name!r}, {vectors or 'no vectors'})"


def _sql(condition: Expr | None) -> tuple[str, list[Any]]:
    return ("1", []) if condition is None else condition.sql()
