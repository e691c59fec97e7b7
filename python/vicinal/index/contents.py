"""What an index holds: vectors go in, and come back as they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal import checks
from vicinal.arrays import from_stored, id_array, stored_rows
from vicinal.index.held import Held
from vicinal.progress import Line, reporter

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray


class Contents(Held):
    """The methods of `Index` that change it, or give back what is in it."""

    __slots__ = ()

    def add(
        self,
        X: ArrayLike,
        ids: ArrayLike | None = None,
        *,
        threads: int = 0,
        progress: bool | Callable[[int, int], object] = False,
    ) -> NDArray[np.int64]:
        """Add vectors: all of them, or on any error none.

        Ctrl-C stops it within a moment, and leaves the index as it was.

        Parameters
        ----------
        X : array-like, shape (n, dim) or (dim,)
            Any numeric dtype, stride and byte order; also pyarrow lists and torch CPU tensors. Bits
            are bools (n, dim), or packed uint8 (n, ceil(dim / 8)) in the order of `numpy.packbits`.
        ids : array-like of int, shape (n,), optional
            Names of the vectors, 0 to 2^63 - 1, none of them used before; by default the numbers
            after the largest so far.
        threads : int
            0 means all cores. One thread makes the same graph every time.
        progress : bool or callable
            True shows a line on stderr; a function is called with (rows done, rows in all) a few
            times a second, and what it raises stops the call.

        Returns
        -------
        ndarray of int64, shape (n,)
            The ids.

        Raises
        ------
        InvalidInputError
            NaN or infinity, a zero vector under cosine, a length beyond float32's reach, a shape
            that does not fit; names the first bad row.
        DuplicateIdError
            An id given twice, or already in the index.
        InvalidTypeError
            Strings, objects, complex numbers, ids that are not integers.
        ReadOnlyError
            The index was opened with ``mmap=True``.
        """
        rows = stored_rows(X, self.dim, self.dtype)
        named = None if ids is None else id_array(ids, len(rows))
        report = reporter(progress)
        try:
            return self._native.add(rows, named, checks.threads(threads), report)
        finally:
            if isinstance(report, Line):
                report.close()

    def get(self, ids: ArrayLike) -> NDArray[Any]:
        """Give back stored vectors.

        Parameters
        ----------
        ids : array-like of int, shape (n,), or int

        Returns
        -------
        ndarray, shape (n, dim) or (dim,)
            In the stored dtype: float32 for f32 and bf16, float16, int8, uint8; bits packed, with
            ceil(dim / 8) bytes a row.

        Raises
        ------
        NotFoundError
            The index does not hold an id.
        """
        array = id_array(ids)
        rows = from_stored(self._native.get(array), self.dim, self.dtype)
        return rows[0] if np.ndim(ids) == 0 else rows

    def ids(self) -> NDArray[np.int64]:
        """Give all ids, in the order they were added."""
        return self._native.ids()
