"""Declared fields of payloads: bitmaps in memory that follow the records, in place of SQL."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.filters import check
from vicinal.records import manifest
from vicinal.records.table import Position

if TYPE_CHECKING:
    import apsw
    from numpy.typing import NDArray
    from pyroaring import BitMap

    from vicinal.filters import Expr
    from vicinal.filters.bitmaps import PayloadIndex
    from vicinal.records.catalog import Entry
    from vicinal.records.table import Table

#: Bitmaps number slots by 32 bits. A collection that has used more asks SQL.
LAST_SLOT = 2**32 - 1


class Declared:
    """The slots that a filter selects, from bitmaps as far as its fields are declared.

    Parameters
    ----------
    entry : Entry
        The collection.
    table : Table
        Its tables.
    """

    def __init__(self, entry: Entry, table: Table) -> None:
        self._kinds: dict[str, Any] = entry.spec.options.get("fields", {})
        self._table = table
        self._lock = threading.Lock()
        self._index: PayloadIndex | None = None
        self._slots: BitMap | None = None
        self._where = Position(0, 0)

    def check(self, expr: Expr | None) -> Expr | None:
        """A filter, unless it asks for fields or kinds that the declared ones do not have."""
        if self._kinds and expr is not None:
            check(expr, self._kinds)
        return expr

    def slots(self, connection: apsw.Connection, expr: Expr, *, private: bool) -> NDArray[np.int64]:
        """The slots that a filter selects, rising.

        Parameters
        ----------
        connection : apsw.Connection
            In a transaction.
        expr : Expr
        private : bool
            True where it reads what is not committed, which bitmaps do not follow.
        """
        selected = None if private or not self._kinds else self._selected(connection, expr)
        if selected is None:
            return self._table.slots_where(connection, *expr.sql())
        return selected

    def _selected(self, connection: apsw.Connection, expr: Expr) -> NDArray[np.int64] | None:
        """From bitmaps; None where they are of a later state than the connection's."""
        where = self._table.position(connection)
        if where.slot > LAST_SLOT:
            return None
        with self._lock:
            if where.slot < self._where.slot or where.seq < self._where.seq:
                return None
            try:
                index, slots = self._followed(connection, where)
            except ValueError:  # no JSON, or no text at all: SQL says what to do
                self._index = None
                return None
            found = index.select(expr, slots)
        sure, maybe = _array(found.sure), _array(found.maybe)
        if found.rest is None:
            return sure
        rest = self._table.slots_where(connection, *found.rest.sql())
        return np.union1d(sure, np.intersect1d(maybe, rest, assume_unique=True))

    def _followed(
        self, connection: apsw.Connection, where: Position
    ) -> tuple[PayloadIndex, BitMap]:
        """The bitmaps, and all slots there are, brought to a state."""
        if self._where.seq < manifest.covered(connection, self._table.number):
            self._index = None  # notes that are missing here were dropped meanwhile
        if self._index is None or self._slots is None:
            self._index, self._slots = _empty(self._kinds)
            self._where = Position(0, where.seq)
        index, slots = self._index, self._slots
        if where.seq > self._where.seq:
            notes = self._table.retired_after(connection, self._where.seq)
            gone = [slot for _, slot in notes]
            index.remove(gone)
            for slot in gone:
                slots.discard(slot)
        if where.slot > self._where.slot:
            rows = self._table.payloads_after(connection, self._where.slot)
            new = [(slot, None if text is None else json.loads(text)) for slot, text in rows]
            index.update(new)
            slots.update(slot for slot, _ in new)
        self._where = where
        return index, slots


def _empty(kinds: dict[str, Any]) -> tuple[PayloadIndex, BitMap]:
    from pyroaring import BitMap  # only here, for they need an extra

    from vicinal.filters.bitmaps import PayloadIndex

    return PayloadIndex(kinds), BitMap()


def _array(slots: BitMap) -> NDArray[np.int64]:
    return np.frombuffer(slots.to_array(), np.uint32).astype(np.int64) if slots else _NONE


_NONE = np.empty(0, np.int64)
