"""Tables of any library that speaks Arrow, and Parquet files, in pieces that fit memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vicinal.errors import (
    CorruptionError,
    FileMissingError,
    InvalidInputError,
    MissingExtraError,
    VicinalError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

#: Rows that are written in one transaction.
PIECE = 50_000

#: The column with the ids.
ID = "id"


def is_table(source: Any) -> bool:
    """Whether this is a table or a file of one, and not a list of ids."""
    if isinstance(source, (str, os.PathLike)):
        return Path(source).suffix.lower() == ".parquet"
    columns = hasattr(source, "schema") or hasattr(source, "columns")  # an array has none
    return hasattr(source, "__arrow_c_stream__") and columns


def write(
    source: Any,
    vectors: Collection[str],
    upsert: Callable[[Any, dict[str, Any] | None, list[dict[str, Any]] | None], int],
) -> int:
    """Hand a table piece by piece to ``upsert``, and count what it wrote.

    Parameters
    ----------
    source : table, reader or path
    vectors : collection of str
        Names of the columns that hold vectors; ids are in "id", all others are payload.
    upsert : callable
        Takes ids, vectors by name and payloads; all of a piece or nothing is written.
    """
    written = 0
    try:
        for piece in _pieces(source):
            names = piece.column_names
            if ID not in names:
                raise InvalidInputError(
                    f"the table has no column {ID!r} for the ids; it has {', '.join(names)}"
                )
            rest = [name for name in names if name != ID and name not in vectors]
            found = {name: piece.column(name) for name in names if name in vectors}
            payloads = piece.select(rest).to_pylist() if rest else None
            written += upsert(piece.column(ID), found if vectors else None, payloads)
    except VicinalError as error:
        if written:
            told = f"{error} (in what comes after {written:,} rows, which are written and stay)"
            error.args = (told, *error.args[1:])
        raise
    return written


def _pieces(source: Any) -> Iterator[Any]:
    """Tables of about `PIECE` rows."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtraError(
            "tables and Parquet files need pyarrow: pip install 'vicinal[formats]'"
        ) from error
    held: list[Any] = []
    try:
        for batch in _batches(source):
            for start in range(0, batch.num_rows, PIECE):
                held.append(batch.slice(start, PIECE))
                if sum(part.num_rows for part in held) >= PIECE:
                    yield pa.Table.from_batches(held)
                    held = []
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, VicinalError):
            raise
        raise CorruptionError(f"the table can't be read to its end: {error}") from error
    if held:
        yield pa.Table.from_batches(held)


def _batches(source: Any) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not isinstance(source, (str, os.PathLike)):
        yield from pa.RecordBatchReader.from_stream(source)
        return
    if not Path(source).exists():
        raise FileMissingError(f"{source}: no such file; check the name", filename=str(source))
    with pq.ParquetFile(source) as file:
        yield from file.iter_batches(PIECE)
