"""The one place where SQLite's errors become Vicinal's."""

from __future__ import annotations

import errno

import apsw

from vicinal.errors import (
    CorruptionError,
    FormatError,
    InternalError,
    InvalidInputError,
    LockedError,
    NotFoundError,
    OutOfMemoryError,
    ReadOnlyError,
    StorageError,
    VicinalError,
)

__all__ = ["failure", "poisons"]


def poisons(error: apsw.Error) -> bool:
    """Whether nothing that this process knows of the file may be believed after ``error``.

    After a failed fsync the system may have dropped the pages and call the next fsync a success;
    after a failed read or write SQLite's memory and the file may differ. A full disk is neither:
    the write was refused, and rolled back. Nor is a damaged page: the others are still good.
    """
    return isinstance(error, apsw.IOError) and not _out_of_memory(error)


def failure(error: apsw.Error, file: str) -> VicinalError:
    """What to raise for ``error``, which ``file``'s database gave."""
    if isinstance(error, apsw.FullError):
        return StorageError(
            f"{file}: the disk is full; this change was rolled back, all before it is kept. "
            "Make room, then try again",
            errno.ENOSPC,
            file,
        )
    if isinstance(error, apsw.NoMemError) or _out_of_memory(error):
        return OutOfMemoryError(f"{file}: SQLite ran out of memory; the change was rolled back")
    if isinstance(error, apsw.IOError):
        code = apsw.mapping_extended_result_codes.get(_code(error), "SQLITE_IOERR")
        return StorageError(
            f"{file}: the system could not read or write ({code}); open the database "
            "again: what was acknowledged is there",
            errno.EIO,
            file,
        )
    if isinstance(error, apsw.CorruptError):
        return CorruptionError(
            f"{file}: damaged ({error}); `db.verify()` lists what can't be read, a snapshot has "
            "what was there before"
        )
    if isinstance(error, apsw.NotADBError):
        return FormatError(f"{file}: not a database of Vicinal ({error})")
    if isinstance(error, (apsw.BusyError, apsw.LockedError)):
        return LockedError(
            f"{file}: another program holds SQLite's own lock, a shell with an open transaction "
            "perhaps; end it, then try again"
        )
    if isinstance(error, apsw.ReadOnlyError):
        return ReadOnlyError(f"{file}: the file can't be written here; open it with mode='r'")
    if isinstance(error, (apsw.CantOpenError, apsw.PermissionsError)):
        return StorageError(
            f"{file}: can't be opened ({error}); check that its folder can be read and written: "
            "even readers need to write the file ending in -shm",
            errno.EACCES,
            file,
        )
    if isinstance(error, apsw.SQLError) and "no such table: records_" in str(error):
        return NotFoundError(f"{file}: this collection was dropped; ask the database for it again")
    if isinstance(error, apsw.SQLError) and "malformed JSON" in str(error):
        return CorruptionError(
            f"{file}: a payload is not what was written, and no filter can read it; "
            "db.verify() lists it, db.verify(repair=True) removes it"
        )
    if isinstance(error, apsw.TooBigError):
        return InvalidInputError(f"{file}: a row is larger than SQLite's limit of 1 GB ({error})")
    return InternalError(f"{file}: {type(error).__name__}: {error}; please report this")


def _out_of_memory(error: apsw.Error) -> bool:
    return _code(error) == apsw.SQLITE_IOERR_NOMEM


def _code(error: apsw.Error) -> int:
    return int(getattr(error, "extendedresult", 0))
