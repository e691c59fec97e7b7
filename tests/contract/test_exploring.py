"""What an index answers besides the k nearest: radius, iteration, joins, diversity, groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import vicinal
from support import SPACES, distances, make_rows

N, DIM = 600, 20


def made(
    rng: np.random.Generator, metric: str, dtype: str, layout: str = "compact", **knobs: Any
) -> tuple[vicinal.Index, Any, Any]:
    X, Q = make_rows(rng, dtype, N, DIM), make_rows(rng, dtype, 9, DIM)
    X[50:60] = X[50]
    ix = vicinal.Index(DIM, metric, dtype, ef_construction=40, layout=layout, **knobs)
    ix.add(X, ids=np.arange(N) * 3 + 1)
    return ix, X, Q


@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_a_radius_finds_all_within_and_nothing_else(
    rng: np.random.Generator, metric: str, dtype: str
) -> None:
    ix, _, Q = made(rng, metric, dtype)
    whole = ix.search(Q, N, exact=True)
    for place in (0, 5, 60, N - 1):
        r = float(whole.distances[0, place])
        found = ix.search_radius(Q, r)
        assert len(found) == len(Q)
        for query, (ids, far) in enumerate(found):
            inside = whole.distances[query] <= r
            assert_array_equal(ids, whole.ids[query][inside])
            assert_array_equal(far, whole.distances[query][inside])
        assert_array_equal(found.counts, (whole.distances <= r).sum(axis=1))
        few = ix.search_radius(Q, r, limit=3)
        assert_array_equal(few[0][0], found[0][0][:3])
        some = ix.search_radius(Q, r, filter=vicinal.IdSet(whole.ids[0, ::2]))
        assert_array_equal(some[0][0], [i for i in found[0][0] if i in set(whole.ids[0, ::2])])
    assert len(ix.search_radius(Q[0], r)) == 1
    least = float(whole.distances[0, 0])
    below = np.nextafter(least, -np.inf)
    if metric == "ip" or below >= 0:
        assert ix.search_radius(Q[0], below).counts == [0]


def test_an_empty_index_has_nothing_within() -> None:
    found = vicinal.Index(3).search_radius([[1.0, 2.0, 3.0]] * 2, 5.0)
    assert_array_equal(found.offsets, [0, 0, 0])


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("metric", ["l2", "cosine", "ip"])
def test_an_iterator_goes_ever_farther_and_repeats_nothing(
    rng: np.random.Generator, metric: str, exact: bool
) -> None:
    ix, _, Q = made(rng, metric, "f32")
    every = ix.search(Q[0], N, exact=True)
    walk = ix.iter_search(Q[0], batch=8, exact=exact)
    first = [next(walk) for _ in range(10)]
    ids, far = walk.take(N)
    ids = np.array([i for i, _ in first] + ids.tolist())
    far = np.array([d for _, d in first] + far.tolist())
    assert len(set(ids.tolist())) == len(ids)
    assert (np.diff(far) >= 0).all()
    assert list(walk) == []
    assert len(ids) >= (N if exact else 0.97 * N)
    by_id = dict(zip(every.ids.tolist(), every.distances.tolist(), strict=True))
    assert [by_id[i] for i in ids.tolist()] == far.tolist()
    some = ix.iter_search(Q[0], exact=exact, filter=[1, 4, 7])
    assert sorted(i for i, _ in some) == [1, 4, 7]
    assert list(vicinal.Index(2).iter_search([1.0, 2.0])) == []


@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_distances_of_ids_are_those_that_search_gives(
    rng: np.random.Generator, metric: str, dtype: str
) -> None:
    ix, _, Q = made(rng, metric, dtype)
    found = ix.search(Q[0], 30)
    assert_array_equal(ix.distance(Q[0], found.ids), found.distances)
    assert ix.distance(Q[0], []).shape == (0,)


@pytest.mark.parametrize("layout", ["compact", "fast"])
def test_neighbors_of_a_node_are_its_links(rng: np.random.Generator, layout: str) -> None:
    ix, _, _ = made(rng, "l2", "f32", layout, M=8)
    degrees = [len(ix.neighbors_of(i)) for i in ix.ids()]
    assert_array_equal(np.bincount(degrees, minlength=17)[1:], ix.stats().degree_histogram[0][1:])
    assert degrees.count(0) == ix.verify().duplicates
    for i in ix.ids()[:20].tolist():
        linked = ix.neighbors_of(i)
        assert i not in linked
        assert set(linked.tolist()) <= set(ix.ids().tolist())
    top = ix.stats().entry_point
    assert top is not None
    highest = len(ix.stats().nodes_per_layer) - 1
    assert len(ix.neighbors_of(top, layer=highest)) <= 8
    with pytest.raises(vicinal.InvalidInputError, match=f"layers 0 to {highest}, not on layer"):
        ix.neighbors_of(top, layer=highest + 1)
    with pytest.raises(vicinal.NotFoundError):
        ix.neighbors_of(2)


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "i8", "bits"])
def test_a_join_asks_for_each_vector(rng: np.random.Generator, dtype: str) -> None:
    metric = "hamming" if dtype == "bits" else "l2"
    ix, X, _ = made(rng, metric, dtype)
    other = vicinal.Index(DIM, metric, dtype)
    other.add(make_rows(rng, dtype, 100, DIM))
    told: list[tuple[int, int]] = []
    joined = ix.join(other, 4, exact=True, progress=lambda *at: told.append(at))
    one_by_one = other.search(ix.get(ix.ids()), 4, exact=True)
    assert_array_equal(joined.ids, ix.ids())
    assert_array_equal(joined.neighbors, one_by_one.ids)
    assert_array_equal(joined.distances, one_by_one.distances)
    assert told[-1] == (N, N)
    graph = ix.knn_graph(5, exact=True)
    truth = distances(metric, dtype, X.astype(np.float32) if dtype != "bits" else X, X)
    if dtype == "bf16":
        truth = distances("l2", "f32", ix.get(ix.ids()), ix.get(ix.ids()))
    np.fill_diagonal(truth, np.inf)
    assert_array_equal(np.diff(graph.indptr), 5)
    matrix = graph.to_scipy()
    assert matrix.shape == (N, N)
    for row in range(N):
        columns = graph.indices[graph.indptr[row] : graph.indptr[row + 1]]
        assert row not in columns
        np.testing.assert_allclose(
            truth[row, columns], np.sort(truth[row])[:5], rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_mmr_is_the_greedy_choice_of_the_formula(
    rng: np.random.Generator, metric: str, dtype: str
) -> None:
    ix, _, Q = made(rng, metric, dtype)
    pool = ix.search(Q, 24)
    for share in (0.0, 0.4, 1.0):
        found = ix.search(Q, 6, mmr=share)
        for query in range(len(Q)):
            ids = pool.ids[query]
            chosen = [0]
            between = np.array([ix.distance(as_query(ix, i), ids) for i in ids], np.float64)
            while len(chosen) < 6:
                value = (1 - share) * pool.distances[query] - share * between[chosen].min(axis=0)
                value[chosen] = np.inf
                chosen.append(int(value.argmin()))
            expected = ids[:6] if share == 0.0 else ids[chosen]
            assert_array_equal(found.ids[query], expected)
            assert_array_equal(found.distances[query], ix.distance(Q[query], expected))
    one = ix.search(Q[0], 6, mmr=0.4)
    assert_array_equal(one.ids, ix.search(Q, 6, mmr=0.4).ids[0])
    assert one.counts == 6


def as_query(ix: vicinal.Index, number: int) -> Any:
    return ix.get(int(number))


def test_groups_are_represented_by_their_best(rng: np.random.Generator) -> None:
    ix, _, Q = made(rng, "l2", "f32")
    numbers = rng.integers(0, 7, size=3 * N)
    numbers[rng.random(3 * N) < 0.9] = 3  # most are of one group
    every = ix.search(Q, N, exact=True)
    for labels in (numbers, np.array([f"label {n}" for n in numbers]), numbers.tolist()):
        for k in (1, 4, 9):
            found = ix.search(Q, k, group_by=labels, exact=True)
            for query in range(len(Q)):
                best = {}
                for i in every.ids[query].tolist():
                    best.setdefault(numbers[i], i)
                expected = list(best.values())[:k]
                assert found.ids[query, : len(expected)].tolist() == expected
                assert found.counts[query] == len(expected)  # type: ignore[index]
                assert (found.ids[query, len(expected) :] == -1).all()
    assert ix.search(Q[0], 4, group_by=numbers, filter=[1, 4]).counts <= 2


def test_what_can_not_be_meant_is_refused(rng: np.random.Generator) -> None:
    ix, _, Q = made(rng, "l2", "f32")
    invalid, wrong = vicinal.InvalidInputError, vicinal.InvalidTypeError
    refused: list[tuple[Any, type[Exception], str]] = [
        (lambda: ix.search_radius(Q, -1.0), invalid, "radius must be a distance"),
        (lambda: ix.search_radius(Q, float("nan")), invalid, "not NaN"),
        (lambda: ix.search_radius(Q, "1"), wrong, "r must be a number"),
        (lambda: ix.search_radius(Q, 1.0, limit=0), invalid, "limit must be from 1"),
        (lambda: ix.search_radius(Q * np.nan, 1.0), invalid, "NaN"),
        (lambda: ix.iter_search(Q), invalid, "one query"),
        (lambda: ix.distance(Q, [1]), invalid, "one query"),
        (lambda: ix.distance(Q[0], [1, 2]), vicinal.NotFoundError, "id 2"),
        (lambda: ix.join(Q), wrong, "takes an Index"),
        (lambda: ix.join(vicinal.Index(3)), invalid, "one dim, metric and dtype"),
        (lambda: ix.search(Q, 3, mmr=float("nan")), invalid, "mmr must be from 0"),
        (lambda: ix.search(Q, 3, mmr=1.5), invalid, "mmr must be from 0"),
        (lambda: ix.search(Q, 3, mmr="x"), wrong, "mmr must be a number"),
        (lambda: ix.search(Q, 3, group_by=np.zeros(N, int)), invalid, "600 labels, but the larg"),
        (lambda: ix.search(Q, 3, group_by=np.zeros((3 * N, 1), int)), invalid, "one dimension"),
        (lambda: ix.search(Q, 3, group_by=np.zeros(3 * N)), wrong, "labels of integers"),
        (lambda: ix.search(Q, 3, mmr=0.5, group_by=np.zeros(3 * N, int)), invalid, "together"),
    ]
    for call, error, message in refused:
        with pytest.raises(error, match=message):
            call()
    assert vicinal.Index(DIM, "ip").search_radius(Q, -1.0).counts.sum() == 0
