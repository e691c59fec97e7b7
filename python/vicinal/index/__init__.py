"""`Index`: the nearest of many vectors, without comparing them all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vicinal import checks
from vicinal._native import Index as NativeIndex
from vicinal.arrays import MAX_DIM, STORED
from vicinal.growth import GrowthReport, measure_growth
from vicinal.index.looking import Looking

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from vicinal.report import Report

#: What a row of layer 0 may hold.
LAYOUTS = ("compact", "fast", "auto")


class Index(Looking):
    """An approximate-nearest-neighbour index: the HNSW graph of Malkov & Yashunin.

    It has no capacity to declare: it grows. Any number of threads may search while another adds.

    Parameters
    ----------
    dim : int
        Components of a vector, 1 to 65,536. Bits are counted one by one.
    metric : {"l2", "sqeuclidean", "cosine", "ip", "hamming", "jaccard"}
        What "near" means, as in scipy. "l2" is the Euclidean distance, not its square. "cosine" is
        1 - cos. "ip" is the inner product turned round, -<q, x>, so that lower is nearer here too.
        "hamming" (the fraction of bits that differ) and "jaccard" compare bits, the others numbers.
    dtype : {"f32", "f16", "bf16", "i8", "u8", "bits"}
        How vectors are stored. Input is converted, or refused where it would lose its meaning.
    M : int
        Links of a node on the upper layers; layer 0 has 2M. More make searches surer and memory
        larger; 8 to 64.
    ef_construction : int
        Candidates gathered for each inserted vector. More make a better graph, more slowly;
        100 to 500.
    seed : int
        Of the level law: same seed, same levels. Builds with ``threads=1`` are bit-identical.
    layout : {"compact", "fast", "auto"}
        What a node's row on layer 0 holds. "compact": its links. "fast": also a code of one bit a
        component of each neighbour (RaBitQ, on edges), so that one pass over a row estimates the
        distances of a whole hop. More queries a second, for 128 + 4 dim bytes more a vector (at
        M=16). "auto" takes "fast" where it measured faster: for numbers of 96 components or more,
        under l2, sqeuclidean and cosine, unless ``store="none"`` asks for little memory.
    store : {"f32", "f16", "none"}, optional
        What is kept of f32 vectors, and so what distances are of and `get` returns. "f32", the
        default: the vectors as given, 4 bytes a component. "f16": rounded to half precision, off by
        2^-11 of each component at most, or by 3e-8 if that is more; components beyond 65,504 are
        refused. 3 bytes, 2 in the layout "fast". "none": 1 byte, one of 256 levels from the
        vector's least component to its greatest. Answers are then of vectors that are off by up to
        half a level, with ``exact=True`` as well. Vectors of the other dtypes are kept as they are.
    level_p : float, optional
        p of the level law P(L >= l) = p^l, above 0 and at most 0.9; 1/M when not given.

    Raises
    ------
    InvalidInputError, InvalidTypeError
        A parameter out of its range or of another type.

    References
    ----------
    Y. A. Malkov, D. A. Yashunin, "Efficient and robust approximate nearest neighbor search using
    Hierarchical Navigable Small World graphs", 2018, arXiv:1603.09320. `add` is Algorithm 1
    (with 2 and 4), `search` is Algorithm 5.

    Examples
    --------
    >>> import numpy as np, vicinal
    >>> X = np.random.default_rng(0).random((1000, 32), dtype=np.float32)
    >>> ix = vicinal.Index(dim=32)
    >>> ids = ix.add(X)
    >>> ix.search(X[7], k=1).ids
    array([7])
    """

    __slots__ = ()

    def __init__(
        self,
        dim: int,
        metric: str = "l2",
        dtype: str = "f32",
        *,
        M: int = 16,
        ef_construction: int = 200,
        seed: int = 0,
        level_p: float | None = None,
        layout: str = "compact",
        store: str | None = None,
    ) -> None:
        self._hold(
            NativeIndex(
                checks.integer("dim", dim, 1, MAX_DIM),
                checks.text("metric", metric),
                checks.choice("dtype", dtype, STORED),
                checks.integer("M", M, 2, 512),
                checks.integer("ef_construction", ef_construction, 1, 100_000),
                checks.integer("seed", seed, 0, 2**64 - 1),
                None if level_p is None else checks.number("level_p", level_p),
                checks.choice("layout", layout, LAYOUTS),
                None if store is None else checks.text("store", store),
            )
        )

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, mmap: bool = False) -> Index:
        """Open the index of a file that `save` wrote.

        Parameters
        ----------
        path : str or Path
            The file.
        mmap : bool
            True maps the file instead of reading it: it opens at once whatever its size, several
            processes share its pages, and it can't be changed.

        Raises
        ------
        FileMissingError
            No such file.
        FormatError
            Another program's file, or one of a newer Vicinal.
        CorruptionError
            A damaged file; names the block.
        StorageError
            The system could not read it.
        """
        index = cls.__new__(cls)
        index._hold(NativeIndex.open(checks.path(path), checks.flag("mmap", mmap)))
        return index

    @classmethod
    def salvage(cls, path: str | os.PathLike[str], *, threads: int = 0) -> tuple[Index, Report]:
        """Open a damaged file, and make anew what can be made from the rest.

        Links, their codes, chains of equal vectors, levels, norms and the entry point follow from
        the vectors; nodes whose rows still hold keep them. Vectors, ids and the record of what was
        removed are in the file alone: where they are damaged, that is an error as it is for `open`.
        The file stays as it is; `save` writes what was mended.

        Parameters
        ----------
        path : str or Path
            The file.
        threads : int
            0 means all cores.

        Returns
        -------
        Index, Report
            The index in memory, and what `verify` says of it now, with `Report.mended`.

        Raises
        ------
        CorruptionError
            Damage that nothing can be made from; names the block.
        FileMissingError, FormatError, StorageError
            As in `open`.
        """
        native, mended = NativeIndex.salvage(checks.path(path), checks.threads(threads))
        index = cls.__new__(cls)
        index._hold(native)
        return index, replace(index.verify(), mended=mended)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index to a file, which is complete or not there at all.

        A new file is written, synced and moved into place of the old one.

        Raises
        ------
        FileMissingError
            No such folder.
        StorageError
            A full disk, a read-only folder; `errno` tells.
        """
        self._native.save(checks.path(path))

    def measure_growth(
        self,
        X: ArrayLike,
        queries: ArrayLike,
        k: int = 10,
        *,
        ef_search: int = 64,
        sizes: Sequence[int] | None = None,
        threads: int = 0,
        progress: bool | Callable[[int, int], object] = False,
    ) -> GrowthReport:
        """Add vectors step by step, and measure at each size what a query costs and finds.

        Parameters
        ----------
        X : array-like, shape (n, dim)
            As in `add`.
        queries : array-like, shape (m, dim)
            Some that are not in X, as in `search`.
        k, ef_search : int
            As in `search`.
        sizes : sequence of int, optional
            How many vectors the index shall hold when it is measured, rising; by default 1,000,
            3,000, 10,000, … and all.
        threads : int
            To add with; queries are timed on one. 0 means all cores.
        progress : bool or callable
            As in `add`; of all rows.

        Returns
        -------
        GrowthReport
            Distances evaluated, time, recall and memory at each size, by graph and by exact search;
            its `plot` draws them.

        Raises
        ------
        InvalidInputError
            No vectors, no queries, sizes that don't rise or that X has too few rows for, and
            whatever `add` and `search` refuse. What was added before stays.

        Examples
        --------
        >>> import numpy as np, vicinal
        >>> X = np.random.default_rng(0).random((3000, 8), dtype=np.float32)
        >>> grown = vicinal.Index(dim=8).measure_growth(X[:-50], X[-50:])
        >>> [(point.count, point.exact_evaluations) for point in grown.points]
        [(1000, 1000.0), (2950, 2950.0)]
        """
        return measure_growth(self, X, queries, k, ef_search, sizes, threads, progress)
