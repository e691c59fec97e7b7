"""An index that lives on is as good as one that is built afresh of what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vicinal
from support import THOROUGH, make_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIM, K = 32, 10
LAYOUTS = ("compact", "fast")


class Beside:
    """An index, and the vectors it should hold by id."""

    def __init__(self, layout: str, metric: str = "l2") -> None:
        self.layout, self.metric = layout, metric
        self.index = self.made()
        self.held: dict[int, NDArray[Any]] = {}
        self.next = 0

    def made(self) -> vicinal.Index:
        return vicinal.Index(DIM, self.metric, layout=self.layout, ef_construction=50)

    def add(self, X: NDArray[Any]) -> None:
        ids = np.arange(self.next, self.next + len(X))
        self.next += len(X)
        self.index.add(X, ids=ids)
        self.held.update(zip(ids.tolist(), X, strict=True))

    def replace(self, X: NDArray[Any], rng: np.random.Generator) -> None:
        ids = rng.choice(list(self.held), len(X), replace=False)
        self.index.upsert(X, ids)
        self.held.update(zip(ids.tolist(), X, strict=True))

    def remove(self, count: int, rng: np.random.Generator) -> None:
        ids = rng.choice(list(self.held), count, replace=False)
        assert self.index.remove(ids) == count
        for number in ids.tolist():
            del self.held[number]

    def fresh(self) -> vicinal.Index:
        index = self.made()
        index.add(np.array(list(self.held.values())), ids=list(self.held))
        return index

    def quality(self, index: vicinal.Index, Q: NDArray[Any], ef: int) -> tuple[float, float]:
        """Recall against exact answers, and distance evaluations a query."""
        truth = index.search(Q, K, exact=True).distances[:, -1:]
        found = index.search(Q, K, ef_search=ef, plan="graph", counters=True)
        near = found.distances <= truth * (1 + 1e-6) + 1e-6 * np.abs(truth)
        assert found.counters is not None
        return float(near.mean()), float(found.counters.distance_evaluations.mean())

    def is_as_good_as_new(self, Q: NDArray[Any]) -> None:
        fresh = self.fresh()
        report = self.index.verify()
        assert report.ok, report.broken
        assert report.reachable == len(self.held) == len(self.index)
        assert report.unreturned_links < report.links / 8
        stats = self.index.stats()
        assert stats.loose_parts == 0
        assert sum(stats.bytes.values()) <= 1.10 * sum(fresh.stats().bytes.values())
        for ef in (16, 48):
            (recall, effort), (best, least) = (
                self.quality(index, Q, ef) for index in (self.index, fresh)
            )
            print(f"{self.layout} ef {ef}: {recall:.4f} and {effort:.1f}; {best:.4f}, {least:.1f}")
            assert recall >= best - 0.005
            assert effort <= 1.10 * least


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ten_turnovers_leave_it_as_good_as_new(rng: np.random.Generator, layout: str) -> None:
    n = 50_000 if THOROUGH else 2_100
    kept = Beside(layout)
    # Of few dimensions beneath, as most data are; the fresh index is built in bulk.
    spanned = rng.normal(size=(12, DIM))

    def drawn(count: int) -> NDArray[Any]:
        return (rng.normal(size=(count, 12)) @ spanned).astype(np.float32)

    Q = drawn(1000)
    kept.add(drawn(n))
    turned = 0
    while turned < 10 * n:
        insert, replace = rng.integers(1, n // 50, size=2)
        kept.add(drawn(insert))
        kept.replace(drawn(replace), rng)
        remove = len(kept.held) - n
        kept.remove(remove, rng)
        turned += int(replace + remove)
    kept.is_as_good_as_new(Q)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_grew_from_ten_is_as_good_as_what_was_there_at_once(
    rng: np.random.Generator, layout: str
) -> None:
    n = 300_000 if THOROUGH else 6_000
    X, Q = np.split(make_rows(rng, "f32", n + 1000, DIM), [n])
    # The data drifts: what comes later lies elsewhere, and is five times as large in the end.
    drift = np.linspace(0, 1, n)[:, None]
    X = X * (1 + 4 * drift) + 8 * drift
    Q = Q * (1 + 4 * (some := rng.random((len(Q), 1)))) + 8 * some
    grown = Beside(layout)
    end = 10
    grown.add(X[:end])
    while end < n:
        size = int(rng.integers(1, 2 + end // 20))
        grown.add(X[end : end + size])
        end = min(end + size, n)
    grown.is_as_good_as_new(Q.astype(np.float32))
    layers = [index.stats().nodes_per_layer for index in (grown.index, grown.fresh())]
    assert np.array_equal(*layers)


@pytest.mark.parametrize("metric", ["l2", "cosine", "ip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_most_may_go_at_once_and_come_again(
    rng: np.random.Generator, layout: str, metric: str
) -> None:
    n = 20_000 if THOROUGH else 2_000
    X, Q = np.split(make_rows(rng, "f32", 2 * n + 500, DIM), [2 * n])
    kept = Beside(layout, metric)
    kept.add(X[:n])
    for share in (0.9, 0.5, 0.99):
        kept.remove(int(share * len(kept.held)), rng)
        report = kept.index.verify()
        assert report.ok, report.broken
        assert report.reachable == len(kept.held)
        few = min(K, len(kept.held))
        found = kept.index.search(Q, few, ef_search=100, plan="graph")
        assert (found.counts == few).all()
        # The entry point and the layers above are those of what stays.
        stats = kept.index.stats()
        assert stats.entry_point in kept.held
        assert stats.nodes_per_layer[0] == len(kept.held)
        assert stats.nodes_per_layer[-1] >= 1
    kept.remove(len(kept.held), rng)
    assert len(kept.index) == 0
    assert kept.index.stats().entry_point is None
    assert not kept.index.search(Q, K).counts.any()
    assert kept.index.verify().ok
    for start in range(n, 2 * n, 100):
        kept.add(X[start : start + 100])
    kept.index.compact()
    # What is inserted finds the slots of what was there before: the index is as large as it was.
    report, stats = kept.index.verify(), kept.index.stats()
    assert report.ok, report.broken
    assert report.reachable == n
    assert stats.live + stats.dead + stats.free <= 1.05 * n
    recall, _ = kept.quality(kept.index, Q, 64)
    best, _ = kept.quality(kept.fresh(), Q, 64)
    assert recall >= best - 0.005
