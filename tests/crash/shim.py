"""Disks for SQLite: one fails when it is told to, the other forgets what was not synced."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np


#: The file system that there is without a shim.
SYSTEM = apsw.vfs_names()[0]


class Faults:
    """Fails one call, the one of a number, in one way.

    Parameters
    ----------
    kind : {"eio", "enospc", "short", "fsync"}
        "short" writes half before it fails; "fsync" counts syncs alone.
    at : int
        Which one; 0 for none.
    """

    def __init__(self, kind: str, at: int) -> None:
        self.kind, self.at, self.calls, self.failed = kind, at, 0, False

    def delete(self, path: str) -> None:
        pass

    def truncate(self, file: Any, size: int) -> None:
        file.cut(size)

    def write(self, file: Any, data: bytes, offset: int) -> None:
        if self.kind != "fsync" and self._now():
            if self.kind == "short":
                file.through(data[: len(data) // 2], offset)
            code = apsw.SQLITE_IOERR_WRITE if self.kind == "eio" else apsw.SQLITE_FULL
            raise apsw.exception_for(code)
        file.through(data, offset)

    def sync(self, file: Any, flags: int) -> None:
        if self.kind in ("eio", "fsync") and self._now():
            raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)
        file.synced(flags)

    def _now(self) -> bool:
        self.calls += 1
        self.failed |= self.calls == self.at
        return self.calls == self.at


class Memory:
    """What a disk has: all that was synced, and of the rest whatever the power cut leaves."""

    def __init__(self) -> None:
        self.synced: dict[str, bytearray] = {}
        self.pending: dict[str, list[tuple[int, bytes | None]]] = defaultdict(list)

    def write(self, file: Any, data: bytes, offset: int) -> None:
        self.pending[file.path].append((offset, data))
        file.through(data, offset)

    def truncate(self, file: Any, size: int) -> None:
        self.pending[file.path].append((size, None))
        file.cut(size)

    def delete(self, path: str) -> None:
        self.synced.pop(path, None)
        self.pending.pop(path, None)

    def sync(self, file: Any, flags: int) -> None:
        held = self.synced.setdefault(file.path, bytearray())
        for offset, data in self.pending.pop(file.path, []):
            put(held, offset, data)
        file.synced(flags)

    def cut(self, folder: Path, rng: np.random.Generator) -> None:
        """Write what is left after a power cut: unsynced writes dropped, torn and out of order."""
        folder.mkdir()
        for path in {*self.synced, *self.pending} - {None}:  # None: files without a name
            held = bytearray(self.synced.get(path, b""))
            waiting = self.pending.get(path, [])
            for place in rng.permutation(len(waiting)):
                offset, data = waiting[place]
                if rng.random() < 0.5:
                    put(held, offset, data and data[: rng.integers(len(data) + 1)])
            (folder / Path(path).name).write_bytes(held)


def put(held: bytearray, offset: int, data: bytes | None) -> None:
    """Write, or cut where there is nothing to write."""
    if data is None:
        del held[offset:]
        return
    held.extend(bytes(max(0, offset - len(held))))
    held[offset : offset + len(data)] = data


class ShimFile(apsw.VFSFile):
    def __init__(self, name: Any, flags: list[int], disk: Any) -> None:
        super().__init__(SYSTEM, name, flags)
        self.disk = disk
        self.path = name if isinstance(name, str) or name is None else name.filename()

    def through(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)

    def cut(self, size: int) -> None:
        super().xTruncate(size)

    def synced(self, flags: int) -> None:
        super().xSync(flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self.disk.write(self, data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self.disk.truncate(self, size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self.disk.sync(self, flags)


class Shim(apsw.VFS):
    def __init__(self, disk: Any) -> None:
        self.disk = disk
        super().__init__("shim", SYSTEM, makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> ShimFile:  # noqa: N802
        return ShimFile(name, flags, self.disk)

    def xDelete(self, name: str, syncdir: bool) -> None:  # noqa: N802
        self.disk.delete(name)
        super().xDelete(name, syncdir)


@contextmanager
def mounted(disk: Any) -> Iterator[Any]:
    """Put a disk under every database that is opened in the block."""
    shim = Shim(disk)
    try:
        yield disk
    finally:
        shim.unregister()
