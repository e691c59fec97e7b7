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
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.arrays import STORED, from_stored
from vicinal.collection.space import GRAPHS
from vicinal.errors import ClosedError, NotFoundError, VicinalError
from vicinal.index import Index
from vicinal.records import manifest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from vicinal.collection.space import Space
    from vicinal.collection.view import View
    from vicinal.records.store import Store

log = logging.getLogger("vicinal.collection")

#: Rows without a graph are left so up to this many bytes: comparing them takes about a millisecond.
SMALL = 4 << 20

#: A graph is saved when this share of it is not in its file yet, or retired since.
STALE = 0.1

#: A graph is made anew when this share of it was retired.
ROTTEN = 0.25

#: Vectors added at a time; then searches find them there.
STEP = 4096


#: Seconds between the first reason to look and the look.
PAUSE = 0.05


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The builder is to stop."""


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

    def forget(self, numbers: Iterable[int], files: Iterable[str]) -> None:
        """Let go of the graphs of a collection that was dropped."""
        for number in numbers:
            self._spaces.pop(number, None)
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
        with self._busy:
            self._bring(space, all_of_it=True)
            self._save(space)

    def _run(self) -> None:
        while True:
            with self._work:
                self._work.wait_for(lambda: self._due or self._stopping)
                if self._stopping:
                    return
                self._work.wait_for(lambda: self._stopping, PAUSE)  # many writes are one reason
                self._due = False
                spaces = list(self._spaces.values())
            for space in spaces:
                self._look_after(space)

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
        """Add to the graph what is not in it; True if there was anything to do."""
        view = self._view(space)
        if len(view.dead) > ROTTEN * (len(view.index) if view.index else 0) + STEP or (
            all_of_it and view.dead
        ):
            self._make_anew(space)
            return True
        damaged = space.needs_file(view)
        if not len(view.slots) or (view.rows.nbytes < SMALL and not all_of_it and not damaged):
            return False
        index = self._in_memory(space, view)
        while len(view.slots):
            step = slice(0, max(STEP, len(index) // 8))
            slots, rows = view.slots[step], view.rows[step]
            alive = view.alive(slots)
            # What a step before added, and was stopped before it could say so, is in already.
            alive &= np.fromiter((s not in index for s in slots.tolist()), bool, len(slots))
            if alive.any():
                self._add(index, rows[alive], slots[alive])
            space.publish(index, int(slots[-1]))
            view = self._view(space)
        if damaged:
            self._save(space)
        return True

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
            # Each step reads a state of its own, so that the log is not held up for minutes.
            with self._store.reading() as connection:
                slots, plain, damaged = space.table.vectors_after(
                    connection, space.name, after, space.width, STEP
                )
            if not len(slots) and not damaged:
                break
            after = max([*slots[-1:].tolist(), *damaged[-1:]])
            ours = slots <= where.slot
            if ours.any():
                self._add(index, plain.view(STORED[space.spec.dtype])[ours], slots[ours])
        while True:
            with self._store.reading() as connection:
                if space.replace_graph(connection, index, where):
                    break
        self._grown[space.number] = index

    def _add(self, index: Index, rows: NDArray[Any], slots: NDArray[np.int64]) -> None:
        def look(_done: int, _total: int) -> None:
            if self._stopping:
                raise Stopped

        values = from_stored(np.ascontiguousarray(rows).view(np.uint8), index.dim, index.dtype)
        index.add(values, slots, threads=self._threads, progress=look)

    def _save_if_stale(self, space: Space) -> None:
        index = self._grown.get(space.number)
        if index is None:
            return
        with self._store.reading() as connection:
            found = manifest.derived(connection, space.number)
        saved = found.count if found else 0
        if abs(len(index) - saved) >= max(STEP, STALE * saved) or saved > len(index):
            self._save(space)

    def _save(self, space: Space) -> None:
        """Write the graph to a new file, name that, and remove the one before."""
        index = self._grown.get(space.number)
        if index is None:
            return
        view = self._view(space)
        if view.index is not index:
            return
        space.folder.mkdir(exist_ok=True)
        name = f"{space.number}-{secrets.token_hex(8)}.vicinal"
        index.save(space.folder / name)
        try:
            with self._store.writing() as connection:
                space.table.must_exist(connection)
                before = manifest.install(
                    connection, space.number, name, view.covered, view.base, len(index)
                )
                seq = manifest.covered(connection, space.table.number)
                space.table.forget_retired(connection, seq)
                now = manifest.derived(connection, space.number)
        except VicinalError:
            _remove(space.folder / name)
            raise
        assert now is not None, "it was just named"
        space.saved(now.generation)
        if before is not None:
            _remove(space.folder / before)


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
