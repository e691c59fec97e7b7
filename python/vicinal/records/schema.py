"""The tables of a database file; docs/format.md describes them for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vicinal.errors import FormatError

if TYPE_CHECKING:
    import apsw

#: "VCNL" in the file's header tells a database of Vicinal from any other of SQLite.
APPLICATION_ID = 0x56434E4C

#: The version of the tables. A database of a newer one is refused.
VERSION = 1

CATALOG = """
CREATE TABLE collections (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    config TEXT NOT NULL
) STRICT;
CREATE TABLE vectors (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    collection INTEGER NOT NULL REFERENCES collections(number),
    name TEXT NOT NULL,
    config TEXT NOT NULL,
    UNIQUE (collection, name)
) STRICT;
CREATE TABLE graphs (
    generation INTEGER PRIMARY KEY AUTOINCREMENT,
    vectors INTEGER NOT NULL UNIQUE REFERENCES vectors(number),
    file TEXT NOT NULL UNIQUE,
    slot INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    count INTEGER NOT NULL
) STRICT;
"""

#: Of one collection. Slots and deaths are numbered for good: AUTOINCREMENT gives none twice.
RECORDS = """
CREATE TABLE records_{n} (
    slot INTEGER PRIMARY KEY AUTOINCREMENT,
    id ANY NOT NULL,
    payload TEXT,
    sum INTEGER NOT NULL
) STRICT;
CREATE TABLE retired_{n} (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    slot INTEGER NOT NULL
) STRICT;
"""
ID_INDEX = "CREATE UNIQUE INDEX ids_{n} ON records_{n}(id)"

#: Of one named vector of a collection.
VECTORS = """
CREATE TABLE vectors_{v} (
    slot INTEGER PRIMARY KEY,
    vector BLOB NOT NULL,
    sum INTEGER NOT NULL
) STRICT
"""


def prepare(connection: apsw.Connection, file: str) -> None:
    """Make the tables in an empty file; refuse what is not a database of this version."""
    version = check(connection, file)
    if version is None:
        with connection:
            connection.execute(CATALOG)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")


def check(connection: apsw.Connection, file: str) -> int | None:
    """The version of the tables, None where there are none yet; a refusal of what is foreign."""
    application = connection.pragma("application_id")
    version = connection.pragma("user_version")
    if application == APPLICATION_ID:
        if not 1 <= version <= VERSION:
            raise FormatError(
                f"{file}: a database of format {version}; this Vicinal reads up to {VERSION}: "
                "install a newer one (pip install -U vicinal)"
            )
        return int(version)
    if application or connection.execute("SELECT count(*) FROM sqlite_schema").get:
        raise FormatError(f"{file}: a database of SQLite, but not of Vicinal")
    return None
