"""Finding: the nearest vectors of queries, and how surely they are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vicinal import checks, diverse
from vicinal import guarantee as proofs
from vicinal.arrays import query_rows
from vicinal.errors import InvalidInputError
from vicinal.idset import native_filter
from vicinal.index.contents import Contents
from vicinal.recall import RecallReport, measure
from vicinal.result import SearchResult
from vicinal.tune import Knobs, TuneReport, tune

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from numpy.typing import ArrayLike

    from vicinal._native import IdSet as NativeIdSet
    from vicinal.idset import IdSet

    Filter: TypeAlias = ArrayLike | bytes | IdSet


class Searching(Contents):
    """The methods of `Index` that search."""

    __slots__ = ()

    def search(
        self,
        Q: ArrayLike,
        k: int = 10,
        *,
        ef_search: int = 64,
        threads: int = 0,
        exact: bool = False,
        counters: bool = False,
        filter: Filter | None = None,
        missing: str = "raise",
        plan: str = "auto",
        mmr: float | None = None,
        group_by: ArrayLike | None = None,
        guarantee: str | float | None = None,
        budget: float | None = None,
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
        filter : array-like, bytes or IdSet, optional
            Which ids may be found: ids, a mask of bools (``mask[id]``), a serialized roaring
            bitmap, or an `IdSet`, which is quicker where it is used more than once and can deny as
            well as allow. Never fewer than ``min(k, those that match)`` are found.
        missing : {"raise", "ignore"}
            What to do if the filter names ids that the index does not hold.
        plan : {"auto", "graph", "two-hop", "scan"}
            Which way to search: "graph" walks, "two-hop" walks from match to match where there is
            a filter, "scan" compares all that match and is exact. "auto" walks or scans, whichever
            is expected to cost less; the counters tell which it was.
        mmr : float, optional
            From 0, the nearest, to 1, the most diverse: the k are chosen from the 4k nearest, each
            by its distance from the query and from those already chosen (maximal marginal
            relevance). They come in the order of the choice.
        group_by : array-like, optional
            Labels, one for each id (``labels[id]``), integers or strings: of each label only the
            nearest vector is found, so that k different labels are.
        guarantee : {"exact"} or float, optional
            What is to be proven of every answer: "exact", that these are the true neighbours; 0.1,
            that at every rank the distance is at most 1.1 times the true one of that rank. The
            proof is by lower bounds of the other distances, never by chance. The first search
            with a guarantee prepares the index for it (`prepare_guarantees`).
        budget : int or float, optional
            How many vectors may be measured for each query's proof: a number, or a share of them
            from 0.0 to 1.0. Where that is not enough, the answer is what was found by then, and
            not certified.

        Returns
        -------
        SearchResult
            `ids`, `distances`, `counts` and, on request, `counters` and `certificate`.

        Raises
        ------
        InvalidInputError
            NaN or infinity, a zero query under cosine, a shape that does not fit, k < 1; names the
            row. A mask, or labels, shorter than the largest id + 1; mmr outside 0 to 1. A guarantee
            with mmr or group_by, which choose others than the nearest; one other than "exact" under
            ip, whose distances have no ratio; a budget without a guarantee.
        InvalidTypeError
            Strings, objects, complex numbers.
        NotFoundError
            The filter names an id that the index does not hold, unless ``missing="ignore"``.
        """
        # A walk may take 20 µs: what the common case needs no check for gets none.
        if type(k) is not int or not 0 < k <= checks.MAX_K:
            k = checks.integer("k", k, 1, checks.MAX_K)
        if type(ef_search) is not int or not 0 < ef_search <= checks.MAX_EF:
            ef_search = checks.integer("ef_search", ef_search, 1, checks.MAX_EF)
        if threads != 0 or threads is False:
            threads = checks.threads(threads)
        if plan != "auto" or missing != "raise":
            plan, missing = checks.text("plan", plan), checks.text("missing", missing)
        if counters is not False:
            counters = checks.flag("counters", counters)
        if exact is not False and checks.flag("exact", exact):
            if plan not in ("auto", "scan"):
                raise InvalidInputError(f"plan={plan!r} is not exact; leave one of the two out")
            plan = "scan"
        allowed = None if filter is None else native_filter(filter)
        if guarantee is not None or budget is not None:
            if mmr is not None or group_by is not None:
                raise InvalidInputError(
                    "a guarantee is of the k nearest; mmr and group_by choose others"
                )
            asked = self._guarantee(guarantee, budget, plan, threads)
            told = (k, ef_search, plan, counters, threads, allowed, missing, *asked)
            return self._ask_guaranteed(Q, *told)
        if mmr is not None or group_by is not None:
            how = (ef_search, plan, counters, threads, allowed, missing)
            return self._choose(Q, k, mmr, group_by, how)
        return self._ask(Q, k, ef_search, plan, counters, threads, allowed, missing)

    def _choose(
        self,
        Q: ArrayLike,
        k: int,
        mmr: float | None,
        group_by: ArrayLike | None,
        how: tuple[Any, ...],
    ) -> SearchResult:
        """Choose k from more neighbours than that."""

        def ask(most: int) -> SearchResult:
            return self._ask(Q, most, *how)

        if mmr is not None and group_by is not None:
            raise InvalidInputError("mmr and group_by don't go together; leave one of the two out")
        if group_by is not None:
            ids = self.ids()
            codes = diverse.group_codes(group_by, int(ids.max()) if len(ids) else -1)
            return diverse.best_of_groups(ask, k, codes, len(self))
        share = diverse.mmr_share(mmr)
        found = ask(diverse.pool(k, len(self)))
        space = (self.dim, self.metric, self.dtype)
        places = diverse.diversified(found, k, share, self.get, space)
        return diverse.picked(found, places, k)

    def _ask(
        self,
        Q: ArrayLike,
        k: int,
        ef_search: int,
        plan: str,
        counters: bool,
        threads: int,
        allowed: NativeIdSet | None,
        missing: str,
    ) -> SearchResult:
        """Ask the engine."""
        search = self._native.search
        # Passed on one by one: to pack them costs a twentieth of a short scan.
        answer = search(Q, k, ef_search, plan, counters, threads, allowed, missing)
        if answer is None:  # Q is not yet as the engine takes it
            rows = query_rows(Q, self.dim, self.dtype)
            answer = search(rows, k, ef_search, plan, counters, threads, allowed, missing)
            assert answer is not None, "query_rows made it so"
        return SearchResult(answer, self._metric)

    def _guarantee(
        self, guarantee: str | float | None, budget: float | None, plan: str, threads: int
    ) -> tuple[float, int | None, float | None]:
        """Check what is to be proven, and prepare for it where that was not done yet."""
        asked = proofs.asked(guarantee, budget, self._metric)
        if plan != "scan" and self._native.guarantees_due():
            self._prepare(wait=False, threads=threads)
        return asked

    def _prepare(self, *, wait: bool, threads: int) -> None:
        sample = self._native.sample(proofs.SAMPLE).reshape(-1, self.dim)
        if len(sample):
            self._native.prepare_guarantees(*proofs.axes(sample), wait, threads)

    def prepare_guarantees(self, *, threads: int = 0) -> None:
        """Make ready for ``search(..., guarantee=)``, which else the first such search does.

        Each vector gets a code: its coordinates along the principal axes of a sample, a byte each,
        with a bound of what the rounding lost. They are kept in memory and not saved; `stats` tells
        their bytes. Vectors that are added later are coded as they come. When there are more than
        twice as many as the axes were found for, the next search with a guarantee finds new ones.

        Bits have no codes: there a scan is the proof.

        Parameters
        ----------
        threads : int
            0 means all cores.

        Examples
        --------
        >>> import numpy as np, vicinal
        >>> X = np.random.default_rng(0).random((5000, 16), dtype=np.float32)
        >>> ix = vicinal.Index(dim=16)
        >>> ids = ix.add(X)
        >>> ix.prepare_guarantees()
        >>> r = ix.search(X[:3], k=5, guarantee="exact")
        >>> bool(r.certified.all())
        True
        """
        threads = checks.threads(threads)
        if self.dtype != "bits":
            self._prepare(wait=True, threads=threads)

    def _ask_guaranteed(self, Q: ArrayLike, *how: Any) -> SearchResult:
        """Ask the engine for a proof too."""
        found = self._native.search_guaranteed(Q, *how)
        if found is None:  # as in _ask
            rows = query_rows(Q, self.dim, self.dtype)
            found = self._native.search_guaranteed(rows, *how)
            assert found is not None, "query_rows made it so"
        answer, proven = found
        return SearchResult(answer, self._metric, proven)

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
