"""Stopping work that goes on in another thread: SQLite asks now and then whether to go on."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Steps of SQLite's machine between two questions: some milliseconds.
STEPS = 100_000

_here = threading.local()


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """What was under way was given up, because somebody asked for it."""


class Stop:
    """A request that one thread makes, and another hears that works within `heard`."""

    def __init__(self) -> None:
        self._wanted = False

    def ask(self) -> None:
        """Ask whoever works within `heard` to give up."""
        self._wanted = True

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Let this thread hear the request in the block."""
        before, _here.stop = getattr(_here, "stop", None), self
        try:
            yield
        finally:
            _here.stop = before

    @property
    def wanted(self) -> bool:
        """Whether it was asked for."""
        return self._wanted


def wanted() -> bool:
    """Whether this thread is to give up what it does."""
    stop: Stop | None = getattr(_here, "stop", None)
    return stop is not None and stop.wanted


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """Let nothing interrupt this thread in the block: it puts things in order."""
    before, _here.stop = getattr(_here, "stop", None), None
    try:
        yield
    finally:
        _here.stop = before
