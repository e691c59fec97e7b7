"""What a reader and a generator have in common: vectors that are read a block at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import DTypeLike, NDArray

BLOCK_ROWS = 65_536


class VectorSource(ABC):
    """A table of vectors, one a row, that need not fit in memory.

    A source is array-like: ``np.asarray(source)`` has all of it. Large ones are better walked by
    `blocks`.

    Attributes
    ----------
    name : str
        What messages call it: a file's path, or a generator's call.
    rows, dim : int
        Its shape.
    dtype : numpy.dtype
        The type of its components, as stored.
    """

    name: str
    rows: int
    dim: int
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, int]:
        """``(rows, dim)``."""
        return self.rows, self.dim

    def __len__(self) -> int:
        return self.rows

    @abstractmethod
    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """Yield the vectors in order, in arrays of `rows` rows, the last one shorter.

        What the blocks say when put together doesn't depend on `rows`.
        """

    def array(self) -> NDArray[Any]:
        """Return all vectors as one array; a view of the file where the format allows."""
        whole = np.empty(self.shape, self.dtype)
        filled = 0
        for block in self.blocks():
            whole[filled : filled + len(block)] = block
            filled += len(block)
        return whole

    def mapped(self) -> NDArray[Any] | None:
        """Return the vectors as a view of the file, or None where there is no such view."""
        return None

    def column(self, name: str) -> NDArray[Any]:
        """Return another, one-dimensional column of the same rows, such as ids.

        Raises
        ------
        InvalidInputError
            If there is no such column, or its length isn't `rows`.
        """
        raise InvalidInputError(
            f"{self.name}: has no column {name!r}: files of this kind hold nothing but vectors"
        )

    def _checked_column(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        if values.shape != (self.rows,):
            raise InvalidInputError(
                f"{self.name}: column {name!r} has shape {values.shape}, but {self.rows:,} vectors "
                f"need one value each: ({self.rows},)"
            )
        return values

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        whole = self.array()
        if dtype is not None and np.dtype(dtype) != whole.dtype:
            if copy is False:
                raise ValueError(f"{self.name}: {whole.dtype} can't become {dtype} without a copy")
            return whole.astype(dtype)
        return whole.copy() if copy else whole

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {self.rows:,} x {self.dim} {self.dtype}>"


class ArraySource(VectorSource):
    """Vectors that an array or a memory map already holds."""

    def __init__(self, name: str, vectors: NDArray[Any]) -> None:
        self.name = name
        self._vectors = vectors
        self.rows, self.dim = vectors.shape
        self.dtype = vectors.dtype

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """See `VectorSource.blocks`."""
        for start in range(0, self.rows, rows):
            yield self._vectors[start : start + rows]

    def array(self) -> NDArray[Any]:
        """See `VectorSource.array`."""
        return self._vectors

    def mapped(self) -> NDArray[Any] | None:
        """See `VectorSource.mapped`."""
        return self._vectors


def regroup(pieces: Iterator[NDArray[Any]], rows: int) -> Iterator[NDArray[Any]]:
    """Cut pieces of any length anew, into arrays of `rows` rows, copying only across the cuts."""
    if rows < 1:
        raise InvalidInputError(f"a block needs at least 1 row, not {rows}")
    held: list[NDArray[Any]] = []
    count = 0
    for piece in pieces:
        while count + len(piece) >= rows:
            cut = rows - count
            yield np.concatenate([*held, piece[:cut]]) if held else piece[:cut]
            held, count, piece = [], 0, piece[cut:]
        if len(piece):
            held.append(piece)
            count += len(piece)
    if held:
        yield np.concatenate(held) if len(held) > 1 else held[0]
