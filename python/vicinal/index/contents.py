"""What an index holds: vectors go in, and come back as they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal import checks
from vicinal.arrays import from_stored, id_array, stored_rows
from vicinal.index.held import Held
from vicinal.progress import reporting
from vicinal.report import Compacted

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
        with reporting(progress) as report:
            return self._native.add(rows, named, checks.threads(threads), report)

    def upsert(
        self,
        X: ArrayLike,
        ids: ArrayLike,
        *,
        threads: int = 0,
        progress: bool | Callable[[int, int], object] = False,
    ) -> NDArray[np.int64]:
        """Add vectors, in the place of those that have the ids already: all, or on any error none.

        Searches see the old vectors up to a moment, and from then on the new ones. Ctrl-C stops it
        within a moment, and leaves the index as it was.

        Parameters
        ----------
        X : array-like, shape (n, dim) or (dim,)
            As in `add`.
        ids : array-like of int, shape (n,)
            Names of the vectors, 0 to 2^63 - 1, none of them twice.
        threads, progress
            As in `add`.

        Returns
        -------
        ndarray of int64, shape (n,)
            The ids.

        Raises
        ------
        InvalidInputError, InvalidTypeError, ReadOnlyError
            As in `add`.
        DuplicateIdError
            An id given twice.
        """
        rows = stored_rows(X, self.dim, self.dtype)
        named = id_array(ids, len(rows))
        with reporting(progress) as report:
            self._native.upsert(rows, named, checks.threads(threads), report)
        return named

    def remove(self, ids: ArrayLike, *, missing: str = "raise", threads: int = 0) -> int:
        """Remove vectors: all of them, or on any error none.

        Searches see them up to a moment, and no more from then on. The graph is mended where they
        were, after IP-DiskANN (Xu et al. 2025, arXiv:2502.13826), and every other vector stays
        reachable. Their memory is for vectors to come, once the links that still lead to them were
        replaced, which the removals that follow do step by step; or `compact`, at once, which also
        gives it back if they were most.

        Parameters
        ----------
        ids : array-like of int, shape (n,), or int
            Which. An id that is given twice counts once.
        missing : {"raise", "ignore"}
            What to do about ids that the index does not hold.
        threads : int
            0 means all cores.

        Returns
        -------
        int
            How many were removed.

        Raises
        ------
        NotFoundError
            Ids that are not there; names them.
        InvalidTypeError
            Ids that are not integers.
        ReadOnlyError
            The index was opened with ``mmap=True``.
        """
        ignore = checks.choice("missing", missing, ("raise", "ignore")) == "ignore"
        return self._native.remove(id_array(ids), ignore, checks.threads(threads))

    def clear(self) -> None:
        """Remove all vectors. The index is as new: ids that are not given start from 0 again.

        The memory goes back to the system; where searches are under way, by the next `compact`.

        Raises
        ------
        ReadOnlyError
            The index was opened with ``mmap=True``.
        """
        self._native.clear()

    def compact(
        self, *, threads: int = 0, progress: bool | Callable[[int, int], object] = False
    ) -> Compacted:
        """Replace all links to removed vectors, so that their memory is free for others.

        Removals do that step by step. If at least half of the places are free then, the vectors
        behind move into the first of them, and the memory behind the last vector goes back to the
        system (on Unix; elsewhere it stays, for the vectors to come). A vector that moves costs
        what an update costs, and no more of them move than were removed.

        Searches go on meanwhile. A place that one of them may still be at is not free until it has
        ended: `compact` waits for a moment, and the next one finds what was left. Stopped by
        Ctrl-C, it keeps what it has done.

        Parameters
        ----------
        threads, progress
            As in `add`.

        Returns
        -------
        Compacted
            How many links were replaced, how many places of removed vectors became free, and how
            many vectors moved.

        Raises
        ------
        ReadOnlyError
            The index was opened with ``mmap=True``.
        """
        with reporting(progress) as report:
            return Compacted(*self._native.compact(checks.threads(threads), report))

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
        """Give all ids, in the order they were added.

        Vectors that came after others were removed may have taken their places, in this order too,
        and so may those that `compact` moved.
        """
        return self._native.ids()
