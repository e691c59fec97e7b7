"""What every reader asks of a file, and the words in which it refuses one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vicinal.errors import (
    CorruptionError,
    InvalidInputError,
    InvalidTypeError,
    MissingExtraError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

MAX_DIM = 65_536
# What columns of vectors are usually called, the likeliest first ("train" and "test" are
# ann-benchmarks' words), by the part they play.
USUAL = {
    "base": ("train", "base", "vectors", "vector", "embeddings", "embedding"),
    "queries": ("test", "queries", "query", "vectors", "vector", "embeddings", "embedding"),
}


def choose(
    source: str,
    kind: str,
    column: str | None,
    names: Sequence[str],
    tables: Sequence[str],
    preferred: Sequence[str],
) -> str:
    """Choose the column that holds the vectors: the one asked for, a usual name, or the only one.

    Parameters
    ----------
    source : str
        The file, for messages.
    kind : str
        What the format calls its columns.
    column : str or None
        The name asked for.
    names : sequence of str
        All there are.
    tables : sequence of str
        Those of them that can hold vectors.
    preferred : sequence of str
        Usual names, the likeliest first, for when none is asked for.
    """
    listed = ", ".join(names) or "none"
    if column is not None:
        if column not in names:
            raise InvalidInputError(f"{source}: no {kind} {column!r}; it holds {listed}")
        return column
    for name in preferred:
        if name in tables:
            return name
    if len(tables) == 1:
        return tables[0]
    if not tables:
        raise InvalidInputError(f"{source}: no {kind} of vectors in it; it holds {listed}")
    raise InvalidInputError(
        f"{source}: holds several {kind}s of vectors: {', '.join(tables)}; name one as column"
    )


def check_table(source: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse what is no table of numbers, one vector a row."""
    if dtype.kind not in "fiub":
        raise InvalidTypeError(f"{source}: holds {dtype}, not numbers")
    if len(shape) != 2:
        raise InvalidInputError(
            f"{source}: has shape {shape}; vectors are a table of two dimensions, one vector a row"
        )
    if shape[0] == 0:
        raise InvalidInputError(f"{source}: holds no vectors")
    if not 1 <= shape[1] <= MAX_DIM:
        raise InvalidInputError(
            f"{source}: its vectors have {shape[1]:,} components; 1 to {MAX_DIM:,} are possible"
        )


def damaged(path: Path, kind: str, error: Exception) -> CorruptionError:
    """Make the error for a file that isn't what its suffix says, or is cut short."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return CorruptionError(f"{path}: not {kind}, or a damaged one: {reason}")


def missing(path: Path, module: str) -> MissingExtraError:
    """Make the error for a format whose library isn't installed."""
    return MissingExtraError(
        f"{path}: reading {path.suffix} files needs {module}: pip install 'vicinal[formats]'"
    )
