"""NumPy's files: .npy, mapped; .npz, streamed out of its archive."""

from __future__ import annotations

import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from vicinal.datasets.choose import USUAL, check_table, choose, damaged
from vicinal.datasets.source import BLOCK_ROWS, ArraySource, VectorSource
from vicinal.errors import CorruptionError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

UNREADABLE = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, RuntimeError)


def open_npy(path: Path, mmap: bool) -> VectorSource:
    """Open a .npy file of two dimensions."""
    try:
        with path.open("rb") as stream:
            shape, _, dtype = _header(stream)
            start = stream.tell()
    except UNREADABLE as error:
        raise damaged(path, "a .npy file", error) from error
    check_table(str(path), shape, dtype)
    needed, size = start + shape[0] * shape[1] * dtype.itemsize, path.stat().st_size
    if size < needed:
        raise CorruptionError(
            f"{path}: truncated: {shape[0]:,} vectors of {shape[1]:,} {dtype} need "
            f"{needed:,} bytes, the file has {size:,}"
        )
    return ArraySource(str(path), np.load(path, mmap_mode="r" if mmap else None))


class NpzSource(VectorSource):
    """One array of an .npz archive, read without unpacking the whole of it."""

    def __init__(self, path: Path, column: str | None, role: str) -> None:
        self.name = str(path)
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                names = [name.removesuffix(".npy") for name in archive.namelist()]
                shapes = {name: _peek(archive, name)[0] for name in names}
        except UNREADABLE as error:
            raise damaged(path, "an .npz file", error) from error
        self._names = names
        tables = [name for name, shape in shapes.items() if len(shape) == 2]
        self._member = choose(self.name, "array", column, names, tables, USUAL[role])
        with zipfile.ZipFile(path) as archive:
            shape, self._fortran, self.dtype = _peek(archive, self._member)
        check_table(f"{path}: array {self._member!r}", shape, self.dtype)
        self.rows, self.dim = shape

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """See `VectorSource.blocks`."""
        if self._fortran:  # columns lie together: no block of rows does
            yield from ArraySource(self.name, self._whole(self._member)).blocks(rows)
            return
        try:
            with zipfile.ZipFile(self._path) as archive, _member(archive, self._member) as stream:
                _header(stream)
                for start in range(0, self.rows, rows):
                    count = min(rows, self.rows - start)
                    block = stream.read(count * self.dim * self.dtype.itemsize)
                    yield np.frombuffer(block, self.dtype).reshape(count, self.dim)
        except UNREADABLE as error:
            raise damaged(self._path, "an .npz file", error) from error

    def array(self) -> NDArray[Any]:
        """See `VectorSource.array`."""
        return self._whole(self._member)

    def column(self, name: str) -> NDArray[Any]:
        """See `VectorSource.column`."""
        if name not in self._names:
            raise InvalidInputError(
                f"{self.name}: no array {name!r}; it holds {', '.join(self._names)}"
            )
        return self._checked_column(name, self._whole(name))

    def _whole(self, name: str) -> NDArray[Any]:
        try:
            with np.load(self._path, allow_pickle=False) as archive:
                whole: NDArray[Any] = archive[name]
                return whole
        except UNREADABLE as error:
            raise damaged(self._path, "an .npz file", error) from error


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    return archive.open(name + ".npy" if name + ".npy" in archive.namelist() else name)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    if version == (1, 0):
        return npy.read_array_header_1_0(stream)
    return npy.read_array_header_2_0(stream)


def _peek(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    with _member(archive, name) as stream:
        return _header(stream)
