"""`Collection`: records by id, with payloads and vectors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal import checks
from vicinal.arrays import STORED, from_stored, row_width
from vicinal.collection import accept
from vicinal.collection.answers import Page, Record
from vicinal.errors import CorruptionError, InvalidInputError, InvalidTypeError, NotFoundError
from vicinal.records.rows import Batch, refuse_duplicates, to_id, to_keys, to_text
from vicinal.records.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw

    from vicinal.records.catalog import CollectionSpec, Entry
    from vicinal.records.rows import Key, Row
    from vicinal.records.store import Store


class Collection:
    """Records with an id, a payload and vectors, in a `Database`, which makes it.

    What a call wrote is durable when it returns, all of it; if it raises, nothing was written.
    Threads may share a collection: one writes at a time, any number reads meanwhile, each a state
    between two writes.
    """

    __slots__ = ("_entry", "_store", "_table")

    def __init__(self, store: Store, entry: Entry) -> None:
        self._store = store
        self._entry = entry
        self._table = Table(entry)

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
            rows = self._found(connection, keys)
            texts = [
                to_text(payload if replace else {**(_payload(row) or {}), **payload})
                for row in rows
            ]
            # Vectors are told apart by what records have: some may lack some of them.
            for names, chosen in self._by_vectors(connection, rows).items():
                places = [place for place, _ in chosen]
                batch = Batch(
                    [keys[place] for place in places],
                    [texts[place] for place in places],
                    {name: np.stack([vectors[name] for _, vectors in chosen]) for name in names},
                )
                self._put(connection, batch)
        return len(keys)

    def delete(self, ids: Any) -> int:
        """Remove records; those that are not there are none.

        Parameters
        ----------
        ids : sequence of str, int or UUID
            Which ones.

        Returns
        -------
        int
            Records removed.
        """
        keys = to_keys(ids)
        with self._store.writing() as connection:
            retired = self._table.retire(connection, list(dict.fromkeys(keys)))
        return len(retired)

    def _put(self, connection: apsw.Connection, batch: Batch) -> None:
        self._table.put(connection, batch)

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
            rows = self._found(connection, keys, strict)
            return [None if row is None else self._record(connection, row, vectors) for row in rows]

    def scroll(self, *, after: int | None = None, limit: int = 100, vectors: bool = False) -> Page:
        """Give records page by page, in the order in which they were written.

        Each page is a state of its own: records written or changed meanwhile come at the end.

        Parameters
        ----------
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
        start = 0 if after is None else checks.integer("after", after, 0, 2**63 - 1)
        limit = checks.integer("limit", limit, 1, 100_000)
        vectors = checks.flag("vectors", vectors)
        with self._store.reading() as connection:
            found = self._table.page(connection, start, limit)
            records = [
                self._record(connection, self._whole(slot, row), vectors) for slot, row in found
            ]
        return Page(records, found[-1][0] if len(found) == limit else None)

    def count(self) -> int:
        """Count the records."""
        with self._store.reading() as connection:
            return self._table.count(connection)

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

    def _found(
        self, connection: apsw.Connection, keys: Sequence[Key], strict: bool = True
    ) -> list[Any]:
        """The rows of these ids; None for those not there, unless that is an error."""
        slots = self._table.slots_of(connection, keys)
        for place, slot in enumerate(slots):
            if slot is None and strict:
                raise NotFoundError(
                    f"collection {self.name!r} has no record {to_id(keys[place])!r} "
                    f"(ids: row {place})"
                )
        rows = self._table.rows(connection, [slot for slot in slots if slot is not None])
        return [
            None if slot is None else self._whole(slot, rows[slot], to_id(key))
            for slot, key in zip(slots, keys, strict=True)
        ]

    def _whole(self, slot: int, row: Row | None, name: Any = None) -> Row:
        if row is None:
            known = f"record {name!r}" if name is not None else f"the record in slot {slot}"
            raise CorruptionError(
                f"collection {self.name!r}: {known} is not what was written; it can't be served. "
                "db.verify() lists all such records"
            )
        return row

    def _record(self, connection: apsw.Connection, row: Row, vectors: bool) -> Record:
        held = {}
        if vectors:
            for name, vector in self._vectors(connection, row).items():
                spec = self.spec.vectors[name]
                held[name] = from_stored(vector.view(np.uint8), spec.dim, spec.dtype)[0]
        return Record(to_id(row.key), _payload(row), held)

    def _vectors(self, connection: apsw.Connection, row: Row) -> dict[str, Any]:
        """The vectors that a record has, in the stored dtype."""
        held = {}
        for name, spec in self.spec.vectors.items():
            kind = STORED[spec.dtype]
            width = row_width(spec.dim, spec.dtype) * kind.itemsize
            _, plain, damaged = self._table.vectors(connection, name, [row.slot], width)
            if damaged:
                raise CorruptionError(
                    f"collection {self.name!r}: the vector {name!r} of record {to_id(row.key)!r} "
                    "is not what was written; it can't be served. db.verify() lists all such"
                )
            if len(plain):
                held[name] = plain[0].view(kind)
        return held

    def _by_vectors(
        self, connection: apsw.Connection, rows: Sequence[Row]
    ) -> dict[tuple[str, ...], list[tuple[int, dict[str, Any]]]]:
        """Places of rows with their vectors, by the names of those."""
        groups: dict[tuple[str, ...], list[tuple[int, dict[str, Any]]]] = {}
        for place, row in enumerate(rows):
            held = self._vectors(connection, row)
            groups.setdefault(tuple(held), []).append((place, held))
        return groups


def _payload(row: Row) -> dict[str, Any] | None:
    return None if row.payload is None else json.loads(row.payload)
