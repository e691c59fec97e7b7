"""`tune` finds the smallest ef_search that reaches a recall, and says what it measured."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import vicinal
from support import SPACES, make_rows
from vicinal import InvalidInputError, InvalidTypeError
from vicinal.intervals import share_found as interval
from vicinal.tune import narrowed, without

DIM = 24


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    return np.split(rng.normal(size=(4200, DIM)).astype(np.float32), [4000])


@pytest.fixture(scope="module")
def index(data: tuple[np.ndarray, np.ndarray]) -> vicinal.Index:
    built = vicinal.Index(DIM, M=8, ef_construction=60)
    built.add(data[0], ids=np.arange(4000) * 3 + 5, threads=1)
    return built


def nearest(X: np.ndarray, Q: np.ndarray, k: int) -> np.ndarray:
    """The true neighbours' rows, by numpy alone."""
    squared = np.square(Q[:, None].astype(np.float64) - X[None]).sum(axis=2)
    return np.argsort(squared, axis=1)[:, :k]


def hits(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    return np.array([np.isin(t, f).sum() for f, t in zip(found, true, strict=True)])


@pytest.mark.parametrize("target", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("k", [1, 10])
def test_the_recall_is_that_of_brute_force_and_less_does_not_reach(
    index: vicinal.Index, data: tuple[np.ndarray, np.ndarray], target: float, k: int
) -> None:
    X, Q = data
    true = nearest(X, Q, k) * 3 + 5
    best = index.tune(Q, target, k)
    assert (best.reached, best.stored, best.n_queries, best.k) == (True, False, 200, k)
    for point in best.curve:
        found = index.search(Q, k, ef_search=point.ef_search, plan="graph").ids
        measured = interval(hits(found, true), np.full(200, k))
        assert_allclose((point.recall, point.low, point.high), measured, atol=1e-12)
        assert point.qps > 0
    efforts = [point.ef_search for point in best.curve]
    assert efforts == sorted(set(efforts))
    chosen = efforts.index(best.ef_search)
    point = best.curve[chosen]
    assert (best.recall, best.low, best.high, best.qps) == (
        *(point.recall, point.low, point.high),
        point.qps,
    )
    assert point.recall >= target > max([p.recall for p in best.curve[:chosen]], default=0.0)
    if chosen:  # it can't be much less
        assert best.ef_search - efforts[chosen - 1] <= max(1, 0.02 * best.ef_search)
    else:
        assert best.ef_search == k


def test_stored_vectors_are_asked_for_others_than_themselves(
    index: vicinal.Index, data: tuple[np.ndarray, np.ndarray]
) -> None:
    X, _ = data
    best = index.tune(target_recall=0.9, k=10, sample=4000)
    assert (best.reached, best.stored, best.n_queries) == (True, True, 4000)
    # All are asked, so that the order in which they were drawn does not matter.
    true = nearest(X, X, 11)
    assert (true[:, 0] == np.arange(4000)).all()
    for point in best.curve[:3]:
        found = (index.search(X, 11, ef_search=point.ef_search, plan="graph").ids - 5) // 3
        others = [row[row != own][:10] for own, row in enumerate(found)]
        assert_allclose(point.recall, hits(np.array(others), true[:, 1:]).mean() / 10, atol=1e-12)
    assert best.curve[0].ef_search == 11


def test_the_same_seed_draws_the_same_vectors(index: vicinal.Index) -> None:
    def measured(seed: int) -> list[tuple[int, float]]:
        curve = index.tune(None, 0.95, sample=100, seed=seed).curve
        return [(point.ef_search, point.recall) for point in curve]

    assert measured(1) == measured(1)
    assert measured(1) != measured(2)


def test_equal_vectors_count_as_each_others_neighbours() -> None:
    index = vicinal.Index(4)
    index.add(np.repeat(np.eye(4, dtype=np.float32), 50, axis=0))
    best = index.tune(k=20)
    assert (best.recall, best.ef_search, best.n_queries) == (1.0, 21, 200)


def test_a_target_out_of_reach_is_flagged(
    index: vicinal.Index, data: tuple[np.ndarray, np.ndarray]
) -> None:
    best = index.tune(data[1], 1.0, max_ef_search=30)
    assert not best.reached
    assert best.curve[-1].ef_search == 30
    assert best.recall == max(point.recall for point in best.curve) < 1.0
    # Even where all candidates are kept: the limit is the number of vectors.
    assert index.tune(data[1], 1.0, max_ef_search=10**9).curve[-1].ef_search <= 4000


def test_k_may_be_all_there_are_and_more(index: vicinal.Index) -> None:
    for k in (3999, 5000):
        best = index.tune(None, 0.5, k, sample=3)
        assert best.reached
        assert best.ef_search == k + 1


@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_every_space_can_be_tuned(rng: np.random.Generator, metric: str, dtype: str) -> None:
    X = make_rows(rng, dtype, 400, 32)
    index = vicinal.Index(32, metric, dtype)
    index.add(X)
    for queries in (None, X[:20]):
        best = index.tune(queries, 0.9, 5)
        assert best.reached
        assert 0.0 <= best.low <= best.recall <= best.high <= 1.0
        assert best.exact_qps > 0
        assert set(asdict(best)) >= {"ef_search", "curve", "target_recall"}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"target_recall": 0}, InvalidInputError, r"target_recall must be above 0 and at most 1"),
        ({"target_recall": 1.01}, InvalidInputError, r"not 1\.01"),
        ({"target_recall": float("nan")}, InvalidInputError, r"not nan"),
        ({"target_recall": "high"}, InvalidTypeError, r"target_recall must be a number"),
        ({"k": 0}, InvalidInputError, r"k must be from 1"),
        ({"max_ef_search": 0}, InvalidInputError, r"max_ef_search must be from 1"),
        ({"sample": 0}, InvalidInputError, r"sample must be from 1"),
        ({"seed": -1}, InvalidInputError, r"seed must be from 0"),
        ({"threads": -1}, InvalidInputError, r"threads must be from 0"),
        ({"queries": []}, InvalidInputError, r"no queries to tune for"),
        ({"queries": np.ones((3, DIM + 1))}, InvalidInputError, rf"not {DIM}"),
        ({"queries": np.full((3, DIM), np.nan)}, InvalidInputError, r"query 0: component 0 is NaN"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    index: vicinal.Index, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        index.tune(**arguments)


@pytest.mark.parametrize("rows", [0, 1])
def test_an_index_of_less_than_two_vectors_is_refused(rows: int) -> None:
    index = vicinal.Index(2)
    index.add(np.ones((rows, 2)))
    with pytest.raises(InvalidInputError, match=rf"an index of {rows} vectors leaves nothing"):
        index.tune()


def test_own_ids_are_taken_out_wherever_they_are() -> None:
    ids = np.array([[1, 2, 3], [2, 1, -1], [2, 3, 1], [4, 5, 6], [1, -1, -1]])
    others = without(ids, np.ones(5, np.int64))
    assert others.tolist() == [[2, 3], [2, -1], [2, 3], [4, 5], [-1, -1]]


@pytest.mark.parametrize("need", [1, 10, 11, 77, 1000])
@pytest.mark.parametrize("least", [1, 10])
@pytest.mark.parametrize("most", [10, 999, 5000])
def test_the_search_for_it_asks_little_and_misses_nothing(need: int, least: int, most: int) -> None:
    asked = []

    def measured(ef: int) -> vicinal.CurvePoint:
        asked.append(ef)
        return vicinal.CurvePoint(ef, 0.9 + 0.1 * (ef >= need), 0.0, 1.0, 1.0)

    curve = narrowed(measured, 0.95, least, most)
    assert len(asked) == len(set(asked)) <= 24
    assert all(least <= ef <= most for ef in asked)
    enough = [point.ef_search for point in curve if point.recall >= 0.95]
    assert bool(enough) == (most >= need)
    if enough:
        assert max(need, least) <= enough[0] <= max(need, least) * 1.02 + 1
