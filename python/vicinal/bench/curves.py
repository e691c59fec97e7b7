"""From timings to figures: the frontier of a curve, its reading at a recall, spread over rounds."""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Point = tuple[float, float]
"""Recall and queries per second."""


@dataclass(frozen=True)
class Spread:
    """A figure measured several times."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Summarise some values."""
        values = list(values)
        return cls(statistics.median(values), min(values), max(values))


def frontier(points: Iterable[Point]) -> list[Point]:
    """Keep the points that no other beats in recall and speed both, by ascending recall."""
    kept: list[Point] = []
    for point in sorted(points, reverse=True):
        if not kept or point[1] > kept[-1][1]:
            kept.append(point)
    return kept[::-1]


def qps_at(points: Iterable[Point], recall: float) -> float | None:
    """Read a curve at a recall.

    Between two points of the frontier the logarithm of the speed is taken to fall linearly with
    recall. A contender whose slowest or only point is better than asked gets that point's speed,
    one that never gets there gets None.
    """
    curve = frontier(points)
    above = next((i for i, point in enumerate(curve) if point[0] >= recall), None)
    if above is None:
        return None
    if above == 0:
        return curve[0][1]
    (r0, q0), (r1, q1) = curve[above - 1], curve[above]
    share = (recall - r0) / (r1 - r0)
    return math.exp(math.log(q0) + share * (math.log(q1) - math.log(q0)))


def value_at(points: Iterable[Point], recall: float) -> float | None:
    """Read what rises with recall, such as distance evaluations, at a recall.

    `points` are pairs of recall and value; None outside of the recalls measured.
    """
    curve = sorted(points)
    for (r0, v0), (r1, v1) in itertools.pairwise(curve):
        if r0 <= recall <= r1:
            share = (recall - r0) / (r1 - r0) if r1 > r0 else 1.0
            return v0 + share * (v1 - v0)
    return None


def spread_at(rounds: Sequence[Sequence[Point]], recall: float) -> Spread | None:
    """Read the curve of each round at a recall; None unless all get there."""
    values = [qps_at(points, recall) for points in rounds]
    reached = [value for value in values if value is not None]
    return Spread.of(reached) if reached and len(reached) == len(values) else None


def ratio_at(
    rounds: Sequence[Sequence[Point]], reference: Sequence[Sequence[Point]], recall: float
) -> Spread | None:
    """Compare two curves at a recall, round by round, so that noise common to both cancels."""
    ratios = []
    for mine, theirs in zip(rounds, reference, strict=True):
        value, other = qps_at(mine, recall), qps_at(theirs, recall)
        if value is None or other is None:
            return None
        ratios.append(value / other)
    return Spread.of(ratios) if ratios else None


def between(
    recalls: Sequence[tuple[int, float]], targets: Iterable[float], width: float = 1.12
) -> int | None:
    """Find an effort worth measuring so that readings at the targets interpolate little.

    Parameters
    ----------
    recalls
        Efforts measured and the recall of each.
    targets
        Recalls that will be read.
    width
        Neighbouring efforts around a target closer than this ratio are close enough.

    Returns
    -------
    int or None
        An effort between two measured ones that straddle a target, or None when all are close.
    """
    known = sorted(recalls)
    for target in targets:
        for (low, below), (high, above) in itertools.pairwise(known):
            middle = round(math.sqrt(low * high))
            if below < target <= above and high > width * low and low < middle < high:
                return middle
    return None
