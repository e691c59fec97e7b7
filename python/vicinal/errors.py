"""Everything Vicinal raises.

::

    VicinalError
    ├── InvalidInputError    (ValueError)         a value that can't be taken: NaN, wrong shape
    │   └── DuplicateIdError                      an id given twice, or already in the index
    ├── InvalidTypeError     (TypeError)          a type that can't be taken: strings, objects
    ├── NotFoundError        (KeyError)           an id that is not there
    ├── CapacityError                             the index is full
    ├── OutOfMemoryError     (MemoryError)        memory can't hold what was asked for
    ├── ReadOnlyError                             a change to what was opened for reading
    ├── ForkedError                               what a forked process may not use
    ├── LockedError                               another process writes; has its ``pid``
    ├── ClosedError          (ValueError)         a database that was closed
    ├── PoisonedError                             a database after the system failed to write it
    ├── FormatError                               a file of another program, or of a newer Vicinal
    ├── CorruptionError                           a damaged file; names the file and the block
    ├── StorageError         (OSError)            the system failed to read or write; has ``errno``
    │   └── FileMissingError (FileNotFoundError)  no such file or folder
    ├── MissingExtraError    (ImportError)        an optional dependency is not installed
    └── InternalError                             a bug in Vicinal: please report it

Each message says what was wrong, where (row, field, file, block) and what to do.
"""

from __future__ import annotations

__all__ = [
    "CapacityError",
    "ClosedError",
    "CorruptionError",
    "DuplicateIdError",
    "FileMissingError",
    "ForkedError",
    "FormatError",
    "InternalError",
    "InvalidInputError",
    "InvalidTypeError",
    "LockedError",
    "MissingExtraError",
    "NotFoundError",
    "OutOfMemoryError",
    "PoisonedError",
    "ReadOnlyError",
    "StorageError",
    "VicinalError",
]


class VicinalError(Exception):
    """Anything that Vicinal raises on purpose."""

    # KeyError would show its message in quotes, OSError with its number: one look for all.
    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class InvalidInputError(VicinalError, ValueError):
    """A value that can't be taken; the message names the first bad row."""


class DuplicateIdError(InvalidInputError):
    """An id given twice in one call, or already in the index. Nothing was written."""


class InvalidTypeError(VicinalError, TypeError):
    """A type that can't be taken, or not without changing what the values mean."""


class NotFoundError(VicinalError, KeyError):
    """An id that the index or collection does not hold."""


class CapacityError(VicinalError):
    """The index is full."""


class OutOfMemoryError(VicinalError, MemoryError):
    """Memory can't hold what was asked for. Nothing was written."""


class ReadOnlyError(VicinalError):
    """A change to an index opened with ``mmap=True``, or to a database opened with ``mode="r"``."""


class ForkedError(VicinalError):
    """A forked process may not use what its parent had open, or was just adding to or saving."""


class LockedError(VicinalError):
    """Another process writes to this database.

    Parameters
    ----------
    message : str
        Who holds it, and what to do.
    pid : int, optional
        The holder's process id, where it is known.
    """

    def __init__(self, message: str, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid

    def __reduce__(self) -> tuple[type[LockedError], tuple[object, ...]]:
        return type(self), (self.args[0], self.pid)


class ClosedError(VicinalError, ValueError):
    """A database, or something of it, that was closed."""


class PoisonedError(VicinalError):
    """The system failed to read or write this database before: open it again.

    What was acknowledged is on the disk. What this process still has in memory can't be believed,
    and a failed fsync is never repeated: the system may call the second one a success.
    """


class FormatError(VicinalError):
    """Not a Vicinal file, or one of a newer version than this library reads."""


class CorruptionError(VicinalError):
    """A damaged file. The message names the file and the block."""


class StorageError(VicinalError, OSError):
    """The system could not read or write a file.

    Parameters
    ----------
    message : str
        What failed, and what to do.
    errno : int, optional
        The system's error number, as in `OSError.errno`.
    filename : str, optional
        The file or folder.
    """

    def __init__(self, message: str, errno: int | None = None, filename: str | None = None) -> None:
        # The OSError of one argument leaves both fields for us to set.
        super().__init__(message)
        self.errno = errno
        self.filename = filename

    def __reduce__(self) -> tuple[type[StorageError], tuple[object, ...]]:
        return type(self), (self.args[0], self.errno, self.filename)


class FileMissingError(StorageError, FileNotFoundError):
    """No such file, or no folder to write it in."""


class MissingExtraError(VicinalError, ImportError):
    """An optional dependency is not installed; the message says how to get it."""


class InternalError(VicinalError):
    """A bug in Vicinal. Please report it with the message."""
