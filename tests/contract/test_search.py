"""Search finds the true neighbours, and says what it found in one form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import vicinal
from support import SPACES, distances, make_rows, recall

N, DIM, K = 1500, 24, 10


@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_recall_goes_to_one_with_ef_search(
    rng: np.random.Generator, metric: str, dtype: str
) -> None:
    X, Q = make_rows(rng, dtype, N, DIM), make_rows(rng, dtype, 60, DIM)
    index = vicinal.Index(DIM, metric, dtype, M=12, ef_construction=80)
    index.add(X, threads=1)
    truth = distances(metric, dtype, Q, X)
    reached = [
        recall(index.search(Q, K, ef_search=ef, plan="graph").ids, truth, K)
        for ef in (10, 40, 160, N)
    ]
    assert reached == sorted(reached)
    assert reached[2] > 0.98
    assert reached[3] == 1.0


@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_distances_are_those_of_scipy(rng: np.random.Generator, metric: str, dtype: str) -> None:
    X, Q = make_rows(rng, dtype, 400, 37), make_rows(rng, dtype, 20, 37)
    index = vicinal.Index(37, metric, dtype, ef_construction=40)
    index.add(X)
    found = index.search(Q, K)
    truth = distances(metric, dtype, Q, X)
    scale = np.abs(truth).max() if metric == "ip" else 1.0
    at_ids = np.take_along_axis(truth, found.ids, axis=1)
    assert_allclose(found.distances, at_ids, rtol=5e-6, atol=5e-6 * scale)
    assert (np.diff(found.distances, axis=1) >= 0).all()


@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_every_vector_finds_itself(rng: np.random.Generator, metric: str, dtype: str) -> None:
    X = make_rows(rng, dtype, 800, DIM)
    index = vicinal.Index(DIM, metric, dtype)
    index.add(X)
    found = index.search(
        X.astype(np.float32) if dtype != "bits" else X, 1, ef_search=100, plan="graph"
    )
    truth = distances(metric, dtype, X, X)
    assert recall(found.ids, truth, 1) > 0.99


@pytest.mark.parametrize("k", [1, 1024, 1025, 3000])
@pytest.mark.parametrize("exact", [False, True])
def test_one_query_is_answered_as_one_of_many_is(
    rng: np.random.Generator, k: int, exact: bool
) -> None:
    X = make_rows(rng, "f32", 1200, DIM)
    index = vicinal.Index(DIM, M=8, ef_construction=40)
    index.add(X)
    one, many = index.search(X[3], k, exact=exact), index.search(X[3:5], k, exact=exact)
    assert_array_equal(one.ids, many.ids[0])
    assert_array_equal(one.distances, many.distances[0])
    assert one.counts == many.counts[0] == min(k, 1200)
    assert (one.ids[1200:] == -1).all()
    assert np.isinf(one.distances[1200:]).all()
    one.ids[0] = -7  # the arrays are the caller's own
    assert one.ids[0] == -7


def test_one_query_gets_results_of_one_dimension(rng: np.random.Generator) -> None:
    X = make_rows(rng, "f32", 100, DIM)
    index = vicinal.Index(DIM)
    index.add(X)
    one, many = (
        index.search(X[3], 5, counters=True, plan="graph"),
        index.search(X[3:4], 5, counters=True, plan="graph"),
    )
    assert one.ids.shape == one.distances.shape == (5,)
    assert many.ids.shape == many.distances.shape == (1, 5)
    assert one.counts == 5
    assert isinstance(one.counts, int)
    assert many.counts.shape == (1,)  # type: ignore[union-attr]
    assert_array_equal(one.ids, many.ids[0])
    assert_array_equal(one.distances, many.distances[0])
    assert one.counters is not None
    assert many.counters is not None
    assert one.counters.hops == many.counters.hops[0]  # type: ignore[index]
    assert_array_equal(one.counters.hops_per_layer, many.counters.hops_per_layer[0])


def test_results_have_fixed_dtypes(rng: np.random.Generator) -> None:
    index = vicinal.Index(DIM, ef_construction=20)
    index.add(make_rows(rng, "f32", 50, DIM))
    for exact in (False, True):
        r = index.search(make_rows(rng, "f32", 3, DIM), 4, exact=exact)
        assert r.ids.dtype == np.int64
        assert r.distances.dtype == np.float32
        assert isinstance(r.counts, np.ndarray)
        assert r.counts.dtype == np.int64
        assert r.counters is None
        assert r.ids.flags.c_contiguous
        assert r.ids.flags.writeable


@pytest.mark.parametrize("exact", [False, True])
def test_k_beyond_the_vectors_gives_all_there_are(rng: np.random.Generator, exact: bool) -> None:
    X = make_rows(rng, "f32", 5, DIM)
    index = vicinal.Index(DIM)
    index.add(X, ids=[10, 11, 12, 13, 14])
    found = index.search(X[:2], 8, exact=exact)
    assert_array_equal(found.counts, [5, 5])
    assert_array_equal(np.sort(found.ids[:, :5], axis=1), [[10, 11, 12, 13, 14]] * 2)
    assert_array_equal(found.ids[:, 5:], -1)
    assert (found.distances[:, 5:] == np.inf).all()


@pytest.mark.parametrize("exact", [False, True])
def test_an_empty_index_answers_with_nothing(exact: bool) -> None:
    index = vicinal.Index(3)
    found = index.search([[1.0, 2.0, 3.0]], 2, exact=exact, counters=True)
    assert_array_equal(found.ids, [[-1, -1]])
    assert_array_equal(found.counts, [0])
    assert found.counters is not None
    assert_array_equal(found.counters.distance_evaluations, [0])
    assert len(found.counters.hops_per_layer) == len(found.counters.evaluations_per_layer) == 1
    assert index.search([1.0, 2.0, 3.0], exact=exact).counts == 0
    assert len(index) == 0
    assert len(index.ids()) == 0
    assert index.verify().ok
    assert index.stats().entry_point is None
    assert index.stats().bytes_per_vector == 0.0


@pytest.mark.parametrize("exact", [False, True])
def test_no_queries_get_no_answers(rng: np.random.Generator, exact: bool) -> None:
    index = vicinal.Index(DIM)
    index.add(make_rows(rng, "f32", 20, DIM))
    nothings: list[Any] = [np.empty((0, DIM)), []]
    for nothing in nothings:
        found = index.search(nothing, 4, exact=exact, counters=True)
        assert found.ids.shape == found.distances.shape == (0, 4)
        assert found.counters is not None
        assert len(found.counters.hops) == 0  # type: ignore[arg-type]


def test_ef_search_below_k_is_raised_to_k(rng: np.random.Generator) -> None:
    X = make_rows(rng, "f32", 300, DIM)
    index = vicinal.Index(DIM)
    index.add(X)
    low, same = (
        index.search(X[:9], 50, ef_search=1, plan="graph"),
        index.search(X[:9], 50, ef_search=50, plan="graph"),
    )
    assert_array_equal(low.ids, same.ids)
    assert_array_equal(low.counts, 50)


def test_counters_tell_what_a_query_cost(rng: np.random.Generator) -> None:
    X, Q = make_rows(rng, "f32", 3000, DIM), make_rows(rng, "f32", 10, DIM)
    index = vicinal.Index(DIM)
    index.add(X)
    costs = [
        index.search(Q, K, ef_search=ef, counters=True, plan="graph").counters
        for ef in (10, 50, 200)
    ]
    for c in costs:
        assert c is not None
        layers = len(index.stats().nodes_per_layer)
        assert c.hops_per_layer.shape == c.evaluations_per_layer.shape == (10, layers)
        assert_array_equal(c.hops_per_layer.sum(axis=1), c.hops)
        assert_array_equal(c.evaluations_per_layer.sum(axis=1) + c.reranked, c.distance_evaluations)
        assert (np.asarray(c.distance_evaluations) < len(X)).all()
    means = [np.mean(c.distance_evaluations) for c in costs if c is not None]
    assert means[0] < means[1] < means[2]
    exact = index.search(Q, K, exact=True, counters=True).counters
    assert exact is not None
    assert_array_equal(exact.distance_evaluations, 3000)
    assert_array_equal(exact.hops, 0)


def test_scores_are_higher_for_the_nearer(rng: np.random.Generator) -> None:
    X = make_rows(rng, "f32", 60, DIM)
    similarities = {
        "ip": X[0] @ X.T,
        "cosine": X[0] @ X.T / np.linalg.norm(X, axis=1) / np.linalg.norm(X[0]),
    }
    for metric, similarity in similarities.items():
        found = vicinal.knn(X, X[0], 61, metric=metric)
        scores = found.scores
        assert scores is not None
        assert_allclose(scores[:60], similarity[found.ids[:60]], rtol=1e-5, atol=1e-5)
        assert scores[60] == -np.inf
    assert vicinal.knn(X, X[0]).scores is None


def test_searching_with_threads_gives_the_same_answers(rng: np.random.Generator) -> None:
    X, Q = make_rows(rng, "f32", 2000, DIM), make_rows(rng, "f32", 333, DIM)
    index = vicinal.Index(DIM)
    index.add(X)
    one = index.search(Q, K, threads=1)
    for threads in (0, 2, 5):
        more = index.search(Q, K, threads=threads)
        assert_array_equal(one.ids, more.ids)
        assert_array_equal(one.distances, more.distances)
