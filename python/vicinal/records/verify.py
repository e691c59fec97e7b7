"""Reading everything, to see that each record is what was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vicinal.arrays import STORED, row_width
from vicinal.records import catalog
from vicinal.records.rows import to_id
from vicinal.records.table import STRIDE, Table

if TYPE_CHECKING:
    import apsw

    from vicinal.records.rows import Id


@dataclass(frozen=True, slots=True)
class Damage:
    """A record that is not what was written.

    Attributes
    ----------
    collection : str
    slot : int
        Its number in the tables.
    id : str, int, UUID or None
        Its id as far as it can be read; None where it can't.
    part : str
        "record" for the id or payload, otherwise the name of the vector.
    """

    collection: str
    slot: int
    id: Id | None
    part: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `Database.verify` found.

    Attributes
    ----------
    records : int
        Records read, the damaged ones among them.
    damaged : list of Damage
    file : list of str
        What SQLite says is wrong with the structure of its file.
    removed : int
        Records that ``repair=True`` removed.
    """

    records: int
    damaged: list[Damage] = field(default_factory=list)
    file: list[str] = field(default_factory=list)
    removed: int = 0

    @property
    def ok(self) -> bool:
        """Whether all of it was sound."""
        return not self.damaged and not self.file


def verify(connection: apsw.Connection) -> Verdict:
    """Read the whole file and check every sum."""
    said = [line for (line,) in connection.execute("PRAGMA integrity_check")]
    damaged: list[Damage] = []
    count = 0
    for name in catalog.names(connection):
        entry = catalog.find(connection, name)
        assert entry is not None, "the same transaction named it"
        table = Table(entry)
        slots = table.slots_where(connection, "1", ())
        count += len(slots)
        bad = [
            (slot, "record")
            for start in range(0, len(slots), STRIDE)
            for slot, row in table.rows(connection, slots[start : start + STRIDE].tolist()).items()
            if row is None
        ]
        for vector, spec in entry.spec.vectors.items():
            width = row_width(spec.dim, spec.dtype) * STORED[spec.dtype].itemsize
            for found, _, broken in table.all_vectors_after(connection, vector, 0, width):
                strays = found[~np.isin(found, slots)].tolist()
                bad += [(slot, vector) for slot in broken + strays]
        damaged += [
            Damage(name, slot, _id(connection, table, slot), part) for slot, part in sorted(bad)
        ]
    return Verdict(count, damaged, [] if said == ["ok"] else said)


def repair(connection: apsw.Connection, verdict: Verdict) -> Verdict:
    """Remove the damaged records, and make the indexes anew from the tables."""
    removed = set()
    for name in {damage.collection for damage in verdict.damaged}:
        entry = catalog.find(connection, name)
        assert entry is not None, "the same transaction named it"
        slots = sorted({d.slot for d in verdict.damaged if d.collection == name})
        Table(entry).retire_slots(connection, slots)
        removed |= {(name, slot) for slot in slots}
    connection.execute("REINDEX")
    return Verdict(verdict.records, verdict.damaged, verdict.file, len(removed))


def _id(connection: apsw.Connection, table: Table, slot: int) -> Id | None:
    command = f"SELECT id FROM {table.records} WHERE slot = ?"
    try:
        key = connection.execute(command, (slot,)).get
        return None if key is None else to_id(key)
    except (UnicodeDecodeError, ValueError):
        return None
