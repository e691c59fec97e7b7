"""The tables of one collection: what is written, what is read, and what is told apart as damaged.

Every function takes a connection that is in a transaction; `vicinal.records.store` has those.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal._native import record_sums, vector_sums
from vicinal.records import schema
from vicinal.records.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import apsw
    from numpy.typing import NDArray

    from vicinal.records.catalog import Entry
    from vicinal.records.rows import Batch, Key

#: Rows into an empty collection for which its index of ids is made afterwards, in one sort.
DEFERRED = 2000

#: Rows that one statement inserts: what SQLite does once a statement is a third of what one takes.
ABREAST = 50

#: Rows handed to SQLite at a time: between two of these Ctrl-C is heard.
STRIDE = 5000


@dataclass(frozen=True, slots=True)
class Position:
    """A state of a collection: nothing changes in it but that one of the numbers grows.

    Attributes
    ----------
    slot : int
        The last one that was given to a record.
    seq : int
        The number of the last retirement.
    """

    slot: int
    seq: int


@dataclass(frozen=True, slots=True)
class Change:
    """What a write did.

    Attributes
    ----------
    slots : ndarray of int64
        The new records', in the order they were given.
    retired : list of int
        Slots of the records they replaced.
    """

    slots: NDArray[np.int64]
    retired: list[int]


class Table:
    """SQL over the tables of one collection.

    Parameters
    ----------
    entry : Entry
        Its numbers in the catalog.
    """

    def __init__(self, entry: Entry) -> None:
        n = entry.number
        self.number = n
        self.records = f"records_{n}"
        self._retired = f"retired_{n}"
        self._vectors = {name: f"vectors_{v}" for name, v in entry.vectors.items()}

    def position(self, connection: apsw.Connection) -> Position:
        """Where the collection stands."""
        found = dict(
            connection.execute(
                "SELECT name, seq FROM sqlite_sequence WHERE name IN (?, ?)",
                (self.records, self._retired),
            )
        )
        return Position(found.get(self.records, 0), found.get(self._retired, 0))

    def must_exist(self, connection: apsw.Connection) -> None:
        """Fail where the collection was dropped."""
        connection.execute(f"SELECT 1 FROM {self.records} LIMIT 1")

    # ---- writing -----------------------------------------------------------------------------

    def put(self, connection: apsw.Connection, batch: Batch) -> Change:
        """Write records; those of the same id before are retired."""
        count = len(batch.keys)
        first = self.position(connection).slot + 1
        slots = np.arange(first, first + count)
        deferred = count >= DEFERRED and self._is_empty(connection)
        if deferred:
            connection.execute(f"DROP INDEX ids_{self.number}")
            retired = []
        else:
            retired = self.retire(connection, batch.keys)
        sums = record_sums(slots, batch.keys, batch.payloads)
        rows = zip(slots.tolist(), batch.keys, batch.payloads, sums.tolist(), strict=True)
        self._insert(connection, self.records, 4, rows)
        for name, vectors in batch.vectors.items():
            plain = vectors.view(np.uint8)
            width, memory = plain.shape[1], plain.data.cast("B") if plain.size else b""
            blobs = (memory[i : i + width] for i in range(0, width * count, width))
            sums = vector_sums(slots, plain)
            stored = zip(slots.tolist(), blobs, sums.tolist(), strict=True)
            self._insert(connection, self._vectors[name], 3, stored)
        if deferred:
            connection.execute(schema.ID_INDEX.format(n=self.number))
        return Change(slots, retired)

    def retire(self, connection: apsw.Connection, keys: Sequence[Key]) -> list[int]:
        """Remove the records of these ids that there are, and give their slots."""
        command = f"SELECT slot FROM {self.records} WHERE id = ?"
        slots = [slot for (slot,) in connection.executemany(command, ((key,) for key in keys))]
        self.retire_slots(connection, slots)
        return slots

    def retire_slots(self, connection: apsw.Connection, slots: Sequence[int]) -> None:
        """Remove records, and note it for those who have their slots in memory."""
        if not slots:
            return
        tables = [self.records, *self._vectors.values()]
        commands = [f"DELETE FROM {table} WHERE slot = ?" for table in tables]
        commands.append(f"INSERT INTO {self._retired}(slot) VALUES (?)")
        for command in commands:
            self._each(connection, command, ((slot,) for slot in slots))

    def forget_retired(self, connection: apsw.Connection, seq: int, limit: int) -> int:
        """Drop the first notes up to ``seq``, which nothing that is open needs, and count them."""
        connection.execute(
            f"DELETE FROM {self._retired} WHERE seq IN "
            f"(SELECT seq FROM {self._retired} WHERE seq <= ? ORDER BY seq LIMIT ?)",
            (seq, limit),
        )
        return connection.changes()

    def _is_empty(self, connection: apsw.Connection) -> bool:
        return connection.execute(f"SELECT 1 FROM {self.records} LIMIT 1").get is None

    @classmethod
    def _insert(
        cls, connection: apsw.Connection, table: str, width: int, rows: Iterator[tuple[Any, ...]]
    ) -> None:
        """Insert rows of so many columns, as many as go into whole statements by those."""
        row = f"({', '.join('?' * width)})"
        command = f"INSERT INTO {table} VALUES {', '.join([row] * ABREAST)}"
        while len(part := list(islice(rows, ABREAST))) == ABREAST:
            connection.execute(command, tuple(chain.from_iterable(part)))
        cls._each(connection, f"INSERT INTO {table} VALUES {row}", part)

    @staticmethod
    def _each(connection: apsw.Connection, command: str, rows: Iterable[tuple[Any, ...]]) -> None:
        rows = iter(rows)
        while part := list(islice(rows, STRIDE)):
            connection.executemany(command, part)

    # ---- reading -----------------------------------------------------------------------------

    def count(
        self, connection: apsw.Connection, where: str = "1", bound: Sequence[Any] = ()
    ) -> int:
        """How many records a condition over ``r`` holds for."""
        found = connection.execute(f"SELECT count(*) FROM {self.records} AS r WHERE {where}", bound)
        return int(found.get)

    def kinds(self, connection: apsw.Connection) -> set[str]:
        """What SQLite calls the kinds of the ids that there are."""
        found = connection.execute(f"SELECT DISTINCT typeof(id) FROM {self.records}")
        return {kind for (kind,) in found}

    def slots_of(self, connection: apsw.Connection, keys: Sequence[Key]) -> list[int | None]:
        """The slots of these ids, None for those that are not there."""
        command = f"SELECT slot FROM {self.records} WHERE id = ?"
        return [connection.execute(command, (key,)).get for key in keys]

    def slots_where(
        self,
        connection: apsw.Connection,
        where: str,
        bound: Sequence[Any],
    ) -> NDArray[np.int64]:
        """The slots that a condition over ``r`` holds for, rising."""
        command = f"SELECT r.slot FROM {self.records} AS r WHERE {where} ORDER BY r.slot"
        found = connection.execute(command, bound)
        return np.fromiter((slot for (slot,) in found), np.int64)

    def rows(self, connection: apsw.Connection, slots: Iterable[int]) -> dict[int, Row | None]:
        """The records of these slots that there are; None for one that is damaged."""
        command = f"SELECT slot, id, payload, sum FROM {self.records} WHERE slot = ?"
        found: dict[int, Row | None] = {}
        for slot in slots:
            found.update(_sound(lambda slot=slot: connection.execute(command, (slot,)), slot))
        return found

    def page(
        self,
        connection: apsw.Connection,
        after: int,
        limit: int,
        where: str = "1",
        bound: Sequence[Any] = (),
    ) -> list[tuple[int, Row | None]]:
        """The next ``limit`` records behind a slot that a condition over ``r`` holds for."""
        slots = connection.execute(
            f"SELECT r.slot FROM {self.records} AS r WHERE r.slot > ? AND ({where}) "
            "ORDER BY r.slot LIMIT ?",
            (after, *bound, limit),
        )
        return list(self.rows(connection, [slot for (slot,) in slots]).items())

    def vectors(
        self, connection: apsw.Connection, name: str, slots: Iterable[int], width: int
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8], list[int]]:
        """The vectors of these slots, as `vectors_after` gives them."""
        command = f"SELECT slot, vector, sum FROM {self._vectors[name]} WHERE slot = ?"
        rows = [row for slot in slots for row in connection.execute(command, (slot,))]
        return _matrix(rows, width)

    def vectors_after(
        self, connection: apsw.Connection, name: str, after: int, width: int, limit: int = STRIDE
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8], list[int]]:
        """The vectors of the next slots behind ``after``.

        Returns
        -------
        slots : ndarray of int64, shape (n,)
            Rising.
        rows : ndarray of uint8, shape (n, width)
        damaged : list of int
            Slots whose vectors are not what was written; not among the others. There are no more
            behind `after` where both are empty.
        """
        command = (
            f"SELECT slot, vector, sum FROM {self._vectors[name]} WHERE slot > ? "
            "ORDER BY slot LIMIT ?"
        )
        return _matrix(list(connection.execute(command, (after, limit))), width)

    def all_vectors_after(
        self, connection: apsw.Connection, name: str, after: int, width: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8], list[int]]]:
        """All vectors behind ``after``, as `vectors_after` gives them."""
        while True:
            slots, rows, damaged = self.vectors_after(connection, name, after, width)
            if not len(slots) and not damaged:
                return
            yield slots, rows, damaged
            after = max([*slots[-1:].tolist(), *damaged[-1:]])

    def payloads_after(
        self, connection: apsw.Connection, after: int
    ) -> list[tuple[int, str | None]]:
        """The slots behind ``after`` with their payloads, whose sums are not looked at."""
        command = f"SELECT slot, payload FROM {self.records} WHERE slot > ? ORDER BY slot"
        return list(connection.execute(command, (after,)))

    def retired_after(self, connection: apsw.Connection, seq: int) -> list[tuple[int, int]]:
        """The notes behind ``seq``: pairs of its number and the slot that was retired."""
        command = f"SELECT seq, slot FROM {self._retired} WHERE seq > ? ORDER BY seq"
        return list(connection.execute(command, (seq,)))


def _matrix(
    rows: list[tuple[int, bytes, int]], width: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8], list[int]]:
    whole = [row for row in rows if len(row[1]) == width]
    slots = np.fromiter((row[0] for row in whole), np.int64, len(whole))
    bytes_ = np.frombuffer(b"".join(row[1] for row in whole), np.uint8).reshape(-1, width)
    sound = vector_sums(slots, bytes_) == np.fromiter((row[2] for row in whole), np.int64)
    damaged = sorted({row[0] for row in rows} - set(slots[sound].tolist()))
    return (slots[sound], bytes_[sound], damaged) if damaged else (slots, bytes_, damaged)


def _sound(query: Any, slot: int) -> Iterator[tuple[int, Row | None]]:
    """The row of a query with its sum, None where it can't be what was written."""
    try:
        row = query().fetchone()
        if row is None:
            return
        at, key, payload, sum_ = row
        good = record_sums(np.array([at]), [key], [payload])[0] == sum_
    except (UnicodeDecodeError, TypeError):  # bytes that are no text, or of another kind
        good = False
    yield slot, (Row(at, key, payload) if good else None)
