"""What was measured of searches, kept beside the records. It can be lost: it is measured again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vicinal._native import vector_sums

if TYPE_CHECKING:
    import apsw
    from numpy.typing import NDArray

#: Made when there is something to keep: databases do without it.
TABLE = """
CREATE TABLE IF NOT EXISTS calibrations (
    vectors INTEGER PRIMARY KEY REFERENCES vectors(number),
    measured TEXT NOT NULL,
    sum INTEGER NOT NULL
) STRICT
"""


def keep(connection: apsw.Connection, vectors: int, measured: str) -> int:
    """Keep what was measured of the vectors with this number, and give its sum."""
    connection.execute(TABLE)
    total = _sum(vectors, measured)
    connection.execute(
        "INSERT OR REPLACE INTO calibrations VALUES (?, ?, ?)", (vectors, measured, total)
    )
    return total


def version(connection: apsw.Connection, vectors: int) -> int | None:
    """The sum of what is kept: another one is news. None where there is nothing."""
    there = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'calibrations'").get
    if there is None:
        return None
    command = "SELECT sum FROM calibrations WHERE vectors = ?"
    total = connection.execute(command, (vectors,)).get
    return None if total is None else int(total)


def kept(connection: apsw.Connection, vectors: int) -> str | None:
    """What was kept; None where it is not what was written."""
    command = "SELECT measured, sum FROM calibrations WHERE vectors = ?"
    try:
        row = connection.execute(command, (vectors,)).fetchone()
    except UnicodeDecodeError:
        return None
    return row[0] if row is not None and _sum(vectors, row[0]) == row[1] else None


def drop(connection: apsw.Connection, vectors: int) -> None:
    """Forget it."""
    if version(connection, vectors) is not None:
        connection.execute("DELETE FROM calibrations WHERE vectors = ?", (vectors,))


def _sum(vectors: int, measured: str) -> int:
    plain: NDArray[np.uint8] = np.frombuffer(measured.encode(), np.uint8)
    return int(vector_sums(np.array([vectors]), plain.reshape(1, -1))[0])
