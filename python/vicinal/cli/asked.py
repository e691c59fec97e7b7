"""What commands ask of an index, as it is written in words and files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from vicinal.errors import FileMissingError, InvalidInputError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vicinal import IdSet


def all_of(queries: Path, column: str | None) -> NDArray[Any]:
    """The queries of a file."""
    from vicinal.datasets import open_vectors

    return open_vectors(queries, column, role="queries").array()


def one_of(queries: Path, column: str | None, row: int) -> Any:
    """One of the queries of a file."""
    asked = all_of(queries, column)
    if row >= len(asked):
        raise InvalidInputError(
            f"--row {row}: {queries} has {len(asked):,} queries, numbered from 0"
        )
    return asked[row]


def read_number(text: str | None) -> float | str | None:
    """Read 1000 as an int and 0.01 as a float; what is neither is for the engine to refuse."""
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    try:
        return float(text)
    except ValueError:
        return text


def read_filter(path: Path | None) -> IdSet | None:
    """The ids of ``--filter-ids``."""
    if path is None:
        return None
    import numpy as np

    from vicinal import IdSet

    try:
        data = path.read_bytes()
    except OSError as error:
        kind = FileMissingError if isinstance(error, FileNotFoundError) else StorageError
        raise kind(f"{path}: {error.strerror}", error.errno, str(path)) from error
    try:
        if path.suffix == ".npy":
            return IdSet(np.load(io.BytesIO(data), allow_pickle=False))
        if path.suffix == ".txt":
            return IdSet([int(line) for line in data.split()])
        return IdSet(data)
    except ValueError as error:
        raise InvalidInputError(f"{path}: {error}") from error
