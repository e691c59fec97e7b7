"""What a search with a guarantee certifies is true, whatever the data; what it can't, it says."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import vicinal
from adversarial import KINDS, adversarial, check_proofs, slack
from support import SPACES, distances, make_rows
from vicinal.errors import InvalidInputError, InvalidTypeError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

K = 10
#: So that indexes too small for it are searched by their codes all the same.
BY_CODES = {"plan": "graph"}


def prepared(X: NDArray[Any], metric: str = "l2", dtype: str = "f32") -> vicinal.Index:
    index = vicinal.Index(X.shape[1], metric, dtype, ef_construction=20, M=6, layout="compact")
    index.add(X)
    index.prepare_guarantees()
    return index


@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_a_certified_answer_is_that_of_exact_search(
    rng: np.random.Generator, metric: str, dtype: str
) -> None:
    X, Q = make_rows(rng, dtype, 1500, 40), make_rows(rng, dtype, 20, 40)
    index = prepared(X, metric, dtype)
    exact = index.search(Q, K, exact=True)
    for how in ({}, BY_CODES):
        found = index.search(Q, K, guarantee="exact", **how)
        assert_array_equal(found.ids, exact.ids)
        assert_array_equal(found.distances, exact.distances)
        assert found.certificate is not None
        assert np.all(found.certified)
        assert np.all(found.epsilon == 0)
    alone = index.search(Q[3], K, guarantee="exact", **BY_CODES)
    assert_array_equal(alone.ids, exact.ids[3])
    assert alone.certified is True
    assert alone.epsilon == 0.0
    if dtype != "bits":  # a scan is the proof there
        assert found.certificate is not None
        assert_array_equal(found.certificate.bounded, 1500)
        assert np.all(found.certificate.share < 0.6)


@pytest.mark.parametrize("metric", ["l2", "sqeuclidean", "cosine"])
def test_an_epsilon_is_kept_at_every_rank(rng: np.random.Generator, metric: str) -> None:
    X, Q = make_rows(rng, "f32", 3000, 24), make_rows(rng, "f32", 30, 24)
    index = prepared(X, metric)
    truth = distances(metric, "f32", Q, X)
    measured = []
    for epsilon in (0, 0.05, 0.5, 5.0):
        answers = [index.search(q, K, guarantee=epsilon, ef_search=10, **BY_CODES) for q in Q]
        for found, true in zip(answers, truth, strict=True):
            assert found.certified
            assert found.epsilon <= epsilon
            assert np.all(found.distances <= (1 + epsilon) * np.sort(true)[:K] * (1 + 1.2e-7))
        measured.append(sum(int(a.certificate.measured) for a in answers if a.certificate))
    assert measured == sorted(measured, reverse=True)
    assert measured[-1] < measured[0]


@given(
    kind=st.sampled_from(KINDS),
    exponent=st.integers(-38, 13),
    dim=st.sampled_from([1, 2, 3, 8, 33, 70]),
    metric=st.sampled_from(["l2", "sqeuclidean", "cosine", "ip"]),
    epsilon=st.sampled_from([0.0, 0.01, 0.3]),
    k=st.sampled_from([1, 10, 400]),
    budget=st.sampled_from([None, 0, 5, 0.1]),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_data_makes_a_certificate_wrong(
    kind: str,
    exponent: int,
    dim: int,
    metric: str,
    epsilon: float,
    k: int,
    budget: float | None,
    seed: int,
) -> None:
    if metric == "cosine":
        exponent = max(exponent, -5)
    if metric == "ip":
        epsilon = 0.0
    X = adversarial(kind, 10.0**exponent, 360, dim, seed)
    late = adversarial(kind, 10.0**exponent, 40, dim, seed + 1) * np.float32(3)
    rows = np.vstack([X, late])
    if metric == "cosine":
        rows[(rows == 0).all(axis=1)] = 1
    index = prepared(rows[:360], metric)
    index.add(rows[360:])  # rows that the axes and the step were not made for
    rng = np.random.default_rng(seed)
    stored, others = rows[rng.permutation(400)[:60]], rows[rng.permutation(400)[:60]]
    Q = np.vstack([stored, stored + others, adversarial(kind, 1.0, 60, dim, seed + 2)])
    if metric == "cosine":
        Q = Q[(Q != 0).any(axis=1)]
    asked: dict[str, Any] = {"guarantee": epsilon or "exact", "budget": budget, "ef_search": 1}
    found = index.search(Q, k, **asked, **BY_CODES)
    certified = np.asarray(found.certified)
    assert found.certificate is not None
    assert np.all(certified | (budget is not None))
    if budget is not None:
        most = budget if isinstance(budget, int) else int(budget * 400)
        assert np.all(found.certificate.measured <= most)
    check_proofs(found, distances(metric, "f32", Q, rows), slack(metric, Q, rows), epsilon)
    if epsilon == 0:
        exact = index.search(Q, k, exact=True)
        assert_array_equal(found.ids[certified], exact.ids[certified])
        assert_array_equal(found.distances[certified], exact.distances[certified])


@pytest.mark.parametrize("metric", ["l2", "cosine", "ip"])
def test_certificates_follow_the_index(rng: np.random.Generator, metric: str) -> None:
    X = make_rows(rng, "f32", 1200, 20)
    index = prepared(X, metric)
    ids = list(range(1200))

    def check() -> None:
        for q in make_rows(rng, "f32", 5, 20):
            found = index.search(q, K, guarantee="exact", **BY_CODES)
            exact = index.search(q, K, exact=True)
            assert found.certified
            assert_array_equal(found.ids, exact.ids)
            assert_array_equal(found.distances, exact.distances)

    for round_ in range(6):
        gone = rng.choice(ids, 150, replace=False).tolist()
        index.remove(gone)
        check()
        ids = sorted(set(ids) - set(gone))
        index.compact()  # so that slots are used again
        new = [10_000 * (round_ + 1) + i for i in range(200)]
        # Far from what the axes were made for, and farther each time.
        index.add(make_rows(rng, "f32", 200, 20) * (2 + round_) + round_, ids=new)
        ids += new
        check()
        index.upsert(make_rows(rng, "f32", 50, 20), ids=ids[:50])
        check()
    assert index.stats().bytes["guarantees"] > 0
    index.clear()
    assert "guarantees" not in index.stats().bytes
    assert index.search(X[0], K, guarantee="exact", **BY_CODES).counts == 0
    index.add(X[:100])
    check()


def test_the_first_search_prepares_and_so_does_one_after_much_growth(
    rng: np.random.Generator,
) -> None:
    X = make_rows(rng, "f32", 10_000, 8)
    index = vicinal.Index(8, ef_construction=10, M=4)
    index.add(X[:100])
    few = index.search(X[0], K, guarantee="exact")  # too few for codes
    assert few.certificate is not None
    assert (few.certificate.measured, few.certificate.bounded) == (100, 0)
    index.add(X[100:4500])
    assert "guarantees" not in index.stats().bytes
    for grown in (4500, 10_000):
        index.add(X[len(index) : grown])
        found = index.search(X[1], K, guarantee="exact")
        assert found.certificate is not None
        assert found.certificate.bounded == grown
        assert found.certificate.share < 0.1
        assert_array_equal(found.ids, index.search(X[1], K, exact=True).ids)
    assert index.stats().bytes["guarantees"] > 10_000 * 12


def test_filters_and_more_neighbours_than_there_are(rng: np.random.Generator) -> None:
    X = make_rows(rng, "f32", 1000, 16)
    index = prepared(X)
    for allowed in (rng.permutation(1000)[:300], [5], []):
        for k in (3, 10, 5000):
            found = index.search(X[9], k, guarantee="exact", filter=allowed, **BY_CODES)
            exact = index.search(X[9], k, exact=True, filter=allowed)
            assert found.certified
            assert found.counts == exact.counts
            assert_array_equal(found.ids, exact.ids)
    deny = ~vicinal.IdSet([int(index.search(X[9], 1).ids[0])])
    found = index.search(X[9], 4, guarantee=0.1, filter=deny, **BY_CODES)
    assert_array_equal(found.ids, index.search(X[9], 4, exact=True, filter=deny).ids)


def test_a_budget_that_is_not_enough_certifies_nothing(rng: np.random.Generator) -> None:
    X, Q = make_rows(rng, "f32", 4000, 32), make_rows(rng, "f32", 40, 32)
    index = prepared(X)
    exact = index.search(Q, K, exact=True)
    before = np.full(len(Q), np.inf)
    for budget in (0, 3, 10, 40, 4000):
        found = index.search(Q, K, guarantee="exact", budget=budget, ef_search=10, **BY_CODES)
        assert found.certificate is not None
        assert np.all(found.certificate.measured <= budget)
        right = (found.ids == exact.ids).all(axis=1)
        assert np.all(right[found.certified])
        # What was proven is true of each, and with more to spend no less is proven.
        assert np.all(found.distances <= (1 + np.asarray(found.epsilon))[:, None] * exact.distances)
        assert np.all(found.epsilon <= before)
        before = np.asarray(found.epsilon)
    assert np.all(found.certified)
    assert_array_equal(found.certified, index.search(Q, K, guarantee="exact", budget=1.0).certified)
    none = index.search(Q, K, guarantee="exact", budget=0.0, plan="scan")
    assert not np.any(none.certified)
    assert np.all(none.epsilon == np.inf)


def test_batches_and_threads_change_no_certificate(rng: np.random.Generator) -> None:
    X, Q = make_rows(rng, "f32", 1500, 24), make_rows(rng, "f32", 21, 24)
    index = prepared(X)
    alone = [index.search(q, K, guarantee=0.1, **BY_CODES) for q in Q]
    for threads in (1, 3):
        together = index.search(Q, K, guarantee=0.1, threads=threads, **BY_CODES)
        assert_array_equal(together.ids, [one.ids for one in alone])
        assert together.certificate is not None
        for field in ("certified", "epsilon", "bounded", "measured", "share"):
            column = getattr(together.certificate, field)
            assert_array_equal(column, [getattr(one.certificate, field) for one in alone])


def test_a_mapped_file_gives_certificates(rng: np.random.Generator, tmp_path: Path) -> None:
    X = make_rows(rng, "f32", 800, 16)
    prepared(X).save(tmp_path / "x.vicinal")
    mapped = vicinal.Index.open(tmp_path / "x.vicinal", mmap=True)
    mapped.prepare_guarantees()
    found = mapped.search(X[:5], K, guarantee="exact", **BY_CODES)
    assert np.all(found.certified)
    assert_array_equal(found.ids, mapped.search(X[:5], K, exact=True).ids)


def test_longer_vectors_than_axes(rng: np.random.Generator) -> None:
    X = (rng.normal(size=(300, 12)) @ rng.normal(size=(12, 1500))).astype(np.float32)
    index = prepared(X)
    found = index.search(X[7] + 0.1, K, guarantee="exact", **BY_CODES)
    assert found.certificate is not None
    assert found.certificate.measured < 100
    assert_array_equal(found.ids, index.search(X[7] + 0.1, K, exact=True).ids)
    same = prepared(np.ones((50, 1100), np.float32))
    assert same.search(np.ones(1100), K, guarantee="exact", **BY_CODES).certified


def test_what_is_there_all_along_is_never_missed_while_others_come_and_go(
    rng: np.random.Generator,
) -> None:
    X, Q = make_rows(rng, "f32", 1500, 16), make_rows(rng, "f32", 8, 16)
    index = prepared(X)
    worst = index.search(Q, K, exact=True).distances
    stop = threading.Event()

    def change() -> None:
        number = 10_000
        while not stop.is_set():
            ids = range(number, number + 40)
            index.add(make_rows(rng, "f32", 40, 16), ids=ids)
            index.remove(ids)
            index.compact()
            number += 40

    writer = threading.Thread(target=change)
    writer.start()
    try:
        for _ in range(30):
            found = index.search(Q, K, guarantee="exact", **BY_CODES)
            assert np.all(found.certified)
            assert np.all(found.distances <= worst)
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"guarantee": "sure"}, InvalidInputError, '"exact"'),
        ({"guarantee": -0.1}, InvalidInputError, "from 0 up"),
        ({"guarantee": float("nan")}, InvalidInputError, "from 0 up"),
        ({"guarantee": float("inf")}, InvalidInputError, "from 0 up"),
        ({"guarantee": [0.1, 0.2]}, InvalidTypeError, "must be a number"),
        ({"guarantee": True}, InvalidTypeError, "must be a number"),
        ({"budget": 5}, InvalidInputError, "guarantee="),
        ({"guarantee": "exact", "budget": -1}, InvalidInputError, "budget"),
        ({"guarantee": "exact", "budget": 1.5}, InvalidInputError, "from 0.0 to 1.0"),
        ({"guarantee": "exact", "budget": True}, InvalidTypeError, "bool"),
        ({"guarantee": "exact", "budget": "much"}, InvalidTypeError, "budget"),
        ({"guarantee": "exact", "mmr": 0.5}, InvalidInputError, "mmr"),
        ({"guarantee": "exact", "group_by": [0] * 9}, InvalidInputError, "group_by"),
    ],
)
def test_what_cannot_be_guaranteed_is_refused(
    how: dict[str, Any], error: type[Exception], message: str
) -> None:
    index = vicinal.Index(2)
    index.add(np.eye(2, dtype=np.float32))
    with pytest.raises(error, match=message):
        index.search([1.0, 0.0], 1, **how)


def test_inner_products_have_no_ratio() -> None:
    index = vicinal.Index(2, metric="ip")
    index.add(np.eye(2, dtype=np.float32))
    with pytest.raises(InvalidInputError, match="inner products"):
        index.search([1.0, 0.0], 1, guarantee=0.1)
    assert index.search([1.0, 0.0], 1, guarantee="exact").certified


def test_without_a_guarantee_nothing_is_certified() -> None:
    index = vicinal.Index(2)
    index.add(np.eye(2, dtype=np.float32))
    found = index.search([1.0, 0.0], 1)
    assert (found.certificate, found.certified, found.epsilon) == (None, False, np.inf)
    assert index.search(np.eye(2), 1).certified.tolist() == [False, False]
