"""Arrow's files: .parquet, .arrow and .feather, with a column of lists of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.datasets.choose import USUAL, check_table, choose, damaged, missing
from vicinal.datasets.source import BLOCK_ROWS, VectorSource, regroup
from vicinal.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

# Arrow's names of types that NumPy calls otherwise.
NUMPY_NAMES = {"halffloat": "float16", "float": "float32", "double": "float64"}


class ArrowSource(VectorSource):
    """A column of lists, all of one length, read batch by batch.

    Where an .arrow or .feather file holds fixed-size lists in one batch, `mapped` is a view of it.
    """

    def __init__(self, path: Path, column: str | None, role: str, mmap: bool) -> None:
        try:
            import pyarrow as pa
        except ImportError as error:
            raise missing(path, "pyarrow") from error
        self.name = str(path)
        self._path = path
        self._mmap = mmap
        self._parquet = path.suffix.lower() == ".parquet"
        self._kind = "a Parquet file" if self._parquet else "an Arrow file"
        try:
            file = self._file()
            schema = file.schema
            lists = [field.name for field in schema if _component(field.type) is not None]
            self._column = choose(self.name, "column", column, schema.names, lists, USUAL[role])
            self._names = schema.names
            self.rows = file.rows
            kind = schema.field(self._column).type
            component = _component(kind)
            if component is None:
                raise InvalidInputError(
                    f"{path}: column {self._column!r} holds {kind}, not lists of numbers"
                )
            self.dtype = np.dtype(NUMPY_NAMES.get(str(component), str(component)))
            size = getattr(_storage(kind), "list_size", None)
            # Lists that may differ in length: the first tells what the others must have.
            self.dim = self._first_length() if size is None else size
        except (pa.ArrowException, OSError) as error:
            raise damaged(path, self._kind, error) from error
        check_table(f"{path}: column {self._column!r}", self.shape, self.dtype)

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """See `VectorSource.blocks`."""
        return regroup(self._pieces(rows), rows)

    def mapped(self) -> NDArray[Any] | None:
        """See `VectorSource.mapped`."""
        # A list of bits or of a Parquet page has no view as an array.
        if not self._mmap or self._parquet or self.dtype.kind == "b":
            return None
        pieces = list(self._pieces(self.rows))
        return pieces[0] if len(pieces) == 1 else None

    def array(self) -> NDArray[Any]:
        """See `VectorSource.array`."""
        view = self.mapped()
        return super().array() if view is None else view

    def column(self, name: str) -> NDArray[Any]:
        """See `VectorSource.column`."""
        if name not in self._names:
            raise InvalidInputError(
                f"{self.name}: no column {name!r}; it holds {', '.join(self._names)}"
            )
        batches = self._file().batches(name, BLOCK_ROWS)
        parts = [batch.to_numpy(zero_copy_only=False) for batch in batches]
        return self._checked_column(name, np.concatenate(parts))

    def _file(self) -> _Parquet | _Ipc:
        return (_Parquet if self._parquet else _Ipc)(self._path)

    def _first_length(self) -> int:
        for batch in self._file().batches(self._column, 1):
            if len(batch):
                return len(batch[0]) if batch[0].is_valid else 0
        return 0

    def _pieces(self, rows: int) -> Iterator[NDArray[Any]]:
        import pyarrow as pa

        start = 0
        try:
            for batch in self._file().batches(self._column, rows):
                yield self._matrix(batch, start)
                start += len(batch)
        except (pa.ArrowException, OSError) as error:
            raise damaged(self._path, self._kind, error) from error

    def _matrix(self, batch: Any, start: int) -> NDArray[Any]:
        """Turn one batch of lists into rows; `start` is the number of its first row."""
        import pyarrow as pa
        import pyarrow.compute as pc

        where = f"{self.name}: column {self._column!r}"
        lists = batch.storage if isinstance(batch, pa.ExtensionArray) else batch
        if lists.null_count:
            row = start + int(np.flatnonzero(lists.is_null().to_numpy(zero_copy_only=False))[0])
            raise InvalidInputError(f"{where}: row {row:,} is null")
        lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
        odd = np.flatnonzero(lengths != self.dim)
        if odd.size:
            raise InvalidInputError(
                f"{where}: row {start + odd[0]:,} has {lengths[odd[0]]:,} components, "
                f"the first row {self.dim:,}"
            )
        flat = lists.flatten()
        if flat.null_count:
            at = int(np.flatnonzero(flat.is_null().to_numpy(zero_copy_only=False))[0])
            raise InvalidInputError(
                f"{where}: row {start + at // self.dim:,} has null for component {at % self.dim:,}"
            )
        values: NDArray[Any] = flat.to_numpy(zero_copy_only=False)
        return values.reshape(len(lists), self.dim)


class _Parquet:
    def __init__(self, path: Path) -> None:
        from pyarrow import parquet

        self._file = parquet.ParquetFile(path)
        self.schema = self._file.schema_arrow
        self.rows: int = self._file.metadata.num_rows

    def batches(self, column: str, rows: int) -> Iterator[Any]:
        for batch in self._file.iter_batches(batch_size=rows, columns=[column]):
            yield batch.column(0)


class _Ipc:
    """An IPC file, or a stream: both are called .arrow."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.schema = self._reader().schema
        # Only the batches know; those of a compressed file are unpacked for it, one at a time.
        self.rows: int = sum(batch.num_rows for batch in self._read())

    def batches(self, column: str, rows: int) -> Iterator[Any]:
        index = self.schema.get_field_index(column)
        for batch in self._read():
            for start in range(0, len(batch), rows):
                yield batch.column(index).slice(start, rows)

    def _reader(self) -> Any:
        import pyarrow as pa
        from pyarrow import ipc

        with self._path.open("rb") as file:
            marked = file.read(6) == b"ARROW1"
        source = pa.memory_map(str(self._path))
        return ipc.open_file(source) if marked else ipc.open_stream(source)

    def _read(self) -> Iterator[Any]:
        reader = self._reader()
        count = getattr(reader, "num_record_batches", None)
        return iter(reader) if count is None else map(reader.get_batch, range(count))


def _storage(kind: Any) -> Any:
    return getattr(kind, "storage_type", kind)  # an extension type, such as a fixed-shape tensor


def _component(kind: Any) -> Any | None:
    """Return the type of a list's components, or None for what is no list of numbers."""
    from pyarrow import types

    kind = _storage(kind)
    if not (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)):
        return None
    value = kind.value_type
    numeric = types.is_floating(value) or types.is_integer(value) or types.is_boolean(value)
    return value if numeric else None
