"""Tables of any library that speaks Arrow, and Parquet files, in pieces that fit memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vicinal.collection.exported import ids_of, layout_of, payloads_of
from vicinal.errors import (
    CorruptionError,
    FileMissingError,
    InvalidInputError,
    MissingExtraError,
    VicinalError,
)
from vicinal.records.rows import refuse_duplicates, to_id, to_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from contextlib import AbstractContextManager

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
    upsert: Callable[[Any, dict[str, Any] | None, list[Any] | None], int],
    together: Callable[[], AbstractContextManager[object]],
) -> int:
    """Hand a table piece by piece to ``upsert``, and count what it wrote.

    Parameters
    ----------
    source : table, reader or path
    vectors : collection of str
        Names of the columns that hold vectors; ids are in "id", all others are payload.
    upsert : callable
        Takes ids, vectors by name and payloads.
    together : callable
        Makes the upserts of a block one: all of a piece or nothing is written.
    """
    written = 0
    try:
        for piece in _pieces(source):
            ids, found, payloads = _columns(piece, vectors)
            if not any(column.null_count for column in found.values()):
                written += upsert(ids, found if vectors else None, payloads)
                continue
            keys = to_keys(ids)
            refuse_duplicates(keys)  # which could hide in two parts
            with together():
                for present, rows in _by_vectors(found):
                    given = {name: found[name].take(rows) for name in present}
                    chosen = [to_id(keys[row]) for row in rows]
                    upsert(chosen, given, payloads and [payloads[row] for row in rows])
            written += len(keys)
    except VicinalError as error:
        if written:
            told = f"{error} (in what comes after {written:,} rows, which are written and stay)"
            error.args = (told, *error.args[1:])
        raise
    return written


def _columns(piece: Any, vectors: Collection[str]) -> tuple[Any, dict[str, Any], list[Any] | None]:
    """The ids, vectors by name, and payloads of a piece of a table."""
    names = piece.column_names
    if layout := layout_of(piece.schema):
        own = (layout.id, layout.payload, layout.kind)
        found = {name: piece.column(name) for name in names if name not in own}
        return ids_of(layout, piece), found, payloads_of(layout, piece)
    if ID not in names:
        raise InvalidInputError(
            f"the table has no column {ID!r} for the ids; it has {', '.join(names)}"
        )
    rest = [name for name in names if name != ID and name not in vectors]
    found = {name: piece.column(name) for name in names if name in vectors}
    return piece.column(ID), found, piece.select(rest).to_pylist() if rest else None


def _by_vectors(found: dict[str, Any]) -> Iterator[tuple[list[str], list[int]]]:
    """The rows that have the same of these vectors, and their names."""
    groups: dict[tuple[bool, ...], list[int]] = {}
    for row, has in enumerate(
        zip(*(c.is_valid().to_pylist() for c in found.values()), strict=True)
    ):
        groups.setdefault(has, []).append(row)
    for has, rows in groups.items():
        yield [name for name, there in zip(found, has, strict=True) if there], rows


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
