"""What both layouts of a row must keep, and what each is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import vicinal
from vicinal.errors import InvalidInputError, InvalidTypeError

if TYPE_CHECKING:
    from pathlib import Path

LAYOUTS = ("compact", "fast")


def clustered(rng: np.random.Generator, rows: int, dim: int) -> np.ndarray:
    centres = rng.normal(scale=4, size=(100, dim))
    return (centres[rng.integers(100, size=rows)] + rng.normal(size=(rows, dim))).astype(np.float32)


def recall(found: vicinal.SearchResult, truth: vicinal.SearchResult) -> float:
    return float(np.mean(found.distances <= truth.distances[:, -1:]))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("metric", ["l2", "sqeuclidean", "cosine", "ip"])
@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "i8", "u8"])
def test_any_metric_and_dtype_finds_the_nearest(
    rng: np.random.Generator, layout: str, metric: str, dtype: str
) -> None:
    X = clustered(rng, 3_000, 40)
    X = np.clip(np.rint(X * 4 + (100 if dtype == "u8" else 0)), -120, 240 if dtype == "u8" else 120)
    if dtype == "i8":
        X = np.clip(X, -120, 120)
    index = vicinal.Index(40, metric, dtype, layout=layout)
    index.add(X[:2_900])
    found = index.search(X[2_900:], k=10, ef_search=100, plan="graph")
    truth = index.search(X[2_900:], k=10, exact=True)
    assert recall(found, truth) >= 0.97
    same = found.ids == truth.ids
    assert np.array_equal(found.distances[same], truth.distances[same])
    assert index.verify().ok


@pytest.mark.parametrize("dim", [1, 3, 15, 16, 17, 100, 129])
@pytest.mark.parametrize("M", [2, 5, 16, 40])
def test_fast_rows_have_any_dimension_and_any_number_of_links(
    rng: np.random.Generator, dim: int, M: int
) -> None:
    X = rng.normal(size=(700, dim)).astype(np.float32)
    index = vicinal.Index(dim, M=M, layout="fast")
    index.add(X)
    assert index.verify().ok
    found = index.search(X, k=1, ef_search=200, plan="graph")
    assert np.mean(found.distances[:, 0] == 0) >= 0.95


def test_fast_needs_fewer_distances(rng: np.random.Generator) -> None:
    X = clustered(rng, 10_100, 64)
    spent = {}
    for layout in LAYOUTS:
        index = vicinal.Index(64, layout=layout)
        index.add(X[100:])
        found = index.search(X[:100], k=10, ef_search=48, counters=True, plan="graph")
        assert recall(found, index.search(X[:100], k=10, exact=True)) >= 0.95
        assert found.counters is not None
        spent[layout] = float(np.mean(found.counters.evaluations_per_layer[:, 0]))
        estimates = np.asarray(found.counters.estimates)
        assert (estimates > 0).all() if layout == "fast" else (estimates == 0).all()
    assert spent["fast"] < 0.8 * spent["compact"]


def test_fast_rows_cost_what_the_docs_say(rng: np.random.Generator) -> None:
    sizes = {}
    for layout in LAYOUTS:
        index = vicinal.Index(128, layout=layout)
        index.add(rng.normal(size=(2_000, 128)))
        sizes[layout] = index.stats().bytes["links"] / 2_000
    assert sizes == {"compact": 16 + 8 * 16, "fast": 960}


@pytest.mark.parametrize("mmap", [False, True])
def test_a_fast_index_comes_back_from_its_file(
    rng: np.random.Generator, tmp_path: Path, mmap: bool
) -> None:
    X = clustered(rng, 2_000, 48)
    index = vicinal.Index(48, "cosine", layout="fast")
    index.add(X)
    index.save(tmp_path / "a.vicinal")
    back = vicinal.Index.open(tmp_path / "a.vicinal", mmap=mmap)
    assert back.layout == "fast"
    ours, theirs = (ix.search(X[:50], k=10, counters=True, plan="graph") for ix in (index, back))
    assert np.array_equal(ours.ids, theirs.ids)
    assert ours.counters is not None
    assert theirs.counters is not None
    assert np.array_equal(ours.counters.estimates, theirs.counters.estimates)
    if not mmap:
        back.add(X[:100] + 0.5)
        assert back.verify().ok


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_query_is_answered_alike_in_whatever_company(
    rng: np.random.Generator, layout: str
) -> None:
    """Queries of a batch take turns hop by hop; none may notice."""
    X = clustered(rng, 3_000, 32)
    index = vicinal.Index(32, layout=layout)
    index.add(X)
    Q = clustered(rng, 23, 32)
    alone = [index.search(q, k=5, ef_search=20, counters=True, plan="graph") for q in Q]
    for size in (2, 3, 4, 5, 8, 23):
        for threads in (1, 3):
            found = index.search(
                Q[:size], k=5, ef_search=20, counters=True, plan="graph", threads=threads
            )
            assert found.counters is not None
            for i in range(size):
                one = alone[i].counters
                assert one is not None
                assert np.array_equal(found.ids[i], alone[i].ids)
                assert np.array_equal(found.distances[i], alone[i].distances)
                assert np.asarray(found.counters.hops)[i] == one.hops
                assert np.asarray(found.counters.estimates)[i] == one.estimates


def test_data_that_drifts_is_found_as_well(rng: np.random.Generator) -> None:
    """Codes are of edges alone, so nothing is learned from the first rows that later ones break."""
    index = vicinal.Index(64, layout="fast")
    for step in range(6):
        index.add(clustered(rng, 1_000, 64) * (1 + step) + 100 * step)
    Q = clustered(rng, 100, 64) * 6 + 500
    found = index.search(Q, k=10, ef_search=100, plan="graph")
    assert recall(found, index.search(Q, k=10, exact=True)) >= 0.95


@pytest.mark.parametrize(
    ("dim", "metric", "dtype", "layout"),
    [
        (95, "l2", "f32", "compact"),
        (96, "l2", "f32", "fast"),
        (384, "cosine", "f16", "fast"),
        (384, "ip", "f32", "compact"),
        (128, "sqeuclidean", "u8", "fast"),
        (1024, "hamming", "bits", "compact"),
    ],
)
def test_auto_takes_what_measured_faster(dim: int, metric: str, dtype: str, layout: str) -> None:
    assert vicinal.Index(dim, metric, dtype, layout="auto").layout == layout


def test_unless_told_rows_are_compact() -> None:
    assert vicinal.Index(128).layout == "compact"


def test_layouts_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"unknown layout 'rapid'; choose one of compact"):
        vicinal.Index(8, layout="rapid")
    with pytest.raises(InvalidTypeError, match="layout must be a string, not 3"):
        vicinal.Index(8, layout=3)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match=r'layout "fast" is for numbers.*"compact"'):
        vicinal.Index(8, "hamming", "bits", layout="fast")
