"""Rows that come in small batches: those of one batch see each other, and later data does not hide
earlier data."""

from __future__ import annotations

import numpy as np
import pytest

import vicinal

LAYOUTS = ("compact", "fast")


def recall(index: vicinal.Index, X: np.ndarray, Q: np.ndarray, ef_search: int) -> float:
    """The share of the ten nearest that a walk finds."""
    found = index.search(Q, 10, ef_search=ef_search, plan="graph").ids
    truth = vicinal.knn(X, Q, 10, metric=index.metric).ids
    return float(np.mean([np.isin(f, t).mean() for f, t in zip(found, truth, strict=True)]))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("there", [0, 600])
def test_rows_of_one_batch_find_each_other(layout: str, there: int) -> None:
    # Ten new places far from all else, each with ten rows that are nearly equal, one after another.
    rng = np.random.default_rng(there)
    before = rng.normal(size=(there, 24))
    places = 100 + 10 * rng.normal(size=(10, 1, 24))
    near = (places + 1e-3 * rng.normal(size=(10, 10, 24))).reshape(100, 24)
    X = np.concatenate([before, near]).astype(np.float32)
    ix = vicinal.Index(24, layout=layout)
    if there:
        ix.add(X[:there], threads=1)
    ix.add(X[there:], threads=1)
    assert ix.verify().ok
    # A list of ten might be used up by the places on the way: of each, all rows lie equally near.
    assert recall(ix, X, X[there:], 20) == 1.0


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("metric", ["l2", "cosine", "ip"])
def test_copies_within_a_batch_hang_on_one_node(layout: str, metric: str) -> None:
    rng = np.random.default_rng(1)
    ix = vicinal.Index(24, metric=metric, layout=layout)
    rows = rng.normal(size=(300, 24)).astype(np.float32)
    # Runs of one to seven copies: some lie within what is inserted together, some begin before it.
    runs = [1 + place % 7 for place in range(300)]
    X = np.repeat(rows, runs, axis=0)
    ix.add(X, threads=1)
    report = ix.verify()
    assert report.ok
    if metric != "ip":
        assert report.duplicates == len(X) - 300
        assert np.array_equal(np.sort(ix.search(rows[6], 7, plan="graph").ids), np.arange(21, 28))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sigma", [0.01, 0.05])
def test_a_dense_cluster_is_searched_as_well_as_the_wide_data_around_it(
    layout: str, sigma: float
) -> None:
    # Seen from the wide data, all of the cluster is equally far: neighbourhoods hardly widen there.
    # A stop that goes by what is usual would end walks within the cluster too early.
    rng = np.random.default_rng(0)
    dense = sigma * rng.normal(size=(1_000, 64))
    wide = rng.uniform(-1, 1, size=(7_000, 64))
    X = np.concatenate([dense, wide]).astype(np.float32)
    ix = vicinal.Index(64, layout=layout)
    for batch in np.split(X, 8):
        ix.add(batch, threads=1)
    Q = (dense[:200] + 0.3 * sigma * rng.normal(size=(200, 64))).astype(np.float32)
    found = ix.search(Q, 10, ef_search=64, plan="graph", counters=True)
    assert found.counters is not None
    assert np.min(found.counters.hops) >= 64
    assert recall(ix, X, Q, 64) >= 0.995


def test_how_rows_are_batched_hardly_changes_what_a_search_costs() -> None:
    # Rows of one batch are candidates for each other, but those that are far teach nothing of how
    # neighbourhoods widen.
    rng = np.random.default_rng(0)
    spanned = rng.normal(size=(12, 32))
    X = (rng.normal(size=(2_000, 12)) @ spanned).astype(np.float32)
    Q = (rng.normal(size=(300, 12)) @ spanned).astype(np.float32)
    hops = []
    for size in (1, 4, 100):
        ix = vicinal.Index(32, layout="compact", ef_construction=50)
        for first in range(0, len(X), size):
            ix.add(X[first : first + size], threads=1)
        found = ix.search(Q, 10, ef_search=16, plan="graph", counters=True)
        assert found.counters is not None
        hops.append(float(np.mean(found.counters.hops)))
    assert max(hops) <= 1.05 * min(hops)
