"""What a fork copies must be left alone by the copy: SQLite's locks belong to the parent.

A connection that a forked process so much as closes can drop the parent's locks; one that it opens
on the same file believes to hold the locks that the parent holds. So a child is told, and the
connections it was born with are never closed in it.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from vicinal.errors import ForkedError

if TYPE_CHECKING:
    import apsw


class Holder(Protocol):
    """Something with connections."""

    pid: int
    key: tuple[int, int]

    def connections(self) -> list[apsw.Connection]:
        """Every connection that is open."""


_open: weakref.WeakSet[Any] = weakref.WeakSet()
_inherited: set[tuple[int, int]] = set()


def watch(holder: Holder) -> None:
    """Keep a child of this process from what ``holder`` has open."""
    _open.add(holder)


def forget(holder: Holder) -> None:
    """End `watch`: the holder has closed all it had."""
    _open.discard(holder)


def check(holder: Holder, path: str) -> None:
    """Refuse a handle that was opened by the process which this one was forked from."""
    if holder.pid != os.getpid():
        raise ForkedError(_message(path))


def check_folder(key: tuple[int, int], path: str) -> None:
    """Refuse to open what the parent had open when this process was forked."""
    if key in _inherited:
        raise ForkedError(_message(path))


def _message(path: str) -> str:
    return (
        f"{path}: the process was forked while it had this database open; open it in the child "
        "before the parent does, or start the child by 'spawn' or 'forkserver'"
    )


def _in_the_child() -> None:
    for holder in list(_open):
        _inherited.add(holder.key)
        for connection in holder.connections():
            # One reference too many: not even the end of the interpreter closes it.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_the_child)
