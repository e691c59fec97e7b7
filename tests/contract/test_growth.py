"""`measure_growth` measures what brute force and the index's own counters say."""

from __future__ import annotations

import numpy as np
import pytest

import vicinal
from vicinal.growth import steps

RNG = np.random.default_rng(3)
X = RNG.normal(size=(1_300, 8)).astype(np.float32)
Q = RNG.normal(size=(50, 8)).astype(np.float32)


def test_each_size_is_measured_as_the_index_was_then() -> None:
    ix = vicinal.Index(8, M=4, ef_construction=12)
    report = ix.measure_growth(X, Q, 5, ef_search=6, sizes=[300, 1_300], threads=1)
    assert [point.count for point in report.points] == [300, 1_300]
    again = vicinal.Index(8, M=4, ef_construction=12)
    for point, (start, end) in zip(report.points, [(0, 300), (300, 1_300)], strict=True):
        again.add(X[start:end], threads=1)
        found = again.search(Q, 5, ef_search=6, plan="graph", counters=True)
        apart = np.linalg.norm(Q[:, None] - X[None, :end], axis=2)
        true = np.argsort(apart, axis=1)[:, :5]
        hits = sum(len(np.intersect1d(a, b)) for a, b in zip(found.ids, true, strict=True))
        assert point.recall == hits / true.size
        assert point.low <= point.recall <= point.high
        assert point.graph_evaluations == np.median(found.counters.distance_evaluations)
        assert point.exact_evaluations == end
        assert point.bytes_per_vector == again.stats().bytes_per_vector
    assert report.points[0].build_seconds < report.points[1].build_seconds
    assert (report.k, report.ef_search, report.n_queries) == (5, 6, 50)


def test_the_sizes_measured_end_with_the_whole() -> None:
    assert steps(0, 1_000) == [1_000]
    assert steps(0, 50_000) == [1_000, 3_000, 10_000, 30_000, 50_000]
    assert steps(5_000, 10_000_000)[::6] == [10_000, 10_000_000]


def test_it_goes_on_where_the_index_is() -> None:
    ix = vicinal.Index(8)
    ix.add(X[:1_100])
    seen: list[tuple[int, int]] = []
    report = ix.measure_growth(X[1_100:], Q, progress=lambda *told: seen.append(told))
    assert [point.count for point in report.points] == [1_300]
    assert all(total == 200 and done <= 200 for done, total in seen)
    assert len(ix) == 1_300


@pytest.mark.parametrize(
    ("rows", "queries", "sizes", "says"),
    [
        (X[:0], Q, None, "no vectors to add"),
        (X, Q[:0], None, "no queries"),
        (X, Q, [], "sizes must rise"),
        (X, Q, [500, 400], "sizes must rise"),
        (X, Q, [500, 2_000], "must be from 1 to 1,300"),
    ],
)
def test_what_can_not_be_measured_is_refused_before_anything_is_added(
    rows: np.ndarray, queries: np.ndarray, sizes: list[int] | None, says: str
) -> None:
    ix = vicinal.Index(8)
    with pytest.raises(vicinal.InvalidInputError, match=says):
        ix.measure_growth(rows, queries, sizes=sizes)
    assert len(ix) == 0
