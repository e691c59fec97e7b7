"""`Collection`: records by id, and search over their vectors."""

from __future__ import annotations

from vicinal import telemetry
from vicinal.collection.looking import Looking
from vicinal.errors import InvalidInputError, ReadOnlyError


class Collection(Looking):
    """Records with an id, a payload and vectors, in a `Database`, which makes it.

    What a call wrote is durable when it returns, all of it; if it raises, nothing was written.
    Threads may share a collection: one writes at a time, any number reads meanwhile, each a state
    between two writes.
    """

    __slots__ = ()

    @telemetry.traced()
    def compact(self) -> None:
        """Bring the graphs up to date and save them, and give free space back to the disk.

        Searches and writes go on meanwhile.

        Raises
        ------
        ReadOnlyError
            The database was opened with ``mode="r"``.
        InvalidInputError
            Within a transaction.
        """
        if self._builder is None:
            raise ReadOnlyError(f"{self._store.folder}: opened with mode='r'; a writer compacts")
        if self._store.in_transaction:
            raise InvalidInputError("compact: not within a transaction; call it behind the block")
        for space in self._spaces.values():
            self._builder.finish(space)
        self._store.shrink()
