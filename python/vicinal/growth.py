"""How figures change as an index grows: both ways of searching, measured at each size."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vicinal import checks, recall
from vicinal.arrays import query_rows, stored_rows
from vicinal.errors import InvalidInputError
from vicinal.intervals import share_found
from vicinal.plots import Axis, Panel, Plot, Series
from vicinal.plots.drawn import Drawn
from vicinal.plots.look import BLUE, GREEN, OWN
from vicinal.progress import reporting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from vicinal.report import Stats
    from vicinal.result import SearchResult

#: Single queries are timed for so many seconds a size and way, but so many of them at least.
PATIENCE, ENOUGH = 3.0, 25
#: Where the sizes measured begin, unless they are given.
FIRST = 1_000


@dataclass(frozen=True, slots=True)
class GrowthPoint:
    """An index of one size, measured.

    Attributes
    ----------
    count : int
        Vectors held.
    graph_seconds, exact_seconds : float
        One query on one thread, by the graph and by exact search: medians.
    graph_evaluations, exact_evaluations : float
        Distances evaluated for one query: medians.
    recall, low, high : float
        The share of the true k nearest that the graph found, with Wilson's 95% interval.
    bytes_per_vector : float
    build_seconds : float
        Spent on adding so far.
    processor_share : float
        Share of the timed searches in which the processor was ours; much below 1, other programs
        made them longer than they are.
    """

    count: int
    graph_seconds: float
    exact_seconds: float
    graph_evaluations: float
    exact_evaluations: float
    recall: float
    low: float
    high: float
    bytes_per_vector: float
    build_seconds: float
    processor_share: float


@dataclass(frozen=True, slots=True)
class GrowthReport(Drawn):
    """What `Index.measure_growth` found.

    `plot` draws distances, time, recall and memory against size.

    Attributes
    ----------
    points : tuple of GrowthPoint
        By size.
    k, ef_search, n_queries : int
        What was asked.
    """

    points: tuple[GrowthPoint, ...]
    k: int
    ef_search: int
    n_queries: int

    def _drawn(self) -> Plot:
        return Plot(
            "As the index grows",
            _panels(self.points, self.k),
            f"{self.n_queries:,} queries, k = {self.k}, ef_search = {self.ef_search}; medians of "
            "one query at a time on one thread.",
            size=(5.4, 3.4),
        )


def _panels(points: Sequence[GrowthPoint], k: int) -> list[Panel]:
    counts = [point.count for point in points]
    size = Axis("vectors", "log", amount)
    last = points[-1]
    found = Series(
        f"recall  {last.recall:.3f}",
        counts,
        [point.recall for point in points],
        OWN,
        spread=[(point.low, point.high) for point in points],
        strong=True,
    )
    held = [point.bytes_per_vector for point in points]
    memory = Series(f"{last.bytes_per_vector:,.0f} bytes", counts, held, GREEN, marker=3)
    return [
        Panel(
            "Distances for one query",
            size,
            Axis("distances evaluated", "log", amount),
            both_ways(points, "evaluations", amount),
            names="ends",
        ),
        Panel(
            "Time for one query",
            size,
            Axis("median time", "log", seconds),
            both_ways(points, "seconds", seconds),
            names="ends",
        ),
        Panel(
            "Found of the true nearest", size, Axis(f"recall@{k}", "recall"), [found], names="ends"
        ),
        Panel(
            "Memory",
            size,
            Axis("bytes a vector", limits=(0.0, 1.2 * max(held))),
            [memory],
            names="ends",
        ),
    ]


def both_ways(
    points: Sequence[GrowthPoint],
    of: str,
    say: Callable[[float], str],
    exact: str = "exact",
    graph: str = "graph",
) -> list[Series]:
    """Return two curves, of exact search and of the graph, with their names and last values."""
    counts = [point.count for point in points]
    curves = []
    for way, name, colour, marker in (("exact", exact, BLUE, 1), ("graph", graph, OWN, 0)):
        values = [float(getattr(point, f"{way}_{of}")) for point in points]
        named = f"{name}  {say(values[-1])}"
        curves.append(Series(named, counts, values, colour, marker=marker, strong=way == "graph"))
    return curves


class Growing(recall.Searchable, Protocol):
    """What of an index is needed here."""

    @property
    def dim(self) -> int: ...  # noqa: D102
    @property
    def add(self) -> Callable[..., Any]: ...  # noqa: D102
    @property
    def stats(self) -> Callable[[], Stats]: ...  # noqa: D102
    def __len__(self) -> int: ...


def steps(start: int, end: int) -> list[int]:
    """Sizes worth measuring: 1,000, 3,000, 10,000, … beyond the start, and the end.

    >>> steps(0, 50_000), steps(2_000, 10_000), steps(0, 700)
    ([1000, 3000, 10000, 30000, 50000], [3000, 10000], [700])
    """
    tried = (size * 10**power for power in range(3, 12) for size in (1, 3))
    return [*(size for size in tried if start < size < end), end]


def measure_growth(
    index: Growing,
    X: ArrayLike,
    queries: ArrayLike,
    k: int,
    ef_search: int,
    sizes: Any,
    threads: int,
    progress: Any,
) -> GrowthReport:
    """Add vectors step by step, and measure at each; see `Index.measure_growth`."""
    rows = stored_rows(X, index.dim, index.dtype)
    asked = np.atleast_2d(query_rows(queries, index.dim, index.dtype))
    if len(asked) == 0:
        raise InvalidInputError("no queries to measure with; give some")
    k = checks.integer("k", k, 1, checks.MAX_K)
    ef_search = checks.integer("ef_search", ef_search, 1, checks.MAX_EF)
    threads = checks.threads(threads)
    start, end = len(index), len(index) + len(rows)
    wanted = _sizes(sizes, start, end)
    points, built = [], 0.0
    with reporting(progress) as report:

        def told(done: int, _total: int) -> None:
            if report is not None:
                report(before - start + done, len(rows))

        for size in wanted:
            before = len(index)
            began = time.perf_counter()
            index.add(rows[before - start : size - start], threads=threads, progress=told)
            built += time.perf_counter() - began
            points.append(_measured(index, asked, k, ef_search, threads, built))
    return GrowthReport(tuple(points), k, ef_search, len(asked))


def _sizes(sizes: Any, start: int, end: int) -> list[int]:
    if end == start:
        raise InvalidInputError("no vectors to add; growth is measured while some are")
    if sizes is None:
        return steps(start, end)
    wanted = [checks.integer("sizes", size, 1, end) for size in sizes]
    if not wanted or any(a >= b for a, b in zip([start, *wanted], wanted, strict=False)):
        raise InvalidInputError(
            f"sizes must rise from above {start:,}, which the index has, to at most {end:,}, "
            f"which it has with X; not {wanted}"
        )
    return wanted


def _measured(
    index: Growing, queries: NDArray[Any], k: int, ef_search: int, threads: int, built: float
) -> GrowthPoint:
    """Count and time both ways in the index as it is."""

    def ask(
        asked: NDArray[Any], plan: str, at_once: int, *, counters: bool = False
    ) -> SearchResult:
        found: SearchResult = index.search(  # type: ignore[call-arg]
            asked, k, ef_search=ef_search, threads=at_once, plan=plan, counters=counters
        )
        return found

    def timed(plan: str) -> tuple[float, float]:
        """Time queries one by one while patience lasts: the median, and the processor's share."""
        ask(queries[:1], plan, 1)  # the first finds cold caches
        times: list[float] = []
        worked = time.process_time()
        for query in queries:
            began = time.perf_counter()
            ask(query, plan, 1)
            times.append(time.perf_counter() - began)
            if len(times) >= ENOUGH and sum(times) > PATIENCE:
                break
        share = (time.process_time() - worked) / max(sum(times), 1e-9)
        return statistics.median(times), min(1.0, share)

    true = ask(queries, "scan", threads)
    found = ask(queries, "graph", threads, counters=True)
    scanned = ask(queries[:1], "scan", 1, counters=True)
    assert found.counters is not None
    assert scanned.counters is not None
    hits, _, _ = recall.compare_held(index, queries, found.ids, true.ids)
    share_of_true, low, high = share_found(hits, np.count_nonzero(true.ids >= 0, axis=1))
    exact_seconds, share = timed("scan")
    graph_seconds, _ = timed("graph")
    return GrowthPoint(
        count=len(index),
        graph_seconds=graph_seconds,
        exact_seconds=exact_seconds,
        graph_evaluations=float(np.median(found.counters.distance_evaluations)),
        exact_evaluations=float(np.median(scanned.counters.distance_evaluations)),
        recall=share_of_true,
        low=low,
        high=high,
        bytes_per_vector=index.stats().bytes_per_vector,
        build_seconds=built,
        processor_share=share,
    )


def amount(value: float) -> str:
    """Say a count briefly, if it is round.

    >>> amount(30_000), amount(1_000_000), amount(1_683)
    ('30k', '1M', '1,683')
    """
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size and math.isclose(value % (size / 10), 0):
            return f"{value / size:g}{unit}"
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    """Say a time as a person would.

    >>> seconds(0.000_062), seconds(0.0043)
    ('62 µs', '4.3 ms')
    """
    for unit, size in (("µs", 1e-6), ("ms", 1e-3)):
        if value < 999.5 * size:
            return f"{digits(value / size)} {unit}"
    return f"{digits(value)} s"


def digits(value: float) -> str:
    """Say a number in two digits or more.

    >>> digits(68.4), digits(3.21), digits(2.0)
    ('68', '3.2', '2')
    """
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")
