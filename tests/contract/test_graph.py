"""The graph keeps the laws of the paper: levels, degrees, mutual links, and everyone reachable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import vicinal
from support import SPACES, distances, make_rows, recall

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("M", "level_p"), [(4, None), (16, None), (16, float(np.exp(-1)))])
def test_levels_follow_the_exponential_law(
    rng: np.random.Generator, M: int, level_p: float | None
) -> None:
    n = 8000
    index = vicinal.Index(2, M=M, ef_construction=10, level_p=level_p, seed=3)
    index.add(rng.random((n, 2)))
    nodes = index.stats().nodes_per_layer
    p = index.level_p
    assert p == (level_p or 1 / M)
    assert nodes[0] == n
    assert nodes[-1] >= 1
    for level, count in enumerate(nodes[1:], start=1):
        expected = n * p**level
        assert abs(count - expected) < 5 * np.sqrt(expected) + 3, (level, count, expected)


def test_the_seed_gives_the_levels(rng: np.random.Generator) -> None:
    X = rng.random((3000, 2))

    def levels(seed: int, threads: int) -> list[int]:
        index = vicinal.Index(2, M=4, ef_construction=10, seed=seed)
        index.add(X, threads=threads)
        return list(index.stats().nodes_per_layer)

    assert levels(1, 1) == levels(1, 4)
    assert levels(1, 1) != levels(2, 1)


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_degrees_are_bounded_and_everyone_is_reachable(
    rng: np.random.Generator, metric: str, dtype: str, threads: int
) -> None:
    M, n = 6, 1200
    index = vicinal.Index(8, metric, dtype, M=M, ef_construction=40)
    X = make_rows(rng, dtype, n, 8)
    if metric == "cosine":
        X[(X == 0).all(axis=1)] = 1
    index.add(X, threads=threads)
    stats, report = index.stats(), index.verify()
    assert report.ok, report
    assert report.reachable == n
    assert len(report.unreachable) == 0
    assert stats.count == len(index) == n
    for layer, histogram in enumerate(stats.degree_histogram):
        assert len(histogram) == (2 * M if layer == 0 else M) + 1
        assert histogram.sum() == stats.nodes_per_layer[layer]
    assert stats.degree_histogram[0][0] == 0
    degrees = stats.degree_histogram[0] @ np.arange(2 * M + 1)
    assert degrees == report.links
    assert stats.entry_point in index


def test_links_are_mutual_until_a_list_is_shrunk(rng: np.random.Generator) -> None:
    # Algorithm 1 links both ways (line 12), then shrinks a list that is too long (lines 13 to 16).
    few = vicinal.Index(8, M=16)
    few.add(make_rows(rng, "f32", 33, 8))
    assert few.verify().one_way_links == 0
    # Only a full list is shrunk, and stays full: who has room links back to all that link to it.
    many = vicinal.Index(8, M=4, ef_construction=60)
    many.add(make_rows(rng, "f32", 2000, 8))
    report = many.verify()
    assert 0 < report.one_way_links < report.links / 2
    assert report.unreturned_links == 0
    for start in range(0, 1500, 100):
        many.add(make_rows(rng, "f32", 100, 8))
        many.upsert(make_rows(rng, "f32", 60, 8), np.arange(start, start + 60))
    report = many.verify()
    # Lists that lost a link to what was removed have room.
    assert 0 < report.unreturned_links < report.links / 8
    assert report.ok


@pytest.mark.parametrize("dtype", ["f32", "i8"])
def test_one_thread_and_one_seed_make_one_file(
    rng: np.random.Generator, tmp_path: Path, dtype: str
) -> None:
    X = make_rows(rng, dtype, 1500, 10)

    def built(name: str) -> bytes:
        index = vicinal.Index(10, dtype=dtype, ef_construction=50, seed=4)
        for part in (X[:1], X[1:400], X[400:]):
            index.add(part, threads=1)
            index.search(X[:50])
        index.save(tmp_path / name)
        return (tmp_path / name).read_bytes()

    assert built("a") == built("b")


def test_threads_build_as_good_a_graph_as_one(rng: np.random.Generator) -> None:
    X, Q = make_rows(rng, "f32", 4000, 32), make_rows(rng, "f32", 200, 32)
    truth = distances("l2", "f32", Q, X)
    found = {}
    for threads in (1, 4):
        index = vicinal.Index(32, ef_construction=100)
        index.add(X, threads=threads)
        found[threads] = recall(index.search(Q, 10, ef_search=40, plan="graph").ids, truth, 10)
    assert found[4] > found[1] - 0.01


def test_many_small_adds_build_as_good_a_graph_as_one(rng: np.random.Generator) -> None:
    X, Q = make_rows(rng, "f32", 2000, 16), make_rows(rng, "f32", 200, 16)
    truth = distances("l2", "f32", Q, X)
    whole, grown = (vicinal.Index(16, ef_construction=100) for _ in range(2))
    whole.add(X)
    for start in range(0, 2000, 100):
        grown.add(X[start : start + 100])
    good, other = (
        recall(ix.search(Q, 10, ef_search=30, plan="graph").ids, truth, 10) for ix in (whole, grown)
    )
    assert other > good - 0.01


@pytest.mark.parametrize("metric", ["l2", "cosine", "ip"])
@pytest.mark.parametrize("threads", [1, 4])
def test_equal_vectors_hide_no_other(rng: np.random.Generator, metric: str, threads: int) -> None:
    others = make_rows(rng, "f32", 2000, 16)
    X = np.vstack([others, np.repeat(others[:1] * 1.5, 500, axis=0)])
    order = rng.permutation(len(X))
    index = vicinal.Index(16, metric)
    index.add(X[order], ids=order, threads=threads)
    report = index.verify()
    assert report.ok
    assert report.duplicates == 499
    copies = index.search(others[0] * 1.5, 400, ef_search=400, plan="graph")
    assert copies.counts == 400
    if metric == "l2":
        assert (copies.distances == 0).all()
        assert len(set(copies.ids.tolist())) == 400
        found = index.search(others, 1, ef_search=100, plan="graph")
        assert (found.ids[:, 0] == np.arange(2000)).mean() > 0.999


def test_an_index_of_nothing_but_equal_vectors_works() -> None:
    index = vicinal.Index(3)
    index.add(np.ones((400, 3)))
    found = index.search([1.0, 1.0, 2.0], 400)
    assert_array_equal(np.sort(found.ids), np.arange(400))
    assert_array_equal(found.distances, 1.0)
    assert index.verify().ok


def test_bytes_per_vector_are_accounted_for(rng: np.random.Generator) -> None:
    index = vicinal.Index(64)
    index.add(rng.random((4000, 64)))
    stats = index.stats()
    vectors, links = 64 * 4, (2 * 16 + 4) * 4
    assert sum(stats.bytes.values()) == pytest.approx(4000 * stats.bytes_per_vector)
    assert vectors + links * 0.9 < stats.bytes_per_vector < (vectors + links) * 1.2
