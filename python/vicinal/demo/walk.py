"""Both ways through the city, timed and counted while it grows."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vicinal.index import Index

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vicinal.result import SearchResult

# Thirty-two small numbers lie in few directions: fewer links than usual are enough.
M, EF_CONSTRUCTION, EF_SEARCH = 12, 80, 64
K = 10
QUESTIONS = 300
# Walks through a large city are timed for so many seconds, but so many of them at least.
PATIENCE, ENOUGH = 3.0, 25


@dataclass(frozen=True)
class Stage:
    """What both ways cost in a city of one size; medians over all questions.

    Attributes
    ----------
    shops : int
        Size of the city.
    walk_seconds, ask_seconds : float
        One question, one thread: by visiting every shop, and by asking the way.
    walk_visits, ask_visits : int
        Shops that were compared with the wish.
    recall : float
        Share of the true ten nearest that asking finds, over all questions.
    build_seconds : float
        Time spent on the index so far.
    processor_share : float
        Share of the walks' time in which the processor was ours; much below 1, other programs made
        them longer than they are.
    """

    shops: int
    walk_seconds: float
    ask_seconds: float
    walk_visits: int
    ask_visits: int
    recall: float
    build_seconds: float
    processor_share: float


def sizes(shops: int) -> list[int]:
    """Sizes at which the growing city is measured: 1,000, 3,000, 10,000, … and all."""
    steps = [size * 10**power for power in range(3, 8) for size in (1, 3)]
    return [*(size for size in steps if size < shops), shops]


def ask(index: Index, question: NDArray[np.uint8], *, exact: bool) -> SearchResult:
    """Ask one question, as one traveller with one pair of feet."""
    plan = "scan" if exact else "graph"
    return index.search(question, K, ef_search=EF_SEARCH, threads=1, plan=plan)


def grow(
    streets: NDArray[np.uint8],
    questions: NDArray[np.uint8],
    seed: int,
    threads: int,
    show: Callable[[int], None],
) -> tuple[Index, list[Stage]]:
    """Build one index, shop by shop, and measure both ways at each of `sizes`."""
    dim = streets.shape[1]
    index = Index(dim, "l2", "u8", M=M, ef_construction=EF_CONSTRUCTION, seed=seed)
    built = 0.0
    stages = []

    def report(done: int, _total: int) -> None:
        show(start + done)

    for size in sizes(len(streets)):
        start = len(index)
        began = time.perf_counter()
        index.add(streets[start:size], threads=threads, progress=report)
        built += time.perf_counter() - began
        stages.append(_measure(index, questions, threads, built))
    return index, stages


def _measure(index: Index, questions: NDArray[np.uint8], threads: int, built: float) -> Stage:
    """Time and count both ways in the city as it is."""
    true = index.search(questions, K, exact=True, threads=threads)
    found = index.search(
        questions, K, ef_search=EF_SEARCH, threads=threads, counters=True, plan="graph"
    )
    every = index.search(questions[0], K, exact=True, counters=True)
    assert found.counters is not None
    assert every.counters is not None
    hits = sum(np.isin(*pair).sum() for pair in zip(found.ids, true.ids, strict=True))
    walk_seconds, share = _median_time(index, questions, exact=True)
    ask_seconds, _ = _median_time(index, questions, exact=False)
    return Stage(
        shops=len(index),
        walk_seconds=walk_seconds,
        ask_seconds=ask_seconds,
        walk_visits=int(every.counters.distance_evaluations),
        ask_visits=int(np.median(found.counters.distance_evaluations)),
        recall=float(hits / true.ids.size),
        build_seconds=built,
        processor_share=share,
    )


def _median_time(index: Index, questions: NDArray[np.uint8], *, exact: bool) -> tuple[float, float]:
    """Time questions one by one while patience lasts: the median, and the processor's share."""
    ask(index, questions[0], exact=exact)  # the first finds cold caches
    times: list[float] = []
    worked = time.process_time()
    for question in questions:
        began = time.perf_counter()
        ask(index, question, exact=exact)
        times.append(time.perf_counter() - began)
        if len(times) >= ENOUGH and sum(times) > PATIENCE:
            break
    return statistics.median(times), min(1.0, (time.process_time() - worked) / sum(times))
