"""One database file: who may write, who reads what, and what happens when the disk fails."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from typing import TYPE_CHECKING

import apsw

from vicinal import outputs
from vicinal.errors import ClosedError, PoisonedError, ReadOnlyError, StorageError
from vicinal.records import connect, forks, memory, stops
from vicinal.records.failures import failure, poisons
from vicinal.records.lock import WriterLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

log = logging.getLogger("vicinal.records")

#: Pages of the log after which they are copied into the file: 8 MiB.
CHECKPOINT_PAGES = 1024

#: Pages moved in one transaction: 8 MiB.
SHRINK_PAGES = 1024

#: Seconds for readers to leave the log before it is left as long as it is.
EMPTYING = 1.0

#: Connections kept for readers to come.
SPARE_READERS = 16


class Store:
    """A database's file: `writing` and `reading` give a connection in a transaction.

    Parameters
    ----------
    path : str or Path
        The folder.
    mode : {"w", "r"}
        "w" makes what is missing and takes the writer's lock, "r" only reads.
    durability : {"full", "normal"}
        What a commit waits for.

    Raises
    ------
    LockedError
        Another process has it open for writing.
    FileMissingError, FormatError, StorageError
        There is none, it is something else, or the system refuses.
    ForkedError
        The parent had it open when this process was forked.
    """

    def __init__(self, path: str | os.PathLike[str], mode: str, durability: str) -> None:
        self.folder: Path = connect.folder(path, create=mode == "w")
        self.name = str(self.folder)
        self.file = self.folder / connect.FILE
        self.pid = os.getpid()
        status = self.folder.stat()
        self.key = (status.st_dev, status.st_ino)
        forks.check_folder(self.key, str(self.folder))
        #: Called after each commit, by the thread that made it.
        self.committed: list[Callable[[], None]] = []
        self._turn = threading.RLock()  # held by the thread that writes
        self._depth = 0  # of nested `writing`; only the holder of the turn looks at it
        self._holder = 0  # its thread
        self._broken = False  # SQLite rolled back all of it
        self._poison: str | None = None
        self._closed = False
        self._spare: list[apsw.Connection] = []
        self._lent: set[apsw.Connection] = set()
        self._log_pages = 0
        self._lock: WriterLock | None = None
        self._writer: apsw.Connection | None = None
        if mode == "w":
            self._lock = WriterLock(self.folder)
        forks.watch(self)
        try:
            if mode == "w":
                self._writer = connect.writer(self.file, durability)
                self._writer.set_wal_hook(self._note_log)
            else:
                self._spare.append(connect.reader(self.file))
        except BaseException as error:
            self.close()
            self._explain(error)
            raise
        outputs.sync_folder(self.folder)

    @property
    def writable(self) -> bool:
        """Whether this handle may write."""
        return self._lock is not None

    @property
    def usable(self) -> bool:
        """Whether it is open, and this process's own."""
        return not self._closed and self.pid == os.getpid()

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is within `writing`."""
        return self._holder == threading.get_ident()

    def connections(self) -> list[apsw.Connection]:
        """All that are open, for `forks`."""
        own = [self._writer] if self._writer else []
        locks = [self._lock.connection] if self._lock else []
        return [*own, *locks, *self._spare, *self._lent]

    @contextlib.contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """A transaction that writes: all of it is durable when the block ends, or none of it.

        Within another one of the same thread it is a step of that, undone alone if it fails.
        """
        self._check()
        if self._writer is None:
            raise ReadOnlyError(f"{self.folder}: opened with mode='r'; open it with mode='w'")
        with self._turn:
            self._check()
            if self._depth:
                with self._step(self._writer):
                    yield self._writer
            else:
                with self._transaction(self._writer):
                    yield self._writer
        if not self.in_transaction:
            for tell in list(self.committed):
                tell()

    @contextlib.contextmanager
    def _transaction(self, connection: apsw.Connection) -> Iterator[None]:
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._depth, self._holder, self._broken = 1, threading.get_ident(), False
            try:
                yield
                self._check_whole()
            finally:
                self._depth, self._holder = 0, 0
            connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back(connection, "ROLLBACK")
            self._explain(error)
            raise
        self._checkpoint(connection)

    @contextlib.contextmanager
    def _step(self, connection: apsw.Connection) -> Iterator[None]:
        self._check_whole()
        self._depth += 1
        try:
            connection.execute("SAVEPOINT step")
            yield
            connection.execute("RELEASE step")
        except BaseException as error:
            self._roll_back(connection, "ROLLBACK TO step; RELEASE step")
            self._explain(error)
            raise
        finally:
            self._depth -= 1

    def _check_whole(self) -> None:
        if self._broken:
            raise StorageError(
                f"{self.file}: an error inside this transaction undid all of it; nothing was "
                "written. Make room or memory, then try again"
            )

    def _roll_back(self, connection: apsw.Connection, command: str) -> None:
        if not connection.in_transaction:  # after some errors SQLite does it by itself
            self._broken = self._depth > 0
            return
        try:
            with stops.unheard():
                connection.execute(command)
        except apsw.Error as error:
            self._poisoned_by(error)

    @contextlib.contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """One state of the database, whatever others commit meanwhile.

        Within `writing` of the same thread it is what that has written so far.
        """
        self._check()
        if self._writer is not None and self.in_transaction:
            try:
                yield self._writer
            except apsw.Error as error:
                self._explain(error)
            return
        connection = self._borrow()
        try:
            connection.execute("BEGIN")
            yield connection
        except apsw.Error as error:
            self._explain(error)
        finally:
            self._give_back(connection)

    def _borrow(self) -> apsw.Connection:
        try:
            connection = self._spare.pop()
        except IndexError:
            try:
                connection = connect.reader(self.file)
            except apsw.Error as error:
                self._explain(error)
                raise
        self._lent.add(connection)
        return connection

    def _give_back(self, connection: apsw.Connection) -> None:
        self._lent.discard(connection)
        if self.pid != os.getpid():
            return
        try:
            if connection.in_transaction:
                with stops.unheard():
                    connection.execute("ROLLBACK")
        except apsw.Error:  # whatever it was, this connection has seen the last of it
            connection.close(True)
            return
        if self._closed or len(self._spare) >= SPARE_READERS:
            connection.close()
        else:
            self._spare.append(connection)

    def _explain(self, error: BaseException) -> None:
        """Raise what an error of SQLite means; any other is the caller's to raise again."""
        if isinstance(error, apsw.InterruptError) and stops.wanted():
            raise stops.Stopped from error
        if isinstance(error, apsw.Error):
            if poisons(error):
                self._poisoned_by(error)
            raise failure(error, str(self.file)) from error

    def _poisoned_by(self, error: apsw.Error) -> None:
        if self._poison is None:
            self._poison = str(failure(error, str(self.file)))
            log.error("%s", self._poison)

    def _check(self) -> None:
        if self._closed:
            raise ClosedError(f"{self.folder}: this database was closed; open it again")
        forks.check(self, str(self.folder))
        if self._poison is not None:
            raise PoisonedError(
                f"{self.folder}: refused, because of an error before: {self._poison}"
            )

    def _note_log(self, _: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self, connection: apsw.Connection) -> None:
        """Copy a long log into the file. What was committed is durable without it."""
        if self._log_pages < CHECKPOINT_PAGES:
            return
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except (apsw.BusyError, apsw.LockedError):
            return  # the next commit tries again
        except apsw.FullError:
            log.warning("%s: no room to copy the log into the file; it grows", self.file)
        except apsw.Error as error:  # an fsync is never repeated
            self._poisoned_by(error)

    def release_memory(self) -> None:
        """Give back to the system what is not needed of the memory that this process holds."""
        with self._turn:
            self._check()
            assert self._writer is not None, "it has written"
            self._writer.execute("PRAGMA shrink_memory")
        with contextlib.suppress(IndexError):
            while True:  # what readers keep goes with them; others come when they are wanted
                self._spare.pop().close()
        memory.give_back()

    def copy_to(self, file: Path) -> None:
        """Write the present state to a new file of SQLite, which is not synced yet."""
        self._check()
        connection = self._borrow()
        try:
            connection.execute("VACUUM INTO ?", (str(file),))
        except apsw.Error as error:
            self._explain(error)
        finally:
            self._give_back(connection)

    def shrink(self) -> None:
        """Give pages that nothing uses back to the disk, and empty the log.

        Pages at the end of the file take the place of free ones, a little at a time: other
        threads write in between.
        """
        left = 1
        while left:
            with self.writing() as connection:
                connection.execute(f"PRAGMA incremental_vacuum({SHRINK_PAGES})").fetchall()
                left = connection.pragma("freelist_count")
        end = time.monotonic() + EMPTYING
        while not self._emptied() and time.monotonic() < end:
            time.sleep(EMPTYING / 100)

    def _emptied(self) -> bool:
        """Empty the log, unless readers are in it: nobody who writes waits for those."""
        with self._turn:
            self._check()
            assert self._writer is not None, "it has written"
            self._writer.set_busy_timeout(0)
            try:
                self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except (apsw.BusyError, apsw.LockedError):
                return False
            except apsw.Error as error:
                self._explain(error)
                raise
            finally:
                self._writer.set_busy_timeout(connect.PATIENCE)
        return True

    def _drop(self, connection: apsw.Connection) -> None:
        try:
            connection.close()
        except apsw.Error as error:  # of the last copying of the log, which stays then
            log.warning("%s: closed, but: %s", self.file, failure(error, str(self.file)))

    def close(self) -> None:
        """Close every connection and let the next writer in. Closing twice is closing once."""
        if self._closed or self.pid != os.getpid():
            return
        with self._turn:
            self._closed = True
            if self._poison is not None and self._writer is not None:
                # The log is the only copy that can be believed: it stays for the next to open.
                self._writer.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            writer = [self._writer] if self._writer else []
            for connection in [*self._spare, *writer]:
                self._drop(connection)
            self._spare.clear()
            if self._lock is not None:
                self._lock.release()
            forks.forget(self)
