"""`Index`: the nearest of many vectors, without comparing them all."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal import checks
from vicinal._native import Index as NativeIndex
from vicinal.arrays import (
    MAX_DIM,
    STORED,
    from_stored,
    id_array,
    query_rows,
    stored_rows,
)
from vicinal.errors import InvalidTypeError
from vicinal.progress import Line, reporter
from vicinal.recall import RecallReport, measure
from vicinal.report import Report, Stats
from vicinal.result import SearchResult
from vicinal.tune import Knobs, TuneReport, tune

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

#: What a row of layer 0 may hold.
LAYOUTS = ("compact", "fast", "auto")


class Index:
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
        under l2, sqeuclidean and cosine.
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

    __slots__ = ("_metric", "_native")

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
            )
        )

    def _hold(self, native: NativeIndex) -> None:
        self._native = native
        self._metric = native.metric

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

    def search(
        self,
        Q: ArrayLike,
        k: int = 10,
        *,
        ef_search: int = 64,
        threads: int = 0,
        exact: bool = False,
        counters: bool = False,
    ) -> SearchResult:
        """Find the k nearest vectors of each query.

        Parameters
        ----------
        Q : array-like, shape (n, dim) or (dim,)
            Queries, as in `add`. One query gives results of one dimension.
        k : int
            How many neighbours, 1 to 100,000,000; an index of fewer vectors gives all of them.
        ef_search : int
            Candidates kept during the walk, raised to `k` when lower. More find the true neighbours
            more surely, and take longer about in proportion.
        threads : int
            0 means all cores; a single query takes one.
        exact : bool
            True compares every vector: the true neighbours, in time proportional to their number.
        counters : bool
            True also returns what each query cost.

        Returns
        -------
        SearchResult
            `ids`, `distances`, `counts` and, on request, `counters`.

        Raises
        ------
        InvalidInputError
            NaN or infinity, a zero query under cosine, a shape that does not fit, k < 1; names the
            row.
        InvalidTypeError
            Strings, objects, complex numbers.
        """
        # A walk may take 20 µs: what the common case needs no check for gets none.
        if type(k) is not int or not 0 < k <= checks.MAX_K:
            k = checks.integer("k", k, 1, checks.MAX_K)
        if type(ef_search) is not int or not 0 < ef_search <= checks.MAX_EF:
            ef_search = checks.integer("ef_search", ef_search, 1, checks.MAX_EF)
        if threads != 0 or threads is False:
            threads = checks.threads(threads)
        if exact is not False or counters is not False:
            exact, counters = checks.flag("exact", exact), checks.flag("counters", counters)
        answer = self._native.search(Q, k, ef_search, exact, counters, threads)
        if answer is None:  # Q is not yet as the engine takes it
            rows = query_rows(Q, self.dim, self.dtype)
            answer = self._native.search(rows, k, ef_search, exact, counters, threads)
            assert answer is not None, "query_rows made it so"
        return SearchResult(answer, self._metric)

    def measure_recall(
        self, Q: ArrayLike, k: int = 10, *, ef_search: int = 64, threads: int = 0
    ) -> RecallReport:
        """Compare `search` with exact search on the same queries.

        Parameters
        ----------
        Q : array-like, shape (n, dim)
            Queries, best ones that the index was not built from.
        k, ef_search, threads : int
            As in `search`.

        Returns
        -------
        RecallReport
            Recall with its confidence interval, how much farther than the true neighbours the found
            ones are, and the rates of both ways.
        """
        k = checks.integer("k", k, 1, checks.MAX_K)
        ef_search = checks.integer("ef_search", ef_search, 1, checks.MAX_EF)
        queries = np.atleast_2d(query_rows(Q, self.dim, self.dtype))
        return measure(self, queries, k, ef_search, checks.threads(threads))

    def tune(
        self,
        queries: ArrayLike | None = None,
        target_recall: float = 0.95,
        k: int = 10,
        *,
        max_ef_search: int = 4096,
        sample: int = 1000,
        seed: int = 0,
        threads: int = 0,
    ) -> TuneReport:
        """Find the cheapest ``ef_search`` that reaches a recall, by measuring.

        The true neighbours are found once, by exact search. Then ``ef_search`` is doubled until the
        target is reached, and narrowed down to 2%.

        Without queries, stored vectors are asked: ``sample`` of them, drawn by chance. Each would
        find itself, so k + 1 neighbours are asked for, by either way, and the vector itself is
        taken out of both. That is honest about the match, but not about the walk: it ends at a
        vector that is linked to its own neighbours, as no new query is. So for new queries the
        recall is too high, and the ``ef_search`` too low: by half, where data have no structure.
        Give queries of your own where you have some.

        Parameters
        ----------
        queries : array-like, shape (n, dim), optional
            Queries that the index was not built from; some hundreds make the interval narrow.
        target_recall : float
            Above 0 and at most 1. It is held against the measured recall, not against the lower
            end of its interval.
        k : int
            As in `search`.
        max_ef_search : int
            Where to give up.
        sample, seed : int
            How many stored vectors stand in for queries, and the seed that draws them.
        threads : int
            As in `search`; queries a second are those of so many threads.

        Returns
        -------
        TuneReport
            The ``ef_search``, its recall with the interval, its speed, and the curve measured on
            the way. If nothing up to ``max_ef_search`` reaches the target, `reached` is False, and
            the rest is that of the highest recall.

        Raises
        ------
        InvalidInputError
            Fewer than two vectors, no queries, a target outside its range, and whatever `search`
            refuses.

        Examples
        --------
        >>> import numpy as np, vicinal
        >>> X = np.random.default_rng(0).random((2000, 16), dtype=np.float32)
        >>> ix = vicinal.Index(dim=16)
        >>> ids = ix.add(X)
        >>> best = ix.tune(target_recall=0.9)
        >>> best.reached, best.recall >= 0.9
        (True, True)
        """
        knobs = Knobs(target_recall, k, max_ef_search, sample, seed, threads)
        return tune(self, queries, knobs)

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

    def stats(self) -> Stats:
        """Describe the graph: nodes per layer, degrees, bytes per vector."""
        return Stats(count=len(self), **self._native.stats())

    def verify(self) -> Report:
        """Walk the whole graph, and check that every vector can be found."""
        return Report(**self._native.verify())

    @property
    def dim(self) -> int:
        """Components of a vector."""
        return self._native.dim

    @property
    def metric(self) -> str:
        """What "near" means."""
        return self._native.metric

    @property
    def dtype(self) -> str:
        """How vectors are stored."""
        return self._native.dtype

    @property
    def M(self) -> int:  # noqa: N802 - the paper's name
        """Links of a node on the upper layers."""
        return self._native.m

    @property
    def ef_construction(self) -> int:
        """Candidates gathered for each inserted vector."""
        return self._native.ef_construction

    @property
    def seed(self) -> int:
        """Seed of the level law."""
        return self._native.seed

    @property
    def level_p(self) -> float:
        """The p of the level law P(L >= l) = p^l."""
        return self._native.level_p

    @property
    def layout(self) -> str:
        """What a node's row of layer 0 holds: "compact" or "fast"."""
        return self._native.layout

    def __len__(self) -> int:
        return len(self._native)

    def __contains__(self, value: object) -> bool:
        try:
            number = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            return False
        return 0 <= number < 2**63 and self._native.contains(number)

    def __repr__(self) -> str:
        return (
            f"Index(dim={self.dim}, metric={self.metric!r}, dtype={self.dtype!r}, M={self.M}, "
            f"ef_construction={self.ef_construction}, seed={self.seed}) of {len(self):,} vectors"
        )

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise InvalidTypeError(
            "an Index is not pickled or copied: save() it, and open(path, mmap=True) where it is "
            "needed; processes then share its memory"
        )
