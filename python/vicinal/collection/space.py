"""The vectors of one name: how their view follows the records, and what graphs it stands on."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.arrays import STORED, row_width
from vicinal.collection.view import Tail, View
from vicinal.errors import (
    CorruptionError,
    FileMissingError,
    FormatError,
    StorageError,
    VicinalError,
)
from vicinal.index import Index
from vicinal.records import manifest
from vicinal.records.table import Position

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import apsw
    from numpy.typing import NDArray

    from vicinal.records.catalog import Entry
    from vicinal.records.table import Table

log = logging.getLogger("vicinal.collection")

#: The folder for files of graphs, within the database's.
GRAPHS = "graphs"


#: Retired rows that a search steps over before they are taken out, as a number and a 1/share.
LOST = 64


class Space:
    """The view of the vectors of a name, shared by all threads of a handle.

    Parameters
    ----------
    entry : Entry
        The collection.
    table : Table
        Its tables.
    name : str
        Of the vectors.
    folder : Path
        The database's.
    follows : bool
        Whether graphs are made elsewhere: by the process that writes.
    """

    def __init__(
        self, entry: Entry, table: Table, name: str, folder: Path, *, follows: bool
    ) -> None:
        self.collection = entry.name
        self.name = name
        self.number = entry.vectors[name]
        self.spec = entry.spec.vectors[name]
        self.table = table
        self.folder = folder / GRAPHS
        self._follows = follows
        self._kind = STORED[self.spec.dtype]
        self._elements = row_width(self.spec.dim, self.spec.dtype)
        self.width = self._elements * self._kind.itemsize
        self._lock = threading.RLock()
        self._gone_on = threading.Condition(self._lock)
        self._looked_at: Counter[int] = Counter()  # by their `seq`, views that searches hold
        self._tail = Tail(self._elements, self._kind)
        self._view: View | None = None
        self._distrusted: set[int] = set()
        self._missing: set[int] = set()

    def view(self, connection: apsw.Connection, *, private: bool = False) -> View | None:
        """The view of the state that a connection reads.

        Parameters
        ----------
        connection : apsw.Connection
            In a transaction.
        private : bool
            True where it reads what is not committed: the view is for it alone.

        Returns
        -------
        View or None
            None where the view has gone on to a later state than the connection's: read anew.
        """
        where = self.table.position(connection)
        with self._lock:
            view = self._view
            if view is None or (self._follows and self._has_new_file(connection, view, where)):
                view = self._first_view(connection)
                if view is None:
                    return None
            if _behind(where, view):
                self.table.must_exist(
                    connection
                )  # a collection that was dropped is behind for good
                return None
            if where != Position(view.slot, view.seq):
                view = self._advanced(connection, view, where, private)
            if not private:
                self._view = view
            return view

    @contextlib.contextmanager
    def looking(
        self, connection: apsw.Connection, *, private: bool = False
    ) -> Iterator[View | None]:
        """`view`, for as long as it is looked at: nothing that it needs leaves its graph."""
        with self._lock:
            view = self.view(connection, private=private)
            if view is not None:
                self._looked_at[view.seq] += 1
        try:
            yield view
        finally:
            if view is not None:
                self._left(view.seq)

    def _left(self, seq: int) -> None:
        with self._lock:
            self._looked_at[seq] -= 1
            if not self._looked_at[seq]:
                del self._looked_at[seq]
                self._gone_on.notify_all()

    def gone_on(self, seq: int, patience: float) -> bool:
        """Wait until nobody looks at a view older than ``seq``; False after so many seconds."""
        with self._lock:
            return self._gone_on.wait_for(
                lambda: min(self._looked_at, default=seq) >= seq, patience
            )

    def retired(self, view: View) -> NDArray[np.int64]:
        """The slots that were retired in a view, and that its graph may still hold."""
        with self._lock:
            return np.array([s for s, seq in view.dead.items() if seq <= view.seq], np.int64)

    def clean(self, view: View) -> int:
        """The last retirement up to which nothing that was retired is in the graph of a view."""
        with self._lock:
            first = min(view.dead.values(), default=view.seq + 1)
            return max(view.base, min(first - 1, view.seq))

    def without_retired(self, index: Index, seq: int) -> None:
        """Stand on a graph that holds nothing any more that was retired up to ``seq``.

        New views come after ``seq``; that nobody looks at an older one is for `gone_on` to say.
        """
        with self._lock:
            view = self._stands()
            dead = {s: at for s, at in view.dead.items() if at > seq or s > view.covered}
            self._view = replace(view, index=index, dead=dead, base=seq)

    def publish(self, index: Index, covered: int) -> None:
        """Let searches find the slots up to ``covered`` in a graph that holds them now."""
        with self._lock:
            view = self._stands()
            self._tail.drop(covered)
            self._view = replace(
                view,
                index=index,
                covered=covered,
                slots=self._tail.slots,
                rows=self._tail.rows,
                lost=min(view.lost, len(self._tail.slots)),
            )

    def _stands(self) -> View:
        """The present view, which whoever changes the graph has seen; unless it is given up."""
        if self._view is None:
            raise CorruptionError("its file was found damaged meanwhile")
        return self._view

    def replace_graph(self, connection: apsw.Connection, index: Index, where: Position) -> bool:
        """Stand on a graph made anew, of all that was alive at ``where`` or later.

        False where the view is of a later state than the connection: try with a new one.
        """
        now = self.table.position(connection)
        with self._lock:
            if self._view is not None and _behind(now, self._view):
                return False
            generation = self._view.generation if self._view else 0
            self._tail = Tail(self._elements, self._kind)
            base = self._based(index, where.slot, where.seq, generation)
            self._view = self._advanced(connection, base, now, private=False)
            return True

    def needs_file(self, view: View) -> bool:
        """Whether the file that the database names for a view can't be used."""
        return view.index is None and view.generation in self._distrusted

    def saved(self, generation: int) -> None:
        """Note that the graph has a file."""
        with self._lock:
            self._view = replace(self._stands(), generation=generation)

    def distrust(self, view: View) -> None:
        """Do without the graph of a view: its file is damaged."""
        with self._lock:
            log.warning(
                "%s: the graph of %r is damaged; its vectors are compared one by one until it is "
                "made anew",
                self.collection,
                self.name,
            )
            self._distrusted.add(view.generation)
            if self._view is not None and self._view.index is view.index:
                self._view = None

    def _has_new_file(self, connection: apsw.Connection, view: View, where: Position) -> bool:
        found = manifest.derived(connection, self.number)
        generation = found.generation if found else 0
        return generation != view.generation and not _behind(where, view)

    def _first_view(self, connection: apsw.Connection) -> View | None:
        """The graph of the file, and no rows yet; or nothing at all.

        None where the file is gone, for the first time: the writer may have named another since
        the state that the connection reads.
        """
        self._tail = Tail(self._elements, self._kind)
        found = manifest.derived(connection, self.number)
        if found is None:
            return self._based(None, 0, self.table.position(connection).seq, 0)
        if found.generation not in self._distrusted:
            try:
                index = self._opened(found)
                return self._based(index, found.slot, found.seq, found.generation)
            except FileMissingError as error:
                if found.generation not in self._missing:
                    self._missing.add(found.generation)
                    return None
                self._do_without(found.generation, error)
            except (CorruptionError, FormatError, StorageError) as error:
                self._do_without(found.generation, error)
        return self._based(None, 0, self.table.position(connection).seq, found.generation)

    def _do_without(self, generation: int, error: VicinalError) -> None:
        log.warning("%s: the graph of %r: %s", self.collection, self.name, error)
        self._distrusted.add(generation)

    def _opened(self, found: manifest.Derived) -> Index:
        index = Index.open(self.folder / found.file, mmap=True)
        said = (self.spec.dim, self.spec.metric, self.spec.dtype, found.count)
        if (index.dim, index.metric, index.dtype, len(index)) != said:
            raise CorruptionError(f"{found.file} is of other vectors than the database says")
        return index

    def _based(self, index: Index | None, covered: int, seq: int, generation: int) -> View:
        return View(
            index,
            covered,
            self._tail.slots,
            self._tail.rows,
            lost=0,
            slot=covered,
            seq=seq,
            dead={},
            base=seq,
            generation=generation,
        )

    def _advanced(
        self, connection: apsw.Connection, view: View, where: Position, private: bool
    ) -> View:
        """The view with what was written and retired since."""
        dead = dict(view.dead) if private else view.dead
        notes = self.table.retired_after(connection, view.seq)
        for seq, slot in notes:
            if slot <= view.slot:  # what came and went in between is not there to be found
                dead[slot] = seq
        lost = view.lost + sum(view.covered < slot <= view.slot for _, slot in notes)
        slots, rows = [view.slots], [view.rows]
        for new, plain, damaged in self.table.all_vectors_after(
            connection, self.name, view.slot, self.width
        ):
            if damaged:
                log.warning(
                    "%s: the vectors %r of the records in the slots %s are damaged and left out",
                    self.collection,
                    self.name,
                    damaged,
                )
            typed = plain.view(self._kind)
            if private:
                slots.append(new)
                rows.append(typed)
            else:
                self._tail.append(new, typed)
        if private:
            held: tuple[NDArray[np.int64], NDArray[Any]] = (
                np.concatenate(slots),
                np.concatenate(rows),
            )
        else:
            if lost > max(LOST, len(self._tail.slots) // LOST):
                now = replace(view, seq=where.seq, dead=dead)
                self._tail.remove(now.alive(self._tail.slots))
                lost = 0
            held = (self._tail.slots, self._tail.rows)
        return replace(
            view,
            slots=held[0],
            rows=held[1],
            lost=lost,
            slot=where.slot,
            seq=where.seq,
            dead=dead,
        )


def _behind(where: Position, view: View) -> bool:
    return where.slot < view.slot or where.seq < view.seq
