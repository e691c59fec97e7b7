"""The cheapest search that is good enough, found by measuring."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vicinal import checks, recall
from vicinal.arrays import query_rows
from vicinal.errors import InvalidInputError
from vicinal.intervals import share_found
from vicinal.plots import Axis, Panel, Plot, Rule, Series
from vicinal.plots.drawn import Drawn
from vicinal.plots.look import BLUE, GREEN, OWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from vicinal.result import SearchResult

#: The choice is as fine as this share of an ef_search: less makes no search noticeably cheaper.
FINE = 0.02


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Searches with one ``ef_search``, measured.

    Attributes
    ----------
    ef_search : int
    recall : float
        The share of the true k nearest that was found.
    low, high : float
        Its 95% interval, as wide as queries differ; see `vicinal.intervals.share_found`.
    qps : float
        Queries a second, here and now.
    """

    ef_search: int
    recall: float
    low: float
    high: float
    qps: float


@dataclass(frozen=True, slots=True)
class TuneReport(Drawn):
    """What `Index.tune` found.

    `plot` draws recall against speed and against ``ef_search``, with the choice and the target.

    Attributes
    ----------
    ef_search : int
        The smallest that reached the target; where none did, the smallest of the highest recall.
    recall, low, high, qps : float
        What was measured with it, as in `CurvePoint`. ``low >= target_recall`` says that the target
        is reached beyond the chance of which queries were asked.
    exact_qps : float
        Queries a second of exact search: where `qps` is no more, ``exact=True`` is the better way.
    reached : bool
        Whether `recall` is at least the target.
    target_recall : float
    k, n_queries : int
        What was asked.
    stored : bool
        Whether the queries were stored vectors, which is easier than what will be asked.
    curve : tuple of CurvePoint
        Everything measured on the way, by rising ``ef_search``.
    """

    ef_search: int
    recall: float
    low: float
    high: float
    qps: float
    exact_qps: float
    reached: bool
    target_recall: float
    k: int
    n_queries: int
    stored: bool
    curve: tuple[CurvePoint, ...]

    def _drawn(self) -> Plot:
        return Plot(
            f"ef_search for a recall of {self.target_recall:g}",
            _panels(self),
            f"{self.n_queries:,} {'stored vectors' if self.stored else 'queries'}, k = {self.k}. "
            "Bars are 95% intervals of recall; speeds are of this machine at that moment.",
        )


def _panels(report: TuneReport) -> list[Panel]:
    curve = report.curve
    recalls = Axis(f"recall@{report.k}", "recall")
    target = report.target_recall
    intervals = [(point.low, point.high) for point in curve]
    efs = [point.ef_search for point in curve]
    chosen = f"ef_search {report.ef_search}" if report.reached else f"best: {report.ef_search}"
    speed = Panel(
        "What a recall costs",
        recalls,
        Axis("queries a second", "log"),
        [
            Series(
                "graph",
                [point.recall for point in curve],
                [point.qps for point in curve],
                BLUE,
                hover=[f"ef_search: {ef}" for ef in efs],
                spread=intervals,
                spread_of="x",
            ),
            Series("exact search", [1.0], [report.exact_qps], GREEN, "marks", marker=3),
            Series(chosen, [report.recall], [report.qps], OWN, "marks", strong=True),
        ],
        [Rule("x", target, f"target {target:g}")],
        names="legend",
    )
    width = Panel(
        "What an ef_search finds",
        Axis("ef_search", "log"),
        recalls,
        [
            Series("graph", efs, [point.recall for point in curve], BLUE, spread=intervals),
            Series(chosen, [report.ef_search], [report.recall], OWN, "marks", strong=True),
        ],
        [Rule("y", target, f"target {target:g}")],
        names="legend",
    )
    return [speed, width]


class Tunable(recall.Searchable, Protocol):
    """What of an index is needed here."""

    @property
    def dim(self) -> int: ...  # noqa: D102
    def __len__(self) -> int: ...


class Knobs:
    """What `Index.tune` is asked for, checked."""

    def __init__(
        self, target: Any, k: Any, max_ef_search: Any, sample: Any, seed: Any, threads: Any
    ) -> None:
        self.target = target_recall(target)
        # One more is asked for where a vector must not find itself.
        self.k = checks.integer("k", k, 1, checks.MAX_K - 1)
        self.max_ef_search = checks.integer("max_ef_search", max_ef_search, 1, checks.MAX_EF)
        self.sample = checks.integer("sample", sample, 1, checks.MAX_EF)
        self.seed = checks.integer("seed", seed, 0, 2**64 - 1)
        self.threads = checks.threads(threads)


def target_recall(value: Any) -> float:
    """``target_recall`` as a number above 0 and at most 1."""
    target = checks.number("target_recall", value)
    if not 0.0 < target <= 1.0:
        raise InvalidInputError(f"target_recall must be above 0 and at most 1, not {target:g}")
    return target


def tune(index: Tunable, values: ArrayLike | None, knobs: Knobs) -> TuneReport:
    """Find the smallest ``ef_search`` that reaches the target; see `Index.tune`."""
    if len(index) < 2:
        raise InvalidInputError(
            f"an index of {len(index)} vectors leaves nothing to tune; add some first"
        )
    own: NDArray[np.int64] | None = None
    if values is None:
        ids = index.ids()
        size = min(knobs.sample, len(ids))
        own = np.random.default_rng(knobs.seed).choice(ids, size, replace=False)
        values = index.get(own)
    queries = np.atleast_2d(query_rows(values, index.dim, index.dtype))
    if len(queries) == 0:
        raise InvalidInputError("no queries to tune for; give some, or none at all for stored ones")
    # A stored vector finds itself: one more is asked for, and the vector itself is taken out.
    asked = knobs.k if own is None else knobs.k + 1

    def timed(ef_search: int, plan: str) -> tuple[NDArray[np.int64], float]:
        began = time.perf_counter()
        found: SearchResult = index.search(
            queries, asked, ef_search=ef_search, threads=knobs.threads, plan=plan
        )
        seconds = max(time.perf_counter() - began, 1e-9)
        return found.ids if own is None else without(found.ids, own), len(queries) / seconds

    def measured(ef_search: int) -> CurvePoint:
        found, qps = timed(ef_search, "graph")
        hits, _, _ = recall.compare_held(index, queries, found, true)
        return CurvePoint(ef_search, *share_found(hits, wanted), qps)

    true, exact_qps = timed(1, "scan")
    wanted = np.count_nonzero(true >= 0, axis=1)
    timed(1, "graph")  # pays for what only the first search pays
    most = max(min(knobs.max_ef_search, len(index)), asked)
    curve = narrowed(measured, knobs.target, asked, most)
    reached = [point for point in curve if point.recall >= knobs.target]
    best = reached[0] if reached else max(curve, key=lambda point: (point.recall, -point.ef_search))
    return TuneReport(
        ef_search=best.ef_search,
        recall=best.recall,
        low=best.low,
        high=best.high,
        qps=best.qps,
        exact_qps=exact_qps,
        reached=bool(reached),
        target_recall=knobs.target,
        k=knobs.k,
        n_queries=len(queries),
        stored=own is not None,
        curve=tuple(curve),
    )


def narrowed(
    measured: Callable[[int], CurvePoint], target: float, least: int, most: int
) -> list[CurvePoint]:
    """Measure from ``least`` on in doublings until the target is reached, then halve the gap."""
    point = measured(least)
    curve = [point]
    while point.recall < target and point.ef_search < most:
        point = measured(min(2 * point.ef_search, most))
        curve.append(point)
    if point.recall < target or len(curve) == 1:
        return curve
    below, above = curve[-2].ef_search, point.ef_search
    while above - below > max(1, FINE * above):
        point = measured((below + above) // 2)
        curve.append(point)
        if point.recall < target:
            below = point.ef_search
        else:
            above = point.ef_search
    return sorted(curve, key=lambda point: point.ef_search)


def without(ids: NDArray[np.int64], own: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take each row's own id out; the last id where it is not there, as among many equal vectors.

    Examples
    --------
    >>> import numpy as np
    >>> without(np.array([[5, 1, 2], [3, 4, 6]]), np.array([5, 9]))
    array([[1, 2],
           [3, 4]])
    """
    itself = ids == own[:, None]
    dropped = np.where(itself.any(axis=1), itself.argmax(axis=1), ids.shape[1] - 1)
    kept = np.arange(ids.shape[1]) != dropped[:, None]
    others: NDArray[np.int64] = ids[kept].reshape(len(ids), -1)
    return others
