"""A thread that brings graphs after what is written, and saves them. It never holds up a writer.

What it makes can be lost at any moment, and is made again: the records are the truth. It takes
the writer's turn only to name a finished file.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal import telemetry
from vicinal.arrays import STORED, from_stored
from vicinal.collection.space import GRAPHS
from vicinal.errors import ClosedError, DuplicateIdError, NotFoundError, VicinalError
from vicinal.index import Index
from vicinal.records import manifest, stops
from vicinal.records.stops import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

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

#: Notes of what was retired that are dropped in one transaction.
NOTES = 1000

#: Seconds to wait for searches over older states before what they may find is taken out.
PATIENCE = 1.0

#: Seconds between the first reason to look and the look.
PAUSE = 0.05


class Builder:
    """Keeps the graphs of a database that this process writes.

    Parameters
    ----------
    store : Store
        The database.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._spaces: dict[int, Space] = {}
        self._grown: dict[int, Index] = {}  # graphs in memory, by the number of their vectors
        self._work = threading.Condition()
        self._due = False
        self._idle: dict[int, Callable[[Callable[[], bool]], bool]] = {}
        self._bored = False  # there may be something to do for idle time
        self._stopping = False
        self._busy = threading.RLock()  # who makes graphs: the thread, or `finish`
        self._thread: threading.Thread | None = None
        self._threads = max(1, (os.cpu_count() or 2) - 1)
        store.committed.append(self.wake)

    def watch(self, space: Space) -> None:
        """Keep the graph of a space from now on."""
        with self._work:
            self._spaces[space.number] = space
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="vicinal-builder", daemon=True
                )
                self._thread.start()
        self.wake()

    def when_idle(self, space: Space, work: Callable[[Callable[[], bool]], bool]) -> None:
        """Do ``work`` for a space when no graph needs any, once `pass_time` has said so.

        It is given a function that says whether something better is to do, looks at it ten times a
        second at least, and says whether something of it is left.
        """
        self._idle[space.number] = work

    def pass_time(self) -> None:
        """Say that there is work for idle time."""
        with self._work:
            self._bored = True
            self._work.notify()

    def forget(self, numbers: Iterable[int], files: Iterable[str]) -> None:
        """Let go of the graphs of a collection that was dropped."""
        for number in numbers:
            self._spaces.pop(number, None)
            self._idle.pop(number, None)
            self._grown.pop(number, None)  # the thread, if it is at that one, finds out by itself
        for file in files:
            _remove(self._store.folder / GRAPHS / file)

    def wake(self) -> None:
        """Say that something may be to do."""
        with self._work:
            self._due = True
            self._work.notify()

    def stop(self) -> None:
        """End it: give up the step that is under way, and save graphs ahead of their files."""
        with self._work:
            self._stopping = True
            self._work.notify()
        if self._thread is not None:
            self._thread.join()
        for space in self._spaces.values():
            with contextlib.suppress(VicinalError):  # nothing is lost but time
                self._save_if_stale(space)

    def finish(self, space: Space) -> None:
        """Bring the graph of a space up to date and save it, before returning."""
        try:
            with self._busy:
                self._bring(space, all_of_it=True)
                self._save(space)
        except Stopped as stopped:
            if stops.wanted():
                raise
            raise ClosedError(f"{self._store.folder}: closed meanwhile; open it again") from stopped

    def _run(self) -> None:
        while True:
            with self._work:
                self._work.wait_for(lambda: self._due or self._bored or self._stopping)
                if self._stopping:
                    return
                if self._due:
                    self._work.wait_for(lambda: self._stopping, PAUSE)  # many writes are one reason
                due, self._due, self._bored = self._due, False, False
            self._look_after_all(due=due)

    def _look_after_all(self, *, due: bool) -> None:
        # In a frame of its own, which does not keep what was dropped until the next time.
        for space in list(self._spaces.values()) if due else ():
            self._look_after(space)
        for space in list(self._spaces.values()):
            self._rest(space)

    def _rest(self, space: Space) -> None:
        work = self._idle.get(space.number)
        if work is None:
            return
        try:
            if work(lambda: self._due or self._stopping):
                self.pass_time()
        except (ClosedError, NotFoundError):  # the database, or the collection, is gone
            self._idle.pop(space.number, None)
        except VicinalError as error:
            log.warning("%s: nothing measured of %r: %s", space.collection, space.name, error)

    def _look_after(self, space: Space) -> None:
        try:
            with self._busy:
                if self._bring(space, all_of_it=False):
                    self._save_if_stale(space)
        except Stopped:
            pass
        except (ClosedError, NotFoundError):  # the database, or the collection, is gone
            self._spaces.pop(space.number, None)
            self._grown.pop(space.number, None)
        except VicinalError as error:
            log.warning("%s: no graph for %r: %s", space.collection, space.name, error)

    def _bring(self, space: Space, *, all_of_it: bool) -> bool:
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
            self._save(space)
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
                    self.wake()
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
        if self._stopping or stops.wanted():
            raise Stopped

    def _save_if_stale(self, space: Space) -> None:
        if space.number not in self._grown:
            return
        view = self._view(space)
        with self._store.reading() as connection:
            found = manifest.derived(connection, space.number)
        count, slot, seq = (found.count, found.slot, found.seq) if found else (0, 0, 0)
        if view.covered - slot + space.clean(view) - seq >= max(STEP, STALE * count):
            self._save(space)

    def _save(self, space: Space) -> None:
        """Write the graph to a new file, name that, and remove the one before."""
        index = self._grown.get(space.number)
        if index is None:
            return
        view = self._view(space)
        if view.index is not index:
            return
        with self._told("save_graph", space):
            self._write(space, index, view)

    def _write(self, space: Space, index: Index, view: View) -> None:
        space.folder.mkdir(exist_ok=True)
        name = f"{space.number}-{secrets.token_hex(8)}.vicinal"
        index.save(space.folder / name)
        try:
            with self._store.writing() as connection:
                space.table.must_exist(connection)
                before = manifest.install(
                    connection, space.number, name, view.covered, space.clean(view), len(index)
                )
                now = manifest.derived(connection, space.number)
        except VicinalError:
            _remove(space.folder / name)
            raise
        assert now is not None, "it was just named"
        space.saved(now.generation)
        if before is not None:
            _remove(space.folder / before)
        self._forget_notes(space)

    def _forget_notes(self, space: Space) -> None:
        """Drop the notes that no graph needs any more, a few at a time: writers come in between."""
        dropped = NOTES
        while dropped == NOTES:
            with self._store.writing() as connection:
                space.table.must_exist(connection)
                seq = manifest.covered(connection, space.table.number)
                dropped = space.table.forget_retired(connection, seq, NOTES)


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


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):  # Windows keeps a file that is mapped; the next open has it
        file.unlink()


def sweep(store: Store) -> None:
    """Remove the files of graphs that the database does not name: a killed writer's, mostly."""
    folder = store.folder / GRAPHS
    with store.reading() as connection:
        named = {file for _, file in manifest.named(connection)}
    if folder.is_dir():
        for file in folder.iterdir():
            if file.name not in named:
                _remove(file)
