"""Recall counts ties as hits, epsilon compares rank by rank, and the interval is Wilson's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binomtest

import vicinal
from support import SPACES, make_rows
from vicinal.intervals import share_found, wilson_interval
from vicinal.recall import compare


def index_of(rows: Any, metric: str = "l2", dtype: str = "f32") -> vicinal.Index:
    rows = np.asarray(rows)
    index = vicinal.Index(rows.shape[1], metric, dtype)
    index.add(rows)
    return index


def compared(
    index: vicinal.Index, queries: Any, found: Any, true: Any
) -> tuple[int, list[float], int]:
    hits, epsilons, unbounded = compare(
        index, np.asarray(queries, np.float32), np.array(found), np.array(true)
    )
    return int(hits.sum()), sorted(epsilons.tolist()), unbounded


@pytest.mark.parametrize(("hits", "trials"), [(0, 5), (5, 5), (1, 2), (950, 1000), (9_999, 10_000)])
def test_the_interval_is_scipy_s(hits: int, trials: int) -> None:
    theirs = binomtest(hits, trials).proportion_ci(method="wilson")
    assert_allclose(wilson_interval(hits, trials), (theirs.low, theirs.high), atol=1e-6)


def test_no_trials_say_nothing() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_the_interval_of_a_share_reckons_with_queries_that_miss_together() -> None:
    # Queries of ten neighbours each, whose chances differ: 95% of intervals have the true share.
    rng = np.random.default_rng(1)
    for a, b in [(9.0, 1.0), (19.0, 1.0), (400.0, 20.0)]:
        true, below, above = a / (a + b), 0, 0
        for _ in range(1000):
            hits = rng.binomial(10, rng.beta(a, b, size=300))
            share, low, high = share_found(hits, np.full(300, 10))
            assert low < share < high
            assert share == pytest.approx(hits.mean() / 10)
            below += high < true
            above += low > true
        assert above <= 37
        assert below <= 50  # shares near 1 are skewed


def test_neighbours_that_are_found_one_by_one_are_trials_of_their_own() -> None:
    hits = np.full(500, 10)
    hits[:250] = 9
    assert_allclose(share_found(hits, np.full(500, 10))[1:], wilson_interval(4750, 5000), atol=1e-3)
    # Where a query has one neighbour, queries are trials.
    assert_allclose(
        share_found(hits - 9, np.ones(500, int))[1:], wilson_interval(250, 500), atol=1e-3
    )


def test_few_queries_without_a_miss_are_no_certainty() -> None:
    lows = [share_found(np.full(n, 10), np.full(n, 10))[1] for n in (1, 10, 100, 1000)]
    assert lows == sorted(lows)
    assert 0.15 < lows[0] < lows[2] < 0.99 < lows[3] < 0.999
    # One miss more never narrows it.
    misses = np.full(1000, 10)
    low = lows[3]
    for place in range(30):
        misses[place] -= 1
        now = share_found(misses, np.full(1000, 10))[1]
        assert now < low + 1e-3
        low = min(low, now)


def test_queries_without_neighbours_count_for_nothing() -> None:
    hits, wanted = np.array([3, 0, 4]), np.array([5, 0, 5])
    assert share_found(hits, wanted) == share_found(hits[[0, 2]], wanted[[0, 2]])
    assert share_found(hits[1:2], wanted[1:2]) == (1.0, 0.0, 1.0)


LINE = [[0.0], [1.0], [2.0], [2.0], [5.0]]


def test_the_same_answers_are_all_hits() -> None:
    assert compared(index_of(LINE), [[0.1]], [[0, 1]], [[0, 1]]) == (2, [0.0, 0.0], 0)


def test_an_id_as_near_as_the_last_true_one_is_a_hit() -> None:
    # 2 and 3 lie at the same distance: either is right.
    hits, epsilons, unbounded = compared(index_of(LINE), [[0.5]], [[0, 1, 3]], [[0, 1, 2]])
    assert (hits, epsilons, unbounded) == (3, [0.0, 0.0, 0.0], 0)


def test_an_id_farther_than_the_last_true_one_is_none() -> None:
    hits, epsilons, _ = compared(index_of(LINE), [[0.5]], [[0, 1, 4]], [[0, 1, 2]])
    assert hits == 2
    assert_allclose(epsilons, [0, 0, 4.5 / 1.5 - 1])


def test_epsilon_compares_rank_by_rank() -> None:
    # Missing the nearest shifts all that follow: ranks are compared, not ids.
    hits, epsilons, _ = compared(index_of(LINE), [[-1.0]], [[1, 2, 4]], [[0, 1, 2]])
    assert hits == 2
    assert_allclose(epsilons, sorted([2 / 1 - 1, 3 / 2 - 1, 6 / 3 - 1]))


def test_epsilon_against_a_true_distance_of_zero_is_counted_apart() -> None:
    hits, epsilons, unbounded = compared(index_of(LINE), [[0.0]], [[1, 2]], [[0, 1]])
    assert hits == 1
    assert_allclose(epsilons, [1.0])
    assert unbounded == 1
    assert compared(index_of([[1.0], [1.0]]), [[1.0]], [[1]], [[0]]) == (1, [0.0], 0)


def test_answers_that_are_missing_are_no_hits() -> None:
    hits, epsilons, unbounded = compared(index_of(LINE), [[0.1]], [[0, -1]], [[0, 1]])
    assert (hits, epsilons, unbounded) == (1, [0.0], 1)


def test_ranks_beyond_the_vectors_are_not_asked_for() -> None:
    found = [[0, 1, 2, 3, 4, -1]]
    assert compared(index_of(LINE), [[0.1]], found, found)[0] == 5


def test_epsilon_of_inner_products_is_the_share_of_the_score_that_is_lost() -> None:
    index = index_of([[4.0, 0.0], [3.0, 0.0], [-1.0, 0.0]], "ip")
    hits, epsilons, unbounded = compared(index, [[1.0, 0.0]], [[1, 2]], [[0, 1]])
    assert (hits, unbounded) == (1, 0)
    assert_allclose(epsilons, [0.25, 4 / 3])


@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_a_report_is_consistent(rng: np.random.Generator, metric: str, dtype: str) -> None:
    index = vicinal.Index(16, metric, dtype, M=4, ef_construction=20)
    index.add(make_rows(rng, dtype, 800, 16))
    Q = make_rows(rng, dtype, 50, 16)
    low, high = (index.measure_recall(Q, 5, ef_search=ef) for ef in (5, 800))
    assert 0 < low.low < low.recall < low.high < 1
    assert 0 <= low.epsilon_mean <= low.epsilon_p99 <= low.epsilon_max
    assert low.epsilon_max > 0
    assert (low.n_queries, low.k, low.ef_search) == (50, 5, 5)
    assert low.qps > 0
    assert low.exact_qps > 0
    assert high.recall == 1.0
    assert high.epsilon_max < 1e-6


def test_recall_agrees_with_counting_ids_where_there_are_no_ties(rng: np.random.Generator) -> None:
    X, Q = rng.normal(size=(3000, 24)), rng.normal(size=(100, 24))
    index = vicinal.Index(24, M=6, ef_construction=20)
    index.add(X, threads=1)
    found, true = index.search(Q, 10, ef_search=12, plan="graph"), index.search(Q, 10, exact=True)
    shared = [len({*a} & {*b}) for a, b in zip(found.ids.tolist(), true.ids.tolist(), strict=True)]
    report = index.measure_recall(Q, 10, ef_search=12)
    assert report.recall == sum(shared) / 1000
    epsilon = found.distances.astype(float) / true.distances - 1
    assert_allclose(report.epsilon_mean, epsilon.mean(), rtol=1e-4)
    assert_allclose(report.epsilon_p99, np.percentile(epsilon, 99), rtol=1e-4)
    assert_allclose(report.epsilon_max, epsilon.max(), rtol=1e-4)


def test_nothing_to_find_is_nothing_missed() -> None:
    empty = vicinal.Index(3).measure_recall(np.ones((2, 3)))
    assert (empty.recall, empty.low, empty.high) == (1.0, 0.0, 1.0)
    assert (empty.epsilon_mean, empty.epsilon_p99, empty.epsilon_max) == (0.0, 0.0, 0.0)
    assert index_of(LINE).measure_recall(np.empty((0, 1))).n_queries == 0
    assert index_of(LINE).measure_recall([0.3], 3).n_queries == 1
