"""Records in files: .parquet, .jsonl(.gz) and .csv, piece by piece, with .npy beside them."""

from __future__ import annotations

import contextlib
import gzip
import json
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from vicinal.datasets import open_vectors
from vicinal.errors import (
    CorruptionError,
    FileMissingError,
    InvalidInputError,
    MissingExtraError,
    StorageError,
    VicinalError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

#: Rows that are written in one transaction.
PIECE = 20_000


class JsonLines:
    """A file with a JSON object on each line, compressed or not; pieces are lists of dicts."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def count(self) -> int:
        """Lines that are not empty."""
        with _reading(self.path), self._opened() as file:
            return sum(not line.isspace() for line in file)

    def pieces(self) -> Iterator[list[dict[str, Any]]]:
        """The objects."""
        held: list[dict[str, Any]] = []
        with _reading(self.path), self._opened() as file:
            for number, line in enumerate(file, 1):
                if line.isspace():
                    continue
                held.append(self._object(number, line))
                if len(held) == PIECE:
                    yield held
                    held = []
        if held:
            yield held

    def _opened(self) -> IO[str]:
        if self.path.suffix == ".gz":
            return gzip.open(self.path, "rt", encoding="utf-8-sig")
        return self.path.open(encoding="utf-8-sig")

    def _object(self, number: int, line: str) -> dict[str, Any]:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidInputError(f"{self.path}: line {number:,} is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise InvalidInputError(
                f"{self.path}: line {number:,} is not an object in braces; write a record a line"
            )
        return found


class Tables:
    """A .parquet or .csv file; pieces are tables of pyarrow."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def count(self) -> int:
        """Rows."""
        if self.path.suffix == ".parquet":
            import pyarrow.parquet as pq

            with _reading(self.path), pq.ParquetFile(self.path) as file:
                return int(file.metadata.num_rows)
        with _reading(self.path), self._csv() as reader:
            return sum(batch.num_rows for batch in reader)

    def pieces(self) -> Iterator[Any]:
        """The rows."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        with _reading(self.path):
            if self.path.suffix == ".parquet":
                with pq.ParquetFile(self.path) as file:
                    for batch in file.iter_batches(PIECE):
                        yield pa.Table.from_batches([batch])
                return
            with self._csv() as reader:
                for batch in reader:
                    if batch.num_rows:
                        yield pa.Table.from_batches([batch])

    def _csv(self) -> Any:
        import pyarrow.csv as pc

        return pc.open_csv(self.path, pc.ReadOptions(block_size=4 << 20))


def open_records(path: Path) -> JsonLines | Tables:
    """The reader of a file, by its suffix."""
    if not path.exists():
        raise FileMissingError(f"{path}: no such file; check the name", filename=str(path))
    if path.name.endswith((".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")):
        return JsonLines(path)
    if path.suffix not in (".parquet", ".csv"):
        raise InvalidInputError(f"{path}: records are read of .parquet, .jsonl, .jsonl.gz and .csv")
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtraError(
            f"{path}: reading {path.suffix} files needs pyarrow: pip install 'vicinal[formats]'"
        ) from error
    assert pa
    return Tables(path)


def open_beside(
    said: Sequence[str], names: Sequence[str], rows: int, path: Path
) -> dict[str, NDArray[Any]]:
    """The vectors of ``--vectors``, by name: a row for each of the records.

    Parameters
    ----------
    said : sequence of str
        ``FILE``, or ``NAME=FILE`` where a collection has several vectors.
    names : sequence of str
        The collection's vectors.
    rows : int
        How many records there are.
    path : Path
        Where they are, for messages.
    """
    from pathlib import Path

    found: dict[str, NDArray[Any]] = {}
    for words in said:
        name, equals, file = words.partition("=")
        if not equals or name not in names:
            if len(names) != 1:
                raise InvalidInputError(
                    f"--vectors {words}: write NAME=FILE; the vectors are "
                    f"{', '.join(names) or 'none'}"
                )
            name, file = names[0], words
        if name in found:
            raise InvalidInputError(f"--vectors {words}: the vectors {name!r} are given twice")
        found[name] = open_vectors(Path(file), None).array()
        if len(found[name]) != rows:
            raise InvalidInputError(
                f"{file}: has {len(found[name]):,} vectors for {rows:,} records of {path}; give "
                "one for each"
            )
    return found


def with_columns(
    table: Any, number: int | None, id_field: str, vectors: Mapping[str, NDArray[Any]]
) -> Any:
    """A table with its ids in the column "id", and the vectors of other files as columns."""
    import pyarrow as pa

    if number is not None:
        table = _added(table, "id", pa.array(range(number, number + len(table))))
    elif id_field != "id":
        if id_field not in table.column_names:
            raise InvalidInputError(
                f"no column {id_field!r} for the ids; there are {', '.join(table.column_names)}"
            )
        _refuse("id", table.column_names)
        names = ["id" if name == id_field else name for name in table.column_names]
        table = table.rename_columns(names)
    for name, rows in vectors.items():
        flat = pa.array(np.ascontiguousarray(rows).ravel())
        table = _added(table, name, pa.FixedSizeListArray.from_arrays(flat, rows.shape[1]))
    return table


def _added(table: Any, name: str, column: Any) -> Any:
    _refuse(name, table.column_names)
    return table.append_column(name, column)


def _refuse(name: str, present: Sequence[str]) -> None:
    if name in present:
        raise InvalidInputError(
            f"there is a column {name!r} already; rename it, or take it as it is"
        )


def split(
    rows: list[dict[str, Any]],
    number: int | None,
    id_field: str,
    names: Sequence[str],
    vectors: Mapping[str, NDArray[Any]],
) -> Iterator[tuple[list[Any], dict[str, Any], list[dict[str, Any]]]]:
    """Ids, vectors by name, and payloads of objects that have all of them as fields.

    Objects that lack some of the vectors come apart from those that have them.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, row in enumerate(rows):
        for name in vectors:
            if name in row:
                raise InvalidInputError(f"row {place} has a field {name!r} too; rename it")
        if number is None and id_field not in row:
            raise InvalidInputError(
                f"row {place} has no field {id_field!r} for its id; it has {', '.join(row)}"
            )
        inside = tuple(name for name in names if name not in vectors and row.get(name) is not None)
        groups.setdefault(inside, []).append(place)
    for inside, places in groups.items():
        ids = [rows[p][id_field] if number is None else number + p for p in places]
        given: dict[str, Any] = {name: [rows[p][name] for p in places] for name in inside}
        given |= {name: values[places] for name, values in vectors.items()}
        own = {*names, *([id_field] if number is None else [])}
        yield ids, given, [{k: v for k, v in rows[p].items() if k not in own} for p in places]


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Errors of reading a file, as ours."""
    try:
        yield
    except VicinalError:
        raise
    except (EOFError, gzip.BadGzipFile) as error:
        raise CorruptionError(f"{path}: can't be read to its end: {error}") from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path}: is not UTF-8 text: {error}") from error
    except OSError as error:
        raise StorageError(
            f"{path}: can't be read: {error.strerror or error}", error.errno, str(path)
        ) from error
    except ValueError as error:  # pyarrow's ArrowInvalid is one
        raise CorruptionError(f"{path}: can't be read to its end: {error}") from error
