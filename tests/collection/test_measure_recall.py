"""The recall that a collection reports is that of its searches, held against brute force."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import vicinal
from support import SPACES, distances, make_rows, recall
from vicinal import field as f
from vicinal.intervals import wilson_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

N, DIM, K = 20_000, 32, 10  # a smaller graph is not walked, since comparing all is as quick


@pytest.fixture
def rows(rng: np.random.Generator) -> NDArray[np.float32]:
    return rng.normal(size=(N, DIM)).astype(np.float32)


@pytest.fixture
def docs(db, rows) -> vicinal.Collection:
    """A poor graph, rows behind it that stay there, and some records that are gone."""
    vectors = {"vector": {"dim": DIM, "metric": "l2", "M": 4, "ef_construction": 16}}
    made = db.collection("docs", vectors=vectors, if_missing="create")
    made.upsert(range(19_700), rows[:19_700], [{"n": i} for i in range(19_700)])
    made.compact()
    made.upsert(range(19_700, N), rows[19_700:], [{"n": i} for i in range(19_700, N)])
    made.delete(range(5))
    made.delete(range(19_950, N))
    return made


@pytest.mark.parametrize("condition", [None, f.n < 18_000], ids=["all", "some"])
def test_it_is_what_searches_really_find(docs, rows, rng, condition) -> None:
    Q = rng.normal(size=(100, DIM)).astype(np.float32)
    report = docs.measure_recall(Q, K, ef_search=12, filter=condition)
    truth = distances("l2", "f32", Q, rows)
    truth[:, :5] = truth[:, 19_950:] = np.inf
    if condition is not None:
        truth[:, 18_000:] = np.inf
    found = np.array([hits.ids for hits in docs.search(Q, K, ef_search=12, filter=condition)])
    assert report.recall == pytest.approx(recall(found, truth, K))
    if condition is None:  # a filter may make a scan the cheaper way, which finds all
        assert report.recall < 1.0
    assert report.low <= report.recall <= report.high
    assert (report.n_queries, report.k, report.ef_search) == (100, K, 12)


def test_more_effort_finds_more_and_rows_without_a_graph_all(db, docs, rows) -> None:
    low, high = (docs.measure_recall(ef_search=ef, sample=100) for ef in (K + 1, 3000))
    assert low.recall < 0.97 < 0.999 <= high.recall
    assert high.n_queries == 100
    plain = db.collection("plain", vectors={"vector": {"dim": DIM}}, if_missing="create")
    plain.upsert(range(2), rows[:2])
    assert plain.measure_recall().recall == 1.0


@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_stored_vectors_stand_in_for_queries_in_every_space(db, rng, metric, dtype) -> None:
    docs = db.collection("docs", dim=20, metric=metric, dtype=dtype, if_missing="create")
    docs.upsert(range(300), make_rows(rng, dtype, 300, 20))
    docs.compact()
    docs.upsert(range(300, 350), make_rows(rng, dtype, 50, 20))
    report = docs.measure_recall(k=5, ef_search=400, sample=40)
    assert report.recall == 1.0
    assert report.n_queries == 40
    assert report.epsilon_max <= 1e-6


def test_a_stored_vector_is_not_its_own_answer(db) -> None:
    docs = db.collection("docs", dim=1, metric="l2", if_missing="create")
    docs.upsert([1, 2], [[0.0], [3.0]])
    report = docs.measure_recall(k=2)
    assert (report.recall, report.n_queries) == (1.0, 2)
    low, high = wilson_interval(2, 2)  # one answer each, not two
    assert (report.low, report.high) == (low, high)


WRONG = [
    ({"k": 0}, "k must be"),
    ({"sample": 0}, "sample must be"),
    ({"seed": -1}, "seed must be"),
    ({"queries": np.empty((0, DIM))}, "no queries"),
    ({"queries": [[np.nan] * DIM]}, "NaN"),
    ({"queries": [[1.0, 2.0]]}, "2 components"),
    ({"using": "other"}, "other"),
]


@pytest.mark.parametrize(("wrong", "told"), WRONG)
def test_what_makes_no_sense_is_refused(db, rows, wrong, told) -> None:
    docs = db.collection("docs", dim=DIM, if_missing="create")
    docs.upsert(range(9), rows[:9])
    with pytest.raises(vicinal.InvalidInputError, match=told):
        docs.measure_recall(**wrong)


def test_nothing_to_draw_from_is_refused(db) -> None:
    docs = db.collection("docs", dim=2, if_missing="create")
    docs.upsert(["a"], [[1, 0]])
    with pytest.raises(vicinal.InvalidInputError, match="1 vectors leave nothing"):
        docs.measure_recall()
    assert docs.measure_recall([[0, 1]]).recall == 1.0
