"""Rows of a collection as the records that users see, or an error that names the damaged one."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vicinal.arrays import STORED, from_stored, row_width
from vicinal.collection.answers import Hit, Hits, Record
from vicinal.errors import CorruptionError, NotFoundError
from vicinal.records.rows import to_id
from vicinal.result import SCORES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw
    from numpy.typing import NDArray

    from vicinal.collection.nearest import Found
    from vicinal.recall import RecallEstimate
    from vicinal.records.catalog import Entry
    from vicinal.records.rows import Key, Row
    from vicinal.records.table import Table
    from vicinal.result import Certificate

log = logging.getLogger("vicinal.collection")

#: A slot, its score, and its distance where it has one.
Place: TypeAlias = "tuple[int, float, float | None]"

SEE = "it can't be served. db.verify() lists all such records"


class Shelf:
    """What is read of a collection's tables, in one transaction each.

    Parameters
    ----------
    entry : Entry
        The collection.
    table : Table
        Its tables.
    """

    def __init__(self, entry: Entry, table: Table) -> None:
        self._name = entry.name
        self._specs = entry.spec.vectors
        self._table = table

    def rows(self, connection: apsw.Connection, keys: Sequence[Key]) -> list[Row | None]:
        """The rows of these ids; None for those not there."""
        slots = self._table.slots_of(connection, keys)
        found = self._table.rows(connection, [slot for slot in slots if slot is not None])
        return [
            None if slot is None else self.whole(slot, found[slot], to_id(key))
            for slot, key in zip(slots, keys, strict=True)
        ]

    def all_rows(self, connection: apsw.Connection, keys: Sequence[Key]) -> list[Row]:
        """The rows of these ids, all of which must be there."""
        rows: list[Row] = []
        for place, row in enumerate(self.rows(connection, keys)):
            if row is None:
                raise NotFoundError(
                    f"collection {self._name!r} has no record {to_id(keys[place])!r} "
                    f"(ids: row {place})"
                )
            rows.append(row)
        return rows

    def whole(self, slot: int, row: Row | None, name: Any = None) -> Row:
        """A row, unless it is damaged."""
        if row is None:
            known = f"record {name!r}" if name is not None else f"the record in slot {slot}"
            raise CorruptionError(
                f"collection {self._name!r}: {known} is not what was written; {SEE}"
            )
        return row

    def damaged_vector(self, name: str, row: Row) -> CorruptionError:
        """The error for a vector that is not what was written."""
        return CorruptionError(
            f"collection {self._name!r}: the vector {name!r} of record {to_id(row.key)!r} is not "
            f"what was written; {SEE}"
        )

    def record(self, connection: apsw.Connection, row: Row, *, vectors: bool) -> Record:
        """A row as users see it."""
        held = {}
        if vectors:
            for name, vector in self.vectors(connection, row).items():
                spec = self._specs[name]
                held[name] = from_stored(vector.view(np.uint8), spec.dim, spec.dtype)[0]
        return Record(to_id(row.key), payload(row), held)

    def vectors(self, connection: apsw.Connection, row: Row) -> dict[str, Any]:
        """The vectors that a record has, in the stored dtype."""
        held = {}
        for name, spec in self._specs.items():
            kind = STORED[spec.dtype]
            width = row_width(spec.dim, spec.dtype) * kind.itemsize
            _, plain, damaged = self._table.vectors(connection, name, [row.slot], width)
            if damaged:
                raise self.damaged_vector(name, row)
            if len(plain):
                held[name] = plain[0].view(kind)
        return held

    def by_vectors(
        self, connection: apsw.Connection, rows: Sequence[Row]
    ) -> dict[tuple[str, ...], list[tuple[int, dict[str, Any]]]]:
        """Places of rows with their vectors, by the names of those."""
        groups: dict[tuple[str, ...], list[tuple[int, dict[str, Any]]]] = {}
        for place, row in enumerate(rows):
            held = self.vectors(connection, row)
            groups.setdefault(tuple(held), []).append((place, held))
        return groups

    def matrix(self, connection: apsw.Connection, keys: Sequence[Key], name: str) -> NDArray[Any]:
        """The vectors of a name of these ids, all of which must have one, as float64."""
        spec, found = self._specs[name], []
        for row in self.all_rows(connection, keys):
            vector = self.vectors(connection, row).get(name)
            if vector is None:
                raise NotFoundError(
                    f"collection {self._name!r}: record {to_id(row.key)!r} has no vector {name!r}"
                )
            found.append(from_stored(vector.view(np.uint8), spec.dim, spec.dtype)[0])
        return np.stack(found).astype(np.float64)

    def hits(
        self,
        connection: apsw.Connection,
        found: Sequence[Place],
        *,
        payloads: bool = True,
        estimate: RecallEstimate | None = None,
        certificate: Certificate | None = None,
    ) -> Hits:
        """What a search found, with ids and payloads. A damaged record is left out."""
        rows = self._table.rows(connection, [slot for slot, _, _ in found])
        hits = []
        for slot, score, distance in found:
            row = rows.get(slot)
            if row is None:
                log.warning(
                    "%s: the record in slot %d is not what was written; %s", self._name, slot, SEE
                )
                continue
            told = payload(row) if payloads else None
            hits.append(Hit(to_id(row.key), score, distance, told))
        return Hits(hits, estimate, certificate)


def by_distance(found: Found, metric: str) -> list[Place]:
    """What a search by vector found, with scores that are higher for the nearer."""
    top = SCORES.get(metric, 0.0)
    return [
        (slot, top - distance, distance)
        for slot, distance in zip(found.slots.tolist(), found.distances.tolist(), strict=True)
    ]


def by_score(found: Sequence[tuple[int, float]]) -> list[Place]:
    """What a search by text found."""
    return [(slot, score, None) for slot, score in found]


def payload(row: Row) -> dict[str, Any] | None:
    """The payload of a row."""
    return None if row.payload is None else json.loads(row.payload)
