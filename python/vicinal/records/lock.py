"""One writer: a lock that the system takes back from a process that ends, however it ends."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import apsw

from vicinal.errors import LockedError
from vicinal.records.failures import failure

if TYPE_CHECKING:
    from pathlib import Path

LOCK_FILE = "writer.lock"
PID_FILE = "writer.pid"


class WriterLock:
    """The right to write to a folder, held until `release` or the end of the process.

    It is SQLite's lock on an empty file beside the records: SQLite knows the ways of Linux, macOS,
    Windows and of several handles in one process. The holder's number, in a file of its own, is
    for messages only.
    """

    def __init__(self, folder: Path) -> None:
        path = str(folder / LOCK_FILE)
        try:
            self._held = apsw.Connection(path)
            self._held.execute("PRAGMA journal_mode = MEMORY")  # nothing is written: no file beside
            self._held.execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            self._held.close()
            raise _refusal(folder) from None
        except apsw.Error as error:
            raise failure(error, path) from error
        with contextlib.suppress(OSError):  # on a full disk, say
            (folder / PID_FILE).write_text(f"{os.getpid()}\n", encoding="ascii")

    @property
    def connection(self) -> apsw.Connection:
        """What a forked process must leave alone."""
        return self._held

    def release(self) -> None:
        """Let the next one write."""
        self._held.close()


def _refusal(folder: Path) -> LockedError:
    try:
        pid = int((folder / PID_FILE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        pid = None
    if pid == os.getpid():
        holder, advice = f"this process ({pid}) has", "use the handle that it has, or close it"
    else:
        holder = f"the process {pid} has" if pid else "another process has"
        advice = "end it, or open with mode='r' to read beside it"
    return LockedError(f"{folder}: {holder} this database open for writing; {advice}", pid)
