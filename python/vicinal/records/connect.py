"""Connections as this program wants them, and the folder that the file lies in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from vicinal import checks, outputs
from vicinal.errors import FileMissingError, FormatError, MissingExtraError, StorageError
from vicinal.records import schema, stops

if TYPE_CHECKING:
    import os

FILE = "records.sqlite"

#: Since 3.51.3 a reset of the log can't race with a checkpoint (sqlite.org/wal.html); since 3.53
#: numbers in JSON are read to the last bit.
OLDEST_SQLITE = (3, 53, 0)

#: Of 8 KiB: five vectors of 384 f32 fit a page with little left over; of 4 KiB two, and a quarter.
PAGE_SIZE = 8192

#: How long to wait for another program's transaction, a shell's say, in milliseconds.
PATIENCE = 5000

#: What a commit waits for. "full": its bytes are on the disk. "normal": they are with the system,
#: so a power cut may lose the last commits, whole ones and the last first.
DURABILITY = {"full": "FULL", "normal": "NORMAL"}


def writer(path: Path, durability: str) -> apsw.Connection:
    """The one connection that writes; makes the tables where there are none."""
    connection = _open(path, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    connection.execute(
        "PRAGMA auto_vacuum = INCREMENTAL"
    )  # so that compacting moves no more than is free
    schema.check(connection, str(path))  # before the journal's mode changes a foreign file
    if connection.pragma("journal_mode", "wal") != "wal":
        raise StorageError(
            f"{path}: this file system has no shared memory, which SQLite's log needs; put the "
            "database on a local disk"
        )
    connection.pragma("synchronous", DURABILITY[durability])
    if sys.platform == "darwin":  # there an fsync alone stops at the disk's own memory
        connection.pragma("fullfsync", True)
        connection.pragma("checkpoint_fullfsync", True)
    connection.pragma("cache_size", -65_536)  # KiB: a bulk load's pages, written once
    connection.wal_autocheckpoint(0)  # the store does it, and looks at the outcome
    schema.prepare(connection, str(path))
    return connection


def reader(path: Path) -> apsw.Connection:
    """A connection that can't write."""
    connection = _open(path, apsw.SQLITE_OPEN_READONLY)
    if schema.check(connection, str(path)) is None:
        connection.close()
        raise FormatError(f"{path}: not a database yet; its maker was stopped. Open it to write")
    return connection


def _open(path: Path, flags: int) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=flags)
    connection.set_busy_timeout(PATIENCE)
    connection.set_progress_handler(stops.wanted, stops.STEPS)
    return connection


def folder(path: str | os.PathLike[str], *, create: bool) -> Path:
    """The folder of a database: made where it is missing, refused where it is something else."""
    found = tuple(map(int, apsw.sqlite_lib_version().split(".")))
    if found < OLDEST_SQLITE:
        raise MissingExtraError(
            f"apsw brings SQLite {apsw.sqlite_lib_version()}; Vicinal needs "
            f"{'.'.join(map(str, OLDEST_SQLITE))} or newer: pip install -U 'vicinal[db]'"
        )
    name = Path(checks.path(path))
    try:
        return _found(name, create=create)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"{name}: can't be looked at ({error.strerror}); choose a place that you may read",
            error.errno,
            str(name),
        ) from error


def _found(name: Path, *, create: bool) -> Path:
    if name.is_file():
        raise FormatError(f"{name}: a database is a folder, this is a file; give a new name")
    if not name.exists():
        if not create:
            raise FileMissingError(
                f"{name}: no such database; check the name, or make it with mode='w'",
                filename=str(name),
            )
        _make(name)
    elif not (name / FILE).exists():
        if not create:
            raise FormatError(f"{name}: a folder, but not a database: it has no {FILE}")
        # What a killed maker leaves is one of these; anything else belongs to somebody.
        strangers = [p.name for p in name.iterdir() if not p.name.startswith(("writer.", FILE))]
        if strangers:
            raise FormatError(
                f"{name}: a folder with other things in it ({strangers[0]}), and no database; "
                "give a new name, or an empty folder"
            )
    return name.resolve()


def _make(name: Path) -> None:
    try:
        name.mkdir()
        outputs.sync_folder(name.parent)
    except FileNotFoundError as error:
        raise FileMissingError(
            f"{name}: the folder {name.parent} does not exist; make it first",
            error.errno,
            str(name),
        ) from error
    except OSError as error:
        raise StorageError(
            f"{name}: can't be made ({error.strerror}); choose a place you may write to",
            error.errno,
            str(name),
        ) from error
