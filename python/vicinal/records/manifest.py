"""Files derived from the vectors of a name: the database says which one is good, and up to where.

A file is written first, whole and durable, and then named here in one transaction. One that is not
named here is nobody's, and may be removed by the writer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import apsw


@dataclass(frozen=True, slots=True)
class Derived:
    """A derived file.

    Attributes
    ----------
    generation : int
        Grows with each new file of any collection.
    file : str
        Its name, within the folder for such files.
    slot : int
        It has the vectors of all slots up to here, but those retired.
    seq : int
        Whatever of it was retired is among the notes behind this one.
    count : int
        Vectors in it.
    """

    generation: int
    file: str
    slot: int
    seq: int
    count: int


def install(
    connection: apsw.Connection, vectors: int, file: str, slot: int, seq: int, count: int
) -> str | None:
    """Name a file, and give the name of the one that it replaces."""
    before = derived(connection, vectors)
    withdraw(connection, vectors)
    connection.execute(
        "INSERT INTO graphs(vectors, file, slot, seq, count) VALUES (?, ?, ?, ?, ?)",
        (vectors, file, slot, seq, count),
    )
    return before.file if before else None


def withdraw(connection: apsw.Connection, vectors: int) -> None:
    """Unname a file."""
    connection.execute("DELETE FROM graphs WHERE vectors = ?", (vectors,))


def derived(connection: apsw.Connection, vectors: int) -> Derived | None:
    """The file of the vectors with this number, if there is one."""
    row = connection.execute(
        "SELECT generation, file, slot, seq, count FROM graphs WHERE vectors = ?", (vectors,)
    ).fetchone()
    return Derived(*row) if row else None


def named(connection: apsw.Connection) -> list[tuple[int, str]]:
    """All files that are named, each with the number of its vectors."""
    return list(connection.execute("SELECT vectors, file FROM graphs"))


def covered(connection: apsw.Connection, collection: int) -> int:
    """The last note of a collection that none of its files needs any more."""
    row = connection.execute(
        "SELECT min(coalesce(seq, 0)) FROM vectors LEFT JOIN graphs ON vectors = number "
        "WHERE collection = ?",
        (collection,),
    ).get
    return int(row or 0)
