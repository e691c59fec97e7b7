"""One list of several: the answers of vectors and of text, ranked together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

from vicinal import checks
from vicinal.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    Item = TypeVar("Item", bound=Hashable)
    Ranked = Sequence[tuple[Item, float]]


def reciprocal_rank(
    lists: Sequence[Ranked[Item]], *, k: float = 60, weights: Sequence[float] | None = None
) -> list[tuple[Item, float]]:
    """Fuse by ranks alone: each list adds weight / (k + rank) to what it holds (RRF).

    Parameters
    ----------
    lists : sequence of sequence of (item, score)
        Best first. The scores are not looked at.
    k : float
        How little the first ranks stand out; 60 as in the paper.
    weights : sequence of float, optional
        One for each list; 1 by default.

    Returns
    -------
    list of (item, float)
        Each item once, best first. Equal scores are ordered by the best rank that the items had,
        then by the list it was in.

    Notes
    -----
    Cormack, Clarke & Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank
    learning methods", SIGIR 2009.

    Examples
    --------
    >>> reciprocal_rank([[("a", 9.0), ("b", 8.0)], [("b", 0.2), ("c", 0.1)]], k=1)
    [('b', 0.8333333333333333), ('a', 0.5), ('c', 0.3333333333333333)]
    """
    if not 0 <= checks.number("k", k) < math.inf:
        raise InvalidInputError(f"k must be 0 or more, not {k!r}")
    return _fused(
        lists, weights, lambda ranked: [1 / (k + rank) for rank in range(1, len(ranked) + 1)]
    )


def weighted(
    lists: Sequence[Ranked[Item]], *, weights: Sequence[float] | None = None
) -> list[tuple[Item, float]]:
    """Fuse by scores: each list's are stretched from 0, its worst, to 1, its best, and added.

    Parameters
    ----------
    lists : sequence of sequence of (item, score)
        Best first, higher scores being better; where all are equal, all count 1. What a list does
        not hold has 0 of it.
    weights : sequence of float, optional
        One for each list; 1 by default.

    Returns
    -------
    list of (item, float)
        As of `reciprocal_rank`.

    Examples
    --------
    >>> weighted([[("a", 9.0), ("b", 8.0), ("c", 7.0)], [("c", 0.2), ("b", 0.1)]], weights=[1, 2])
    [('c', 2.0), ('a', 1.0), ('b', 0.5)]
    """
    return _fused(lists, weights, _stretched)


def _stretched(ranked: Ranked[Any]) -> list[float]:
    scores = [checks.number("score", score) for _, score in ranked]
    if not all(map(math.isfinite, scores)):
        raise InvalidInputError("a score to fuse is NaN or infinite; leave such answers out")
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    # Half of each, so that no difference of two floats is too large for one.
    span = high / 2 - low / 2
    return [(score / 2 - low / 2) / span if span else 1.0 for score in scores]


def _fused(
    lists: Sequence[Ranked[Item]], weights: Sequence[float] | None, points: Any
) -> list[tuple[Item, float]]:
    each = [1.0] * len(lists) if weights is None else [checks.number("weight", w) for w in weights]
    if len(each) != len(lists):
        raise InvalidInputError(f"{len(each)} weights for {len(lists)} lists; give one for each")
    if not all(0 <= weight < math.inf for weight in each):
        raise InvalidInputError(f"weights must be 0 or more, not {each}")
    parts: dict[Item, list[float]] = {}
    first: dict[Item, tuple[int, int]] = {}
    for place, (ranked, weight) in enumerate(zip(lists, each, strict=True)):
        held = set()
        for rank, ((item, _), point) in enumerate(zip(ranked, points(ranked), strict=True)):
            if item in held:
                raise InvalidInputError(f"list {place} to fuse has {item!r} twice")
            held.add(item)
            parts.setdefault(item, []).append(weight * point)
            first[item] = min(first.get(item, (rank, place)), (rank, place))
    # Added exactly, so that the order of the lists has no say in the last bit.
    scores = {item: math.fsum(added) for item, added in parts.items()}
    return sorted(scores.items(), key=lambda pair: (-pair[1], first[pair[0]]))
