"""What a graph needs: rows added, the retired taken out, a new one made, the finished saved."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal import telemetry
from vicinal.arrays import STORED, from_stored
from vicinal.collection.graphs import files
from vicinal.errors import DuplicateIdError, VicinalError
from vicinal.index import Index
from vicinal.records import manifest, stops
from vicinal.records.stops import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from vicinal.collection.space import Space
    from vicinal.collection.view import View
    from vicinal.records.store import Store

log = logging.getLogger("vicinal.collection")

#: Rows without a graph are left so up to this many bytes: comparing them takes about a millisecond.
SMALL = 4 << 20

#: A graph is saved when this share of it is not in its file yet, or was taken out since.
STALE = 0.1

#: What was retired is taken out of a graph when it is this share of it.
WORN = 0.1

#: A graph is made anew when this share of it was retired. To take a vector out costs as much as to
#: make a graph of one or two, so beyond it that is quicker.
ROTTEN = 0.5

#: Vectors added or taken out at a time; what was added searches find there then.
STEP = 4096

#: Seconds to wait for searches over older states before what they may find is taken out.
PATIENCE = 1.0


class Grower:
    """Brings graphs after the records, a step at a time. One thread at a time may ask it to.

    Parameters
    ----------
    store : Store
        The database.
    stopping : callable
        Whether to give up the step that is under way.
    wake : callable
        Called where a graph proves damaged, so that it is made anew.
    """

    def __init__(
        self, store: Store, stopping: Callable[[], bool], wake: Callable[[], None]
    ) -> None:
        self._store = store
        self._stopping = stopping
        self._wake = wake
        self._grown: dict[int, Index] = {}  # graphs in memory, by the number of their vectors
        self._threads = max(1, (os.cpu_count() or 2) - 1)

    def forget(self, number: int) -> None:
        """Let go of a graph; whoever is at it finds out by itself."""
        self._grown.pop(number, None)

    def bring(self, space: Space, *, all_of_it: bool) -> bool:
        """Bring the graph after the records; True if there was anything to do."""
        view = self._view(space)
        held = len(view.index) if view.index else 0
        if len(view.dead) > ROTTEN * held + STEP:
            with self._told("rebuild_graph", space):
                self._make_anew(space)
            return True
        damaged = space.needs_file(view)
        behind = len(view.slots) > 0 and (view.rows.nbytes >= SMALL or all_of_it or damaged)
        if behind:
            with self._told("extend_graph", space):
                self._add_rows(space, view)
        worn = len(view.dead) > WORN * held + STEP or (all_of_it and len(view.dead) > 0)
        if worn:
            with self._told("mend_graph", space):
                if not self._take_out_retired(space) and all_of_it:
                    self._make_anew(space)
        if damaged:
            self.save(space)
        return behind or worn

    @contextlib.contextmanager
    def _told(self, work: str, space: Space) -> Iterator[None]:
        """Tell loggers and OpenTelemetry of the work in a block."""
        where = {
            telemetry.NAMESPACE: self._store.name,
            telemetry.COLLECTION: space.collection,
        }
        began = time.perf_counter()
        with telemetry.span(work, where, within=True):
            yield
        index = self._grown.get(space.number)
        log.info(
            "%s: %s of %r, now of %d vectors, took %.1f s",
            space.collection,
            work,
            space.name,
            0 if index is None else len(index),
            time.perf_counter() - began,
        )

    def _add_rows(self, space: Space, view: View) -> None:
        """Add to the graph what is not in it."""
        index = self._in_memory(space, view)
        while len(view.slots):
            step = slice(0, max(STEP, len(index)))  # so many are linked at once, as one batch
            slots, rows = view.slots[step], view.rows[step]
            alive = view.alive(slots)
            if alive.any():
                self._add(index, rows[alive], slots[alive])
            space.publish(index, int(slots[-1]))
            view = self._view(space)

    def _take_out_retired(self, space: Space) -> bool:
        """Take out of the graph what was retired; False where an older state is still looked at."""
        view = self._view(space)
        if view.index is not None:
            index = self._in_memory(space, view)
            retired = space.retired(view)
            if not space.gone_on(view.seq, PATIENCE):
                return False
            for start in range(0, len(retired), STEP):
                self._look()
                step = retired[start : start + STEP]
                index.remove(step, missing="ignore", threads=self._threads)
            space.without_retired(index, view.seq)
        return view.index is not None

    def _view(self, space: Space) -> View:
        while True:
            with self._store.reading() as connection:
                if (view := space.view(connection)) is not None:
                    return view

    def _in_memory(self, space: Space, view: View) -> Index:
        """The graph of a view as one that can grow."""
        index = self._grown.get(space.number)
        if index is None or view.index is not index:
            index = _new(space)
            if view.index is not None:
                with self._store.reading() as connection:
                    found = manifest.derived(connection, space.number)
                assert found is not None, "the view's graph has a file, and nobody else names one"
                try:
                    index = Index.open(space.folder / found.file)
                except VicinalError:
                    space.distrust(view)
                    self._wake()
                    raise
            self._grown[space.number] = index
        return index

    def _make_anew(self, space: Space) -> None:
        """Make a graph of what is alive, without the retired that the present one carries along."""
        with self._store.reading() as connection:
            where = space.table.position(connection)
        index, after = _new(space), 0
        while after < where.slot:
            slots, rows, after = self._read(space, after, where.slot, max(STEP, len(index)))
            if len(slots):
                self._add(index, rows, slots)
        while True:
            with self._store.reading() as connection:
                if space.replace_graph(connection, index, where):
                    break
        self._grown[space.number] = index

    def _read(
        self, space: Space, after: int, last: int, count: int
    ) -> tuple[NDArray[np.int64], NDArray[Any], int]:
        """About so many vectors behind a slot, their slots, and where to go on.

        Each piece is of a state of its own, so that the log is not held up for minutes.
        """
        pieces: list[tuple[NDArray[np.int64], NDArray[np.uint8]]] = []
        while after < last and sum(len(slots) for slots, _ in pieces) < count:
            self._look()
            with self._store.reading() as connection:
                slots, plain, damaged = space.table.vectors_after(
                    connection, space.name, after, space.width, STEP
                )
            after = max([*slots[-1:].tolist(), *damaged[-1:]], default=last)
            pieces.append((slots[slots <= last], plain[: np.searchsorted(slots, last, "right")]))
        slots, plain = (np.concatenate(part) for part in zip(*pieces, strict=True))
        return slots, plain.view(STORED[space.spec.dtype]), after

    def _add(self, index: Index, rows: NDArray[Any], slots: NDArray[np.int64]) -> None:
        values = from_stored(np.ascontiguousarray(rows).view(np.uint8), index.dim, index.dtype)
        try:
            index.add(values, slots, threads=self._threads, progress=self._look)
        except DuplicateIdError:  # of a step that failed before it could publish them
            index.remove(slots, missing="ignore", threads=self._threads)
            index.add(values, slots, threads=self._threads, progress=self._look)

    def _look(self, *_progress: int) -> None:
        if self._stopping() or stops.wanted():
            raise Stopped

    def save_if_stale(self, space: Space) -> None:
        """Save the graph where its file is far behind it."""
        if space.number not in self._grown:
            return
        view = self._view(space)
        with self._store.reading() as connection:
            found = manifest.derived(connection, space.number)
        count, slot, seq = (found.count, found.slot, found.seq) if found else (0, 0, 0)
        if view.covered - slot + space.clean(view) - seq >= max(STEP, STALE * count):
            self.save(space)

    def save(self, space: Space) -> None:
        """Write the graph to a new file, name that, and remove the one before."""
        index = self._grown.get(space.number)
        if index is None:
            return
        view = self._view(space)
        if view.index is not index:
            return
        with self._told("save_graph", space):
            files.write(self._store, space, index, view)


def _new(space: Space) -> Index:
    spec = space.spec
    return Index(
        spec.dim,
        spec.metric,
        spec.dtype,
        M=spec.M,
        ef_construction=spec.ef_construction,
        layout=spec.layout,
    )
