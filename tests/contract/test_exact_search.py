"""Exact search gives scipy's answers, for every metric and dtype, with an index and without."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import vicinal
from support import SPACES, distances, make_rows

N, QUERIES, K = 700, 40, 12


@pytest.mark.parametrize("dim", [1, 7, 8, 33, 130])
@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_distances_are_those_of_scipy(
    rng: np.random.Generator, metric: str, dtype: str, dim: int
) -> None:
    X, Q = make_rows(rng, dtype, N, dim), make_rows(rng, dtype, QUERIES, dim)
    if metric == "cosine":  # one dimension and small integers make zero vectors
        X[(X == 0).all(axis=1)] = 1
        Q[(Q == 0).all(axis=1)] = 1
    found = vicinal.knn(X, Q, K, metric=metric, dtype=dtype)
    if dtype == "bits" and dim % 8:
        # Without an index the width of bools is dim; packed bytes would count the padding too.
        assert_array_equal(found.ids, vicinal.knn(X, Q, K, metric=metric).ids)
    truth = distances(metric, dtype, Q, X)
    nearest = np.sort(truth, axis=1)[:, :K]
    scale = np.abs(truth).max() if metric == "ip" else 1.0
    assert_allclose(found.distances, nearest, rtol=2e-6, atol=2e-6 * scale)
    # Each id is a row at that distance, and none comes twice.
    at_ids = np.take_along_axis(truth, found.ids, axis=1)
    assert_allclose(found.distances, at_ids, rtol=2e-6, atol=2e-6 * scale)
    assert all(len(set(row)) == K for row in found.ids.tolist())
    assert_array_equal(found.counts, K)


@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_an_index_searched_exactly_agrees_with_knn(
    rng: np.random.Generator, metric: str, dtype: str
) -> None:
    X, Q = make_rows(rng, dtype, N, 24), make_rows(rng, dtype, QUERIES, 24)
    index = vicinal.Index(24, metric, dtype, ef_construction=20)
    index.add(X)
    indexed = index.search(Q, K, exact=True)
    alone = vicinal.knn(X, Q, K, metric=metric, dtype=dtype)
    assert_array_equal(indexed.ids, alone.ids)
    assert_array_equal(indexed.distances, alone.distances)


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_threads_and_batches_change_no_answer(rng: np.random.Generator, threads: int) -> None:
    X, Q = make_rows(rng, "f32", N, 40), make_rows(rng, "f32", 301, 40)
    whole = vicinal.knn(X, Q, K, threads=threads)
    parts = [vicinal.knn(X, Q[i : i + 43], K, threads=1) for i in range(0, 301, 43)]
    assert_array_equal(whole.ids, np.vstack([part.ids for part in parts]))
    assert_array_equal(whole.distances, np.vstack([part.distances for part in parts]))


@pytest.mark.parametrize("metric", ["l2", "cosine", "ip"])
def test_equal_distances_come_in_the_order_of_the_rows(metric: str) -> None:
    X = np.tile([[1.0, 2.0], [3.0, -1.0]], (50, 1))
    found = vicinal.knn(X, [1.0, 2.0], 50, metric=metric)
    assert_array_equal(found.ids, np.arange(0, 100, 2))


def test_near_vectors_far_from_the_origin_keep_their_digits() -> None:
    # q² + x² − 2qx in float32 would lose all of them.
    X = 1e4 + np.arange(1000)[:, None] * np.full(16, 2.0**-9)
    X = X.astype(np.float32)
    found = vicinal.knn(X, X[500], 5)
    truth = np.sort(np.linalg.norm(X.astype(np.float64) - X[500], axis=1))[:5]
    assert_allclose(found.distances, truth, rtol=1e-6)


def test_the_dtype_of_the_rows_is_kept_unless_another_is_given(rng: np.random.Generator) -> None:
    X = make_rows(rng, "u8", 50, 8)
    assert_array_equal(vicinal.knn(X, X, 3).ids, vicinal.knn(X, X, 3, dtype="u8").ids)
    with pytest.raises(vicinal.InvalidInputError, match="u8 holds the integers from 0 to 255"):
        vicinal.knn(X, X + 0.5, 3)
    assert vicinal.knn(X, X + 0.5, 3, dtype="f32").ids.shape == (50, 3)


def test_jaccard_of_two_empty_sets_is_zero() -> None:
    empty, full = np.zeros((1, 20), bool), np.ones((1, 20), bool)
    assert vicinal.knn(empty, empty, 1, metric="jaccard").distances.item() == 0.0
    assert vicinal.knn(full, empty, 1, metric="jaccard").distances.item() == 1.0


def test_no_rows_answer_with_nothing() -> None:
    found = vicinal.knn(np.empty((0, 4)), np.ones((2, 4)), 3)
    assert_array_equal(found.ids, np.full((2, 3), -1))
    assert_array_equal(found.counts, [0, 0])
    assert np.isinf(found.distances).all()
