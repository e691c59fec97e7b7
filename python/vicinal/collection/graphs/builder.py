"""A thread that brings graphs after what is written, and saves them. It never holds up a writer.

It takes the writer's turn only to name a finished file.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING

from vicinal.collection.graphs.files import remove
from vicinal.collection.graphs.grower import Grower
from vicinal.errors import ClosedError, NotFoundError, VicinalError
from vicinal.records import stops
from vicinal.records.stops import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vicinal.collection.space import Space
    from vicinal.records.store import Store

log = logging.getLogger("vicinal.collection")

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
        self._work = threading.Condition()
        self._due = False
        self._idle: dict[int, Callable[[Callable[[], bool]], bool]] = {}
        self._bored = False  # there may be something to do for idle time
        self._stopping = False
        self._busy = threading.RLock()  # who makes graphs: the thread, or `finish`
        self._thread: threading.Thread | None = None
        self._grower = Grower(store, lambda: self._stopping, self.wake)
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
            self._grower.forget(number)
        remove(self._store, files)

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
                self._grower.save_if_stale(space)

    def finish(self, space: Space) -> None:
        """Bring the graph of a space up to date and save it, before returning."""
        try:
            with self._busy:
                self._grower.bring(space, all_of_it=True)
                self._grower.save(space)
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
                if self._grower.bring(space, all_of_it=False):
                    self._grower.save_if_stale(space)
        except Stopped:
            pass
        except (ClosedError, NotFoundError):  # the database, or the collection, is gone
            self._spaces.pop(space.number, None)
            self._grower.forget(space.number)
        except VicinalError as error:
            log.warning("%s: no graph for %r: %s", space.collection, space.name, error)
