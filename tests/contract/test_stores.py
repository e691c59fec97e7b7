"""What is kept of vectors: what it gives up, and what stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import vicinal
from vicinal.datasets import sift_like
from vicinal.errors import InvalidInputError, InvalidTypeError

if TYPE_CHECKING:
    from pathlib import Path

STORES = ("f32", "f16", "none")
LAYOUTS = ("compact", "fast")


def clustered(rng: np.random.Generator, rows: int, dim: int) -> np.ndarray:
    centres = rng.normal(scale=3, size=(100, dim))
    return (centres[rng.integers(100, size=rows)] + rng.normal(size=(rows, dim))).astype(np.float32)


def built(X: np.ndarray, store: str, layout: str, metric: str = "l2") -> vicinal.Index:
    index = vicinal.Index(X.shape[1], metric, store=store, layout=layout)
    index.add(X)
    return index


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("store", STORES)
def test_what_is_given_back_is_what_is_kept(
    rng: np.random.Generator, store: str, layout: str
) -> None:
    X = clustered(rng, 500, 33)
    index = built(X, store, layout)
    assert index.store == store
    kept = index.get(index.ids())
    assert kept.dtype == np.float32
    half_a_step = {
        "f32": 0,
        "f16": np.abs(X) * 2.0**-11,
        "none": np.ptp(X, axis=1, keepdims=True) / 255 * 0.501,
    }[store]
    assert (np.abs(kept - X) <= half_a_step).all()
    if store == "f16":
        assert np.array_equal(kept, X.astype(np.float16))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("metric", ["l2", "sqeuclidean", "cosine", "ip"])
@pytest.mark.parametrize("store", ["f16", "none"])
def test_distances_are_those_of_what_is_kept(
    rng: np.random.Generator, store: str, metric: str, layout: str
) -> None:
    X = clustered(rng, 1_500, 40)
    X, Q = X[:-50], X[-50:]
    index = built(X, store, layout, metric)
    kept = index.get(index.ids())
    truth = vicinal.knn(kept, Q, k=10, metric=metric)
    exact = index.search(Q, k=10, exact=True)
    assert np.array_equal(exact.ids, truth.ids)
    assert np.array_equal(exact.distances, truth.distances)
    walked = index.search(Q, k=10, ef_search=100, plan="graph")
    assert np.mean(walked.distances <= truth.distances[:, -1:]) >= 0.98
    same = walked.ids == truth.ids
    assert np.array_equal(walked.distances[same], truth.distances[same])
    assert np.array_equal(index.distance(Q[0], truth.ids[0]), truth.distances[0])
    within = index.search_radius(Q[0], float(truth.distances[0, -1]))
    assert np.array_equal(within.ids, truth.ids[0])
    few = index.search(Q, k=5, filter=np.arange(0, len(X), 3), ef_search=100)
    assert (few.ids % 3 == 0).all()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("store", ["f16", "none"])
@pytest.mark.parametrize("mmap", [False, True])
def test_a_store_comes_back_from_its_file(
    rng: np.random.Generator, tmp_path: Path, store: str, layout: str, mmap: bool
) -> None:
    X = clustered(rng, 2_500, 24)
    index = built(X, store, layout, "cosine")
    index.remove(np.arange(100, 200))
    index.upsert(X[:50][::-1], np.arange(50))
    index.save(tmp_path / "a.vicinal")
    back = vicinal.Index.open(tmp_path / "a.vicinal", mmap=mmap)
    assert (back.store, back.layout) == (store, layout)
    there, here = (one.search(X[:100], k=5, plan="graph") for one in (back, index))
    assert np.array_equal(there.ids, here.ids)
    assert np.array_equal(there.distances, here.distances)
    assert np.array_equal(back.get(back.ids()), index.get(index.ids()))
    assert back.verify().ok
    if not mmap:
        back.add(X[:300] + 0.5)
        assert back.verify().ok


@pytest.mark.parametrize("metric", ["l2", "cosine", "ip"])
def test_halves_cost_no_recall(rng: np.random.Generator, metric: str) -> None:
    X = clustered(rng, 6_200, 64)
    X, Q = X[:-200], X[-200:]
    truth = vicinal.knn(X, Q, k=10, metric=metric).ids
    recall = {}
    for store in STORES:
        found = built(X, store, "compact", metric).search(Q, k=10, ef_search=80, plan="graph").ids
        recall[store] = np.mean([np.isin(a, b).mean() for a, b in zip(found, truth, strict=True)])
    assert recall["f16"] >= recall["f32"] - 0.003
    assert recall["none"] >= recall["f32"] - 0.03


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("scale", "offset", "lost"), [(1 / 7.3, 0, 0.005), (3e-7, 0, 0.1), (1 / 7.3, 50, 0.02)]
)
def test_what_halves_round_away_costs_no_more_than_the_rounding(
    layout: str, scale: float, offset: float, lost: float
) -> None:
    # Fractions; numbers below the least that has all its bits; an origin ten times as far
    # as data are wide.
    source = sift_like(3_000, 64, seed=3)
    X, Q = (
        (np.asarray(rows, np.float32) * np.float32(scale) + np.float32(offset))
        for rows in (source, source.queries(100))
    )
    given = vicinal.knn(X, Q, k=10)
    halves = vicinal.knn(X.astype(np.float16).astype(np.float32), Q, k=10)
    found = built(X, "f16", layout).search(Q, k=10, ef_search=150, plan="graph")
    # Of what is kept it finds all; rounding makes ties, of which any is right.
    assert np.mean(found.distances <= halves.distances[:, -1:]) >= 0.98
    right = np.mean([np.isin(a, b).mean() for a, b in zip(found.ids, given.ids, strict=True)])
    assert right >= 0.99 - lost
    levels = built(X, "none", "compact").search(Q, k=10, ef_search=150, plan="graph").ids
    # The range of levels is each vector's own: scale and place don't matter to them.
    assert np.mean([np.isin(a, b).mean() for a, b in zip(levels, given.ids, strict=True)]) >= 0.95


def test_auto_keeps_a_small_index_small() -> None:
    assert vicinal.Index(200, layout="auto", store="none").layout == "compact"
    assert vicinal.Index(200, layout="auto", store="f16").layout == "fast"


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "i8", "u8"])
def test_a_store_may_be_left_out_or_named_as_the_dtype(dtype: str) -> None:
    assert vicinal.Index(4, dtype=dtype).store == dtype
    assert vicinal.Index(4, dtype=dtype, store=dtype).store == dtype


def test_what_a_store_cannot_be_is_said() -> None:
    with pytest.raises(InvalidInputError, match=r'store "none" does not go with dtype "u8"'):
        vicinal.Index(4, dtype="u8", store="none")
    with pytest.raises(InvalidInputError, match=r'store "f32" does not go with dtype "f16"'):
        vicinal.Index(4, dtype="f16", store="f32")
    with pytest.raises(
        InvalidInputError, match=r'unknown store "f64"; choose one of f32, f16, none'
    ):
        vicinal.Index(4, store="f64")
    with pytest.raises(InvalidTypeError, match="store must be a string"):
        vicinal.Index(4, store=16)  # type: ignore[arg-type]


def test_what_halves_cannot_hold_is_refused_and_nothing_written() -> None:
    index = vicinal.Index(2, store="f16")
    index.add(np.array([[65_504, 1]], dtype=np.float32))
    with pytest.raises(
        InvalidInputError, match=r"row 1: component 0 is 70000, beyond what f16 holds"
    ):
        index.add(np.array([[1, 2], [7e4, 1]], dtype=np.float32))
    assert len(index) == 1
