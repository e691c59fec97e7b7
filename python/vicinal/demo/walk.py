"""Both ways through the city, timed and counted while it grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vicinal.index import Index

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from vicinal.growth import GrowthPoint, GrowthReport
    from vicinal.result import SearchResult

# Thirty-two small numbers lie in few directions: fewer links than usual are enough.
M, EF_CONSTRUCTION, EF_SEARCH = 12, 80, 64
K = 10
QUESTIONS = 300


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
) -> tuple[Index, GrowthReport]:
    """Build one index, shop by shop, and measure both ways at 1,000 of them, 3,000, 10,000, …."""
    index = Index(streets.shape[1], "l2", "u8", M=M, ef_construction=EF_CONSTRUCTION, seed=seed)
    report = index.measure_growth(
        streets,
        questions,
        K,
        ef_search=EF_SEARCH,
        threads=threads,
        progress=lambda done, _total: show(done),
    )
    return index, report


def stage(point: GrowthPoint) -> Stage:
    """Say what was measured in the words of the story."""
    return Stage(
        shops=point.count,
        walk_seconds=point.exact_seconds,
        ask_seconds=point.graph_seconds,
        walk_visits=int(point.exact_evaluations),
        ask_visits=int(point.graph_evaluations),
        recall=point.recall,
        build_seconds=point.build_seconds,
        processor_share=point.processor_share,
    )
