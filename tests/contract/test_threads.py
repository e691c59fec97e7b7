"""Searching while others add is safe, adds wait for each other, and Python goes on meanwhile."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import vicinal
from support import distances, make_rows, recall

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DIM = 16


@pytest.mark.parametrize("dtype", ["f32", "u8"])
def test_searches_during_adds_see_only_whole_vectors(rng: np.random.Generator, dtype: str) -> None:
    X, Q = make_rows(rng, dtype, 6_000, DIM), make_rows(rng, dtype, 50, DIM)
    truth = distances("l2", dtype, Q, X)
    index = vicinal.Index(DIM, dtype=dtype, ef_construction=60)
    index.add(X[:500])
    done = threading.Event()

    def search() -> int:
        rounds = 0
        while not done.is_set() or rounds < 3:
            exact = rounds % 5 == 0
            found = index.search(Q, 10, threads=1, exact=exact)
            assert_array_equal(found.counts, 10)
            assert (np.diff(found.distances) >= 0).all()
            # Every id is a vector that was given, at its true distance: no half-written row.
            at_ids = np.take_along_axis(truth, found.ids, axis=1)
            assert_allclose(found.distances, at_ids, rtol=1e-5, atol=1e-5)
            assert all(len(set(row)) == 10 for row in found.ids.tolist())
            rounds += 1
        return rounds

    with ThreadPoolExecutor(3) as pool:
        searchers = [pool.submit(search) for _ in range(3)]
        try:
            for start in range(500, 6_000, 1100):
                index.add(X[start : start + 1100], threads=2)
        finally:
            done.set()
        assert all(searcher.result() >= 3 for searcher in searchers)
    assert index.verify().ok
    assert recall(index.search(Q, 10, ef_search=200, plan="graph").ids, truth, 10) > 0.98


def test_adds_of_several_threads_all_arrive(rng: np.random.Generator) -> None:
    X = make_rows(rng, "f32", 2000, DIM)
    index = vicinal.Index(DIM, ef_construction=40)
    with ThreadPoolExecutor(4) as pool:
        parts = [X[start : start + 100] for start in range(0, 2000, 100)]
        ids = list(pool.map(index.add, parts))
    assert_array_equal(np.sort(np.concatenate(ids)), np.arange(2000))
    for given, part in zip(ids, parts, strict=True):
        assert_array_equal(index.get(given), part)
    assert index.verify().ok


def test_everything_may_be_asked_during_an_add(rng: np.random.Generator, tmp_path: Path) -> None:
    X = make_rows(rng, "f32", 8000, DIM)
    index = vicinal.Index(DIM, ef_construction=60)
    index.add(X[:1000])
    with ThreadPoolExecutor(1) as pool:
        adding = pool.submit(index.add, X[1000:])
        while not adding.done():
            # An add counts once it is complete.
            assert len(index) in (1000, 8000)
            assert len(index.ids()) in (1000, 8000)
            assert 999 in index
            assert_array_equal(index.get([0, 999]), X[[0, 999]])
            assert index.search(X[0], 1).ids == [0]
            assert 0 < index.measure_recall(X[:20], 5).recall <= 1
    assert index.stats().count == 8000
    index.save(tmp_path / "a.vicinal")
    assert len(vicinal.Index.open(tmp_path / "a.vicinal")) == 8000


@pytest.mark.parametrize("call", ["add", "search", "exact", "knn", "recall", "save"])
def test_python_goes_on_during_a_call(rng: np.random.Generator, tmp_path: Path, call: str) -> None:
    X = make_rows(rng, "f32", 3000, 64)
    index = vicinal.Index(64, ef_construction=100)
    if call != "add":
        index.add(X)
    calls: dict[str, Callable[[], object]] = {
        "add": lambda: index.add(X),
        "search": lambda: index.search(X, 100, ef_search=200, plan="graph"),
        "exact": lambda: index.search(X, exact=True),
        "knn": lambda: vicinal.knn(X, X),
        "recall": lambda: index.measure_recall(X, ef_search=100),
        "save": lambda: save_often(index, tmp_path / "a.vicinal"),
    }
    ticks, done, pause = 0, threading.Event(), threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            pause.wait(0.0005)

    ticker = threading.Thread(target=tick)
    ticker.start()
    before = ticks
    try:
        calls[call]()
        during = ticks - before
    finally:
        done.set()
        ticker.join()
    assert during > 5  # it would be 0 or 1 if the interpreter were held


def save_often(index: vicinal.Index, path: Path) -> None:
    for _ in range(20):
        index.save(path)


def test_progress_counts_up_to_all_rows(rng: np.random.Generator) -> None:
    seen: list[tuple[int, int]] = []
    index = vicinal.Index(DIM, ef_construction=100)
    index.add(make_rows(rng, "f32", 6000, DIM), progress=lambda *now: seen.append(now))
    assert all(total == 6000 for _, total in seen)
    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert counts[-1] == 6000
    assert len(counts) > 2


def test_progress_may_use_the_index_it_reports_on(rng: np.random.Generator) -> None:
    X = make_rows(rng, "f32", 6000, DIM)
    index = vicinal.Index(DIM, ef_construction=100)
    index.add(X[:100])
    found: list[int] = []
    index.add(X[100:], progress=lambda *_: found.append(int(index.search(X[7], 1).ids[0])))
    assert set(found) == {7}
