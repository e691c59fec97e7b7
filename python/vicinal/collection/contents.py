"""Writing records, and giving them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal import checks, telemetry
from vicinal.collection import accept, stream
from vicinal.collection.answers import Page
from vicinal.collection.embedding import ids_of
from vicinal.collection.exported import Exporter
from vicinal.collection.held import Held
from vicinal.collection.shelf import payload as payload_of
from vicinal.errors import InvalidInputError, InvalidTypeError
from vicinal.records.rows import Batch, refuse_duplicates, to_keys, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw

    from vicinal.filters import Expr


class Contents(Held):
    """The methods of `Collection` that write records and give them back."""

    __slots__ = ()

    # ---- writing -----------------------------------------------------------------------------

    @telemetry.traced(telemetry.batch)
    def upsert(
        self,
        ids: Any = None,
        vectors: Any = None,
        payloads: Iterable[Any] | None = None,
        *,
        texts: Sequence[str] | None = None,
    ) -> int:
        """Write records; one whose id is there already takes the place of the old one.

        Parameters
        ----------
        ids : sequence of str, int or UUID, shape (n,), or a table
            Names, none twice. Strings are kept as they are, byte for byte, up to 1,024 bytes; "1"
            and 1 are two ids. Instead of all three: a table of pyarrow, pandas or polars, a reader
            of record batches, or the path of a Parquet file, with a column "id", one for each
            vector ("vector" where there is one; null for a record that has none) and the payload
            in the others; or what `export` gave. It is read and written in pieces of 50,000 rows,
            each of them all or nothing; `Database.transaction` around makes one of them.
        vectors : array-like, shape (n, dim), or dict of str to array-like
            As `Index.add` takes them; of a collection with several, by name. A record without a
            vector of some name is not found by searches over that name.
        payloads : sequence of dict or None, optional
            What JSON can hold, with strings as keys; datetimes and UUIDs become strings.
        texts : sequence of str, optional
            Instead of vectors, of a collection with an embedder. Each is kept in the payload, in
            the field whose text is searched, or in "text" where there is none or are several.
            Without ids each gets a UUID made of it, so that the same text is the same record.

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
            if vectors is not None or payloads is not None or texts is not None:
                raise InvalidInputError("upsert: a table has vectors and payloads in its columns")
            return stream.write(ids, self.spec.vectors, self.upsert, self._store.writing)
        if texts is not None:
            if vectors is not None:
                raise InvalidInputError("upsert: give either vectors or texts=")
            given, vectors = self._embedding.passages(texts)
            payloads = self._embedding.payloads(given, payloads)
            ids = ids_of(given) if ids is None else ids
        batch = accept.batch(ids, vectors, payloads, self.spec.vectors)
        with self._store.writing() as connection:
            self._put(connection, batch)
        return len(batch.keys)

    @telemetry.traced(telemetry.batch)
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

    @telemetry.traced(telemetry.batch)
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

    @telemetry.traced(telemetry.rows)
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

    @telemetry.traced(telemetry.rows)
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

    @telemetry.traced()
    def export(self, *, filter: Any = None) -> Any:
        """Give records as record batches, all of one state, whatever is written meanwhile.

        `upsert` takes them back without any loss, into this collection or another of the same
        vectors; so it does a Parquet file that they were written to.

        Parameters
        ----------
        filter : Expr or dict, optional
            Only those it holds for.

        Returns
        -------
        pyarrow.RecordBatchReader
            Columns: "id"; "kind", where ids are not all strings or all integers, which then are
            strings with "str", "int" or "uuid" there; one for each vector, null where a record has
            none, bf16 as float32, bits packed; and "payload", as JSON text.

        Raises
        ------
        CorruptionError
            While it is read: a record that is not what was written.
        MissingExtraError
            pyarrow is not installed.
        """
        exporter = Exporter(self._store, self._table, self._shelf, self.spec.vectors)
        return exporter.reader(*_sql(self._parsed(filter)))

    @telemetry.traced()
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

    def __len__(self) -> int:
        return self.count()

    def __contains__(self, value: object) -> bool:
        try:
            keys = to_keys([value])
        except (InvalidInputError, InvalidTypeError):
            return False
        with self._store.reading() as connection:
            return self._table.slots_of(connection, keys) != [None]


def _sql(condition: Expr | None) -> tuple[str, list[Any]]:
    return ("1", []) if condition is None else condition.sql()
