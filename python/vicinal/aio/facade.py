"""`aopen`, and a database whose methods are awaited.

Nothing is written twice: `awaited` makes each method of the one it is called like, with its
parameters, types and documentation.
"""

from __future__ import annotations

import functools
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from vicinal.aio.threads import Threads
from vicinal.collection import Collection
from vicinal.database import Database, open, restore  # noqa: A004 - `vicinal.open` is its name
from vicinal.errors import ClosedError

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Callable, Coroutine, Generator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path
    from types import TracebackType

    from vicinal.records.catalog import CollectionSpec, Entry

P = ParamSpec("P")
Made = TypeVar("Made")
Owner = TypeVar("Owner")
Result = TypeVar("Result")


class Facade:
    """Something whose methods run in threads."""

    __slots__ = ("_plain", "_threads")

    def __init__(self, plain: Any, threads: Threads) -> None:
        self._plain = plain
        self._threads = threads


def awaited(
    method: Callable[Concatenate[Owner, P], Result], *, writes: bool = False
) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, Result]]:
    """A method as one to await: the call runs in a thread."""

    @functools.wraps(method)
    async def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Result:
        work: Callable[[], Result] = partial(method, self._plain, *args, **kwargs)
        threads: Threads = self._threads
        return await threads.run(work, writes=writes)

    return call


def awaited_as(
    make: Callable[[Result, Threads], Made],
    method: Callable[Concatenate[Owner, P], Result],
    *,
    writes: bool = False,
) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, Made]]:
    """As `awaited`, with a facade around what the method gives."""
    plain = awaited(method, writes=writes)

    @functools.wraps(method)
    async def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Made:
        return make(await plain(self, *args, **kwargs), self._threads)

    return call


class AsyncBatches(Facade):
    """What `AsyncCollection.export` gives: ``async for`` gives its record batches.

    Close it, or leave its ``async with``, where you don't go on to its end: it holds a state.
    """

    __slots__ = ("_schema",)

    def __init__(self, plain: Any, threads: Threads) -> None:
        super().__init__(plain, threads)
        self._schema = plain.schema

    @property
    def schema(self) -> Any:
        """Of the batches, as pyarrow has it."""
        return self._schema

    async def aclose(self) -> None:
        """Let go of the state that it reads."""
        self._plain = None  # with the reader goes all that it holds

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (batch := await self._threads.run(self._next)) is not None:
            yield batch

    def _next(self) -> Any:
        if self._plain is None:
            raise ClosedError("the export was closed; ask for another")
        return next(self._plain, None)

    async def __aenter__(self) -> AsyncBatches:  # noqa: PYI034 - Self is not in 3.10's typing
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class AsyncCollection(Facade):
    """A `Collection` whose methods are awaited; they are the same, with the same parameters.

    ``await docs.count()`` stands for ``len(docs)``, and ``await docs.get([id], missing="none")``
    for ``id in docs``.
    """

    __slots__ = ()

    upsert = awaited(Collection.upsert, writes=True)
    set_payload = awaited(Collection.set_payload, writes=True)
    delete = awaited(Collection.delete, writes=True)
    get = awaited(Collection.get)
    scroll = awaited(Collection.scroll)
    export = awaited_as(AsyncBatches, Collection.export)
    count = awaited(Collection.count)
    search = awaited(Collection.search)
    search_radius = awaited(Collection.search_radius)
    text = awaited(Collection.text)
    hybrid = awaited(Collection.hybrid)
    highlight = awaited(Collection.highlight)
    recommend = awaited(Collection.recommend)
    measure_recall = awaited(Collection.measure_recall)
    explain = awaited(Collection.explain)
    why_not = awaited(Collection.why_not)
    map = awaited(Collection.map)
    compact = awaited(Collection.compact)
    stats = awaited(Collection.stats)

    @property
    def name(self) -> str:
        """Its name in the database."""
        return str(self._plain.name)

    @property
    def entry(self) -> Entry:
        """What the database's catalog says of it."""
        entry: Entry = self._plain.entry
        return entry

    @property
    def spec(self) -> CollectionSpec:
        """How it was declared."""
        spec: CollectionSpec = self._plain.spec
        return spec

    @property
    def embedder(self) -> Any:
        """The model that makes vectors of texts, in a thread; None where none was given."""
        return self._plain.embedder

    @embedder.setter
    def embedder(self, model: Any) -> None:
        self._plain.embedder = model

    def __repr__(self) -> str:
        return f"Async{self._plain!r}"


class AsyncDatabase(Facade):
    """A `Database` whose methods are awaited; they are the same, with the same parameters.

    `vicinal.aopen` makes it. A call that is cancelled has ended when the task hears of it: a write
    is there as a whole or not at all, and no thread goes on behind your back.
    """

    __slots__ = ()

    collections = awaited(Database.collections)
    collection = awaited_as(AsyncCollection, Database.collection, writes=True)
    drop = awaited(Database.drop, writes=True)
    verify = awaited(Database.verify, writes=True)
    snapshot = awaited(Database.snapshot)

    @property
    def path(self) -> Path:
        """The folder."""
        path: Path = self._plain.path
        return path

    def transaction(self) -> AbstractAsyncContextManager[None]:
        """Make the writes of an ``async with`` block one: all of them are durable, or none.

        Calls of this task within the block are of the transaction, and so are those of tasks that
        are started in it, which must end in it too. Others wait with their writes until it ends.

        Examples
        --------
        >>> import asyncio, vicinal
        >>> async def main():
        ...     async with vicinal.aopen("notes.db") as db:
        ...         notes = await db.collection("notes", vectors={}, if_missing="create")
        ...         async with db.transaction():
        ...             await notes.upsert(["old"])
        ...             await notes.delete(["new"])
        ...         return await notes.count()
        >>> asyncio.run(main())
        1
        """
        return self._threads.transaction(self._plain.transaction)

    async def close(self) -> None:
        """Close it; see `Database.close`. It goes on to its end even if the task is cancelled."""
        await self._threads.close(self._plain.close)

    async def __aenter__(self) -> AsyncDatabase:  # noqa: PYI034 - Self is not in 3.10's typing
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Async{self._plain!r}"


class Opening:
    """What `aopen` gives: await it, or enter it by ``async with``."""

    __slots__ = ("_db", "_open", "_threads")

    def __init__(self, path: str | os.PathLike[str], mode: str, durability: str) -> None:
        self._open = partial(open, path, mode=mode, durability=durability)
        self._threads = Threads(str(path))
        self._db: AsyncDatabase | None = None

    async def _opened(self) -> AsyncDatabase:
        plain = await self._threads.run(self._open, undo=Database.close)
        return AsyncDatabase(plain, self._threads)

    def __await__(self) -> Generator[Any, None, AsyncDatabase]:
        return self._opened().__await__()

    async def __aenter__(self) -> AsyncDatabase:
        self._db = await self._opened()
        return self._db

    async def __aexit__(self, *_: object) -> None:
        assert self._db is not None, "it was entered"
        await self._db.close()


def aopen(path: str | os.PathLike[str], *, mode: str = "w", durability: str = "full") -> Opening:
    """Open a database, or make one, for asyncio: ``async with``, or ``await`` and `close`.

    Parameters
    ----------
    path, mode, durability
        As in `vicinal.open`, whose errors it raises, too, when it is awaited or entered.

    Returns
    -------
    AsyncDatabase
        When it is awaited or entered.

    Examples
    --------
    >>> import asyncio, numpy as np, vicinal
    >>> async def main():
    ...     async with vicinal.aopen("shop.db") as db:
    ...         docs = await db.collection("docs", dim=4, if_missing="create")
    ...         await docs.upsert(["a", "b"], np.eye(4)[:2])
    ...         hits = await docs.search([0, 1, 0, 0], k=1)
    ...         return hits.ids
    >>> asyncio.run(main())
    ['b']
    """
    return Opening(path, mode, durability)


async def arestore(backup: str | os.PathLike[str], path: str | os.PathLike[str]) -> Path:
    """As `vicinal.restore`, awaited. Cancelled, it leaves nothing at ``path``, or all of it."""
    return await Threads(str(path)).run(partial(restore, backup, path))
