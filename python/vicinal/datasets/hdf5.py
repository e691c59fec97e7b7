"""HDF5 files, those of ann-benchmarks above all: train, test, neighbors, distances."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.datasets.choose import USUAL, check_table, choose, damaged, missing
from vicinal.datasets.source import BLOCK_ROWS, VectorSource
from vicinal.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray


class Hdf5Source(VectorSource):
    """One dataset of an HDF5 file: mapped where it lies in one piece, else read in blocks."""

    def __init__(self, path: Path, column: str | None, role: str, mmap: bool) -> None:
        try:
            h5py: Any = import_module("h5py")
        except ImportError as error:
            raise missing(path, "h5py") from error
        self.name = str(path)
        self._path = path
        self._open: Callable[[], Any] = lambda: h5py.File(path, "r")
        self._mmap = mmap
        shapes: dict[str, tuple[int, ...]] = {}

        def note(name: str, item: Any) -> None:
            # A name without a shape is an empty dataset.
            if isinstance(item, h5py.Dataset) and item.shape is not None:
                shapes[name] = item.shape

        try:
            with self._open() as file:
                file.visititems(note)
                self._names = list(shapes)
                tables = [name for name, shape in shapes.items() if len(shape) == 2]
                self._member = choose(
                    self.name, "dataset", column, self._names, tables, USUAL[role]
                )
                dataset = file[self._member]
                self.dtype = dataset.dtype
                # One piece in the file, as stored in memory: numpy can map it without h5py.
                whole = dataset.chunks is None and dataset.compression is None
                self._offset = dataset.id.get_offset() if whole else None
        except (OSError, RuntimeError, KeyError) as error:
            raise damaged(path, "an HDF5 file", error) from error
        check_table(f"{path}: dataset {self._member!r}", shapes[self._member], self.dtype)
        self.rows, self.dim = shapes[self._member]

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """See `VectorSource.blocks`."""
        try:
            with self._open() as file:
                dataset = file[self._member]
                for start in range(0, self.rows, rows):
                    yield dataset[start : start + rows]
        except (OSError, RuntimeError) as error:
            raise damaged(self._path, "an HDF5 file", error) from error

    def array(self) -> NDArray[Any]:
        """See `VectorSource.array`."""
        view = self.mapped()
        return super().array() if view is None else view

    def mapped(self) -> NDArray[Any] | None:
        """See `VectorSource.mapped`."""
        if not self._mmap or self._offset is None or self.dtype.kind == "b":
            return None
        try:
            return np.memmap(self._path, self.dtype, "r", self._offset, self.shape)
        except ValueError as error:
            raise damaged(self._path, "an HDF5 file", error) from error

    def column(self, name: str) -> NDArray[Any]:
        """See `VectorSource.column`."""
        if name not in self._names:
            raise InvalidInputError(
                f"{self.name}: no dataset {name!r}; it holds {', '.join(self._names)}"
            )
        with self._open() as file:
            return self._checked_column(name, file[name][()])
