"""Threads that do the work of tasks: a call that is cancelled has ended when the task hears of it.

SQLite and the engine block, so each call runs in a thread. The threads are a database's own, not
the loop's: the loop's are few, and shared with all that a program does, so a transaction whose
writers wait for it could wait itself for one of them.

A transaction belongs to a thread. It gets one of its own, and calls of the tasks that are in its
block, and of those they start there, go to that thread, one at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from vicinal.errors import ClosedError
from vicinal.records.stops import Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

Result = TypeVar("Result")

#: Calls that run at the same time, as many as asyncio itself allows; writers take half of them at
#: most, so that those who wait for their turn leave room for readers.
WORKERS = min(32, (os.cpu_count() or 1) + 4)


class Level:
    """A transaction, or one within another: where calls within it go."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool = pool
        self.turn = asyncio.Lock()  # held for a call, or for as long as a transaction within it
        self.ended = False


_levels: contextvars.ContextVar[Mapping[Threads, Level]] = contextvars.ContextVar(
    "vicinal_transactions"
)


class Threads:
    """Runs calls of one database.

    Parameters
    ----------
    name : str
        Of the database, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._pool = ThreadPoolExecutor(WORKERS, "vicinal")
        self._writers = asyncio.Semaphore(WORKERS // 2)
        self._turn = asyncio.Lock()  # of transactions: those that wait are tasks, not threads
        self._closed = False

    async def run(
        self,
        call: Callable[[], Result],
        *,
        writes: bool = False,
        undo: Callable[[Result], object] | None = None,
    ) -> Result:
        """Run a call in a thread.

        Parameters
        ----------
        call : callable
        writes : bool
            Whether it may have to wait for other writers.
        undo : callable, optional
            Takes back what the call made, where the task was cancelled and nobody gets it.
        """
        while (level := self._level()) is not None:
            async with level.turn:
                if not level.ended:
                    return await _settled(level.pool, call, undo)
        if self._closed:
            raise ClosedError(f"{self._name}: this database was closed; open it again")
        if not writes:
            return await _settled(self._pool, call, undo)
        async with self._writers:
            return await _settled(self._pool, call, undo)

    @contextlib.asynccontextmanager
    async def transaction(
        self, make: Callable[[], AbstractContextManager[object]]
    ) -> AsyncIterator[None]:
        """Enter what ``make`` makes, in a thread that all calls within the block go to."""
        level = self._level()
        if level is not None:
            async with level.turn, self._within(level.pool, make):
                yield
            return
        async with self._turn:
            if self._closed:
                raise ClosedError(f"{self._name}: this database was closed; open it again")
            pool = ThreadPoolExecutor(1, "vicinal-transaction")
            try:
                async with self._within(pool, make):
                    yield
            finally:
                pool.shutdown(wait=False)

    @contextlib.asynccontextmanager
    async def _within(
        self, pool: ThreadPoolExecutor, make: Callable[[], AbstractContextManager[object]]
    ) -> AsyncIterator[None]:
        block = await _settled(pool, lambda: _entered(make()), _given_up)
        level, before = Level(pool), _levels.get({})
        _levels.set({**before, self: level})
        try:
            yield
        except BaseException as error:
            level.ended = True
            told = (type(error), error, error.__traceback__)
            await _settled(pool, lambda: block.__exit__(*told), whole=True)
            raise
        else:
            level.ended = True
            await _settled(pool, lambda: block.__exit__(None, None, None), whole=True)
        finally:
            _levels.set(before)

    async def close(self, call: Callable[[], None]) -> None:
        """Run a last call, to its end."""
        if self._closed:
            return
        self._closed = True
        try:
            await _settled(self._pool, call, whole=True)
        finally:
            self._pool.shutdown(wait=False)

    def _level(self) -> Level | None:
        level = _levels.get({}).get(self)
        return None if level is None or level.ended else level


async def _settled(
    pool: ThreadPoolExecutor,
    call: Callable[[], Result],
    undo: Callable[[Result], object] | None = None,
    *,
    whole: bool = False,
) -> Result:
    """What a call in a thread returns. If the task is cancelled, the call is stopped and awaited.

    One that is to be done as a whole is not stopped.
    """
    stop = Stop()

    def work() -> Result:
        with stop.heard():
            return call()

    future: Future[Result] = pool.submit(contextvars.copy_context().run, work)
    waiting = asyncio.wrap_future(future)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        if not whole:
            if future.cancel():  # it had not begun
                raise
            stop.ask()
        await _ended(waiting)
        if undo is not None and waiting.exception() is None:
            made = waiting.result()
            await _settled(pool, lambda: undo(made), whole=True)
        raise


async def _ended(waiting: asyncio.Future[Any]) -> None:
    """Wait, whoever may cancel it."""
    while not waiting.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([waiting])


def _entered(block: AbstractContextManager[object]) -> AbstractContextManager[object]:
    block.__enter__()
    return block


def _given_up(block: AbstractContextManager[object]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        error = asyncio.CancelledError()
        block.__exit__(type(error), error, None)
