"""`Collection`: records by id, and search over their vectors."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal import checks
from vicinal.collection import accept, stream
from vicinal.collection.answers import CollectionStats, GraphStats, Page
from vicinal.collection.ask import DEPTH, Ask, knobs
from vicinal.collection.declared import Declared
from vicinal.collection.shelf import Shelf
from vicinal.collection.shelf import payload as payload_of
from vicinal.collection.space import Space
from vicinal.collection.words import Words
from vicinal.errors import InvalidInputError, InvalidTypeError, ReadOnlyError
from vicinal.filters import parse
from vicinal.records.rows import Batch, refuse_duplicates, to_keys, to_text
from vicinal.records.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw
    from numpy.typing import ArrayLike

    from vicinal.collection.answers import Hits
    from vicinal.collection.builder import Builder
    from vicinal.filters import Expr
    from vicinal.records.catalog import CollectionSpec, Entry
    from vicinal.records.store import Store
    from vicinal.text import Match


class Collection:
    """Records with an id, a payload and vectors, in a `Database`, which makes it.

    What a call wrote is durable when it returns, all of it; if it raises, nothing was written.
    Threads may share a collection: one writes at a time, any number reads meanwhile, each a state
    between two writes.
    """

    __slots__ = (
        "_ask",
        "_builder",
        "_declared",
        "_entry",
        "_shelf",
        "_spaces",
        "_store",
        "_table",
        "_words",
    )

    def __init__(self, store: Store, entry: Entry, builder: Builder | None) -> None:
        self._store = store
        self._entry = entry
        self._builder = builder
        self._table = Table(entry)
        self._shelf = Shelf(entry, self._table)
        self._words = Words(entry)
        self._spaces = {
            name: Space(entry, self._table, name, store.folder, follows=builder is None)
            for name in entry.spec.vectors
        }
        self._declared = Declared(entry, self._table)
        self._ask = Ask(store, self._table, self._shelf, self._words, self._declared, self._spaces)
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
        ids : sequence of str, int or UUID, shape (n,), or a table
            Names, none twice. Strings are kept as they are, byte for byte, up to 1,024 bytes; "1"
            and 1 are two ids. Instead of all three: a table of pyarrow, pandas or polars, a reader
            of record batches, or the path of a Parquet file, with a column "id", one for each
            vector ("vector" where there is one) and the payload in the others. It is read and
            written in pieces of 50,000 rows, each of them all or nothing; `Database.transaction`
            around makes one of them.
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
        if stream.is_table(ids):
            if vectors is not None or payloads is not None:
                raise InvalidInputError("upsert: a table has vectors and payloads in its columns")
            return stream.write(ids, self.spec.vectors, self.upsert)
        batch = accept.batch(ids, vectors, payloads, self.spec.vectors)
        with self._store.writing() as connection:
            self._put(connection, batch)
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
                self._put(connection, batch)
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
        condition = self._parsed(filter)
        keys = [] if ids is None else list(dict.fromkeys(to_keys(ids)))
        with self._store.writing() as connection:
            if condition is None:
                retired = self._table.retire(connection, keys)
            else:
                found = self._declared.slots(connection, condition, private=True)
                retired = found.tolist()
                self._table.retire_slots(connection, retired)
            self._words.remove(connection, retired)
        return len(retired)

    def _put(self, connection: apsw.Connection, batch: Batch) -> None:
        change = self._table.put(connection, batch)
        self._words.remove(connection, change.retired)
        self._words.add(connection, change.slots.tolist(), batch.payloads)

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
        where, bound = _sql(self._parsed(filter))
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
        condition, private = self._parsed(filter), self._store.in_transaction
        with self._store.reading() as connection:
            if condition is None:
                return self._table.count(connection)
            return len(self._declared.slots(connection, condition, private=private))

    def _parsed(self, filter: Any) -> Expr | None:
        return self._declared.check(parse(filter))

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
        return self._ask.by_vector(
            self._ask.space(using),
            vector,
            self._parsed(filter),
            knobs(k, ef_search, exact=exact, threads=threads),
            payloads=checks.flag("payloads", payloads),
        )

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

    def hybrid(
        self,
        vector: ArrayLike,
        text: str,
        k: int = 10,
        *,
        fuse: str = "rrf",
        weights: Sequence[float] | None = None,
        depth: int | None = None,
        filter: Any = None,
        using: str | None = None,
        ef_search: int = 64,
        match: Match = "any",
    ) -> Hits:
        """Find records by a vector and by text, and rank them together.

        Parameters
        ----------
        vector : array-like, shape (dim,)
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
        filter, using, ef_search
            As in `search`.
        match
            As in `text`.

        Returns
        -------
        Hits
            Their scores are those of the fusion; what the text alone found has no distance.
        """
        from vicinal.text import reciprocal_rank, weighted  # only here, for it needs an extra

        ways = {"rrf": reciprocal_rank, "weighted": weighted}
        way = partial(ways[checks.choice("fuse", fuse, ways)], weights=weights)
        k = checks.integer("k", k, 1, checks.MAX_K)
        depth = max(4 * k, DEPTH) if depth is None else depth
        depth = checks.integer("depth", depth, k, checks.MAX_K)
        space, condition = self._ask.space(using), self._parsed(filter)
        return self._ask.by_both(
            space, vector, text, k, condition, knobs(depth, ef_search), match, way
        )

    def highlight(self, hits: Hits, query: str, **how: Any) -> list[dict[str, str]]:
        """Mark in the text of hits what a query found there.

        Parameters
        ----------
        hits : Hits
            With payloads.
        query : str
            As in `text`.
        **how
            ``match``, ``fields``, ``before`` and ``after`` (marks, "**" by default), and ``words``:
            cut a snippet of so many words.

        Returns
        -------
        list of dict of str to str
            For each hit, the indexed fields that have text.
        """
        return self._words.index.highlight(hits.payloads, query, **how)

    def recommend(
        self,
        positive: Any,
        negative: Any = (),
        k: int = 10,
        *,
        filter: Any = None,
        using: str | None = None,
        ef_search: int = 64,
    ) -> Hits:
        """Find records like some and unlike others, none of which is among the answers.

        The query is the mean of the positive vectors, moved away from the mean of the negative ones
        by as much as the two means differ.

        Parameters
        ----------
        positive, negative : sequence of str, int or UUID
            Ids; at least one is positive.
        k, filter, using, ef_search
            As in `search`.

        Raises
        ------
        NotFoundError
            An id that is not there, or has no such vector.
        InvalidInputError
            No positive id, or vectors of bits, which have no mean.
        """
        space = self._ask.space(using)
        return self._ask.like(space, positive, negative, k, self._parsed(filter), ef_search)

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
        private = self._store.in_transaction
        views = {
            name: self._ask.answered(partial(space.view, private=private))
            for name, space in self._spaces.items()
        }
        graphs = {
            name: GraphStats(
                vectors=0 if view.index is None else len(view.index),
                rows=len(view.slots) - view.lost,
                retired=len(view.dead),
            )
            for name, view in views.items()
        }
        return CollectionStats(self.count(), graphs)

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
