"""A whole run, tiny: processes, curves, files, and failures that do not end it."""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vicinal.bench import Results, Settings, Workload, generate, load, prepare
from vicinal.bench.peers import Contender
from vicinal.bench.session import OWN_PYTHON, write
from vicinal.bench.suite import Seat, run

if TYPE_CHECKING:
    from pathlib import Path

HAVE_HNSWLIB = importlib.util.find_spec("hnswlib") is not None


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rng = np.random.default_rng(11)
    centres = rng.integers(40, 200, (30, 16))
    noise = rng.integers(-30, 30, (2_100, 16))
    return (centres[rng.integers(30, size=2_100)] + noise).astype(np.uint8)


@pytest.fixture(scope="module")
def results(vectors: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Vicinal in two settings, a peer where it is installed, and two that fail."""
    folder = tmp_path_factory.mktemp("bench")
    workload = Workload("tiny", vectors[:2_000], vectors[2_000:], "l2")
    names = ["vicinal", "vicinal_knn", *(["hnswlib"] if HAVE_HNSWLIB else [])]
    seats = [Seat(Contender(name), OWN_PYTHON) for name in names]
    seats += [
        Seat(Contender("vicinal", {"M": 8, "dtype": "u8"}), OWN_PYTHON),
        Seat(Contender("vicinal", {"dtype": "i8"}), OWN_PYTHON),
        Seat(Contender("vicinal", {"isa": "scalar"}), OWN_PYTHON),
        Seat(Contender("vicinal", {"layout": "fast", "store": "f16", "walks": 1}), OWN_PYTHON),
        Seat(Contender("vicinal", {"walks": 5}), OWN_PYTHON),
        Seat(Contender("annoy"), OWN_PYTHON, missing="no wheel"),
    ]
    settings = Settings(rounds=2, seconds=0.002, build_threads=[1], threads=[1, 2])
    prepared = prepare(workload, 10, folder / "cache", lambda _: None)
    return run(prepared, seats, settings, folder / "log", lambda _: None)


def test_every_contender_has_a_row(results: Results) -> None:
    labels = [row.label for row in results.rows]
    assert labels[:2] == ["vicinal", "vicinal_knn"]
    assert "vicinal M=8 dtype=u8" in labels
    for row in results.rows:
        if row.label in ("annoy", "vicinal dtype=i8", "vicinal walks=5"):
            assert row.error
            assert not row.steps
        else:
            assert not row.error
            assert row.version


def test_reasons_of_failure_are_kept(results: Results) -> None:
    why = {row.label: row.error for row in results.rows if row.error}
    assert why["annoy"] == "no wheel"
    assert "not of dtype i8" in why["vicinal dtype=i8"]
    assert "1 to 4 queries" in why["vicinal walks=5"]


def test_curves_rise_and_every_round_timed_every_point(results: Results) -> None:
    for row in results.rows:
        if row.error:
            continue
        recalls = [step.recall for step in row.steps]
        assert recalls == sorted(recalls)
        assert recalls[-1] > 0.99
        for step in row.steps:
            assert step.low <= step.recall <= step.high
            assert {threads: len(qps) for threads, qps in step.qps.items()} == {1: 2, 2: 2}
            assert all(speed > 0 for speeds in step.qps.values() for speed in speeds)


def test_exact_search_is_exact_and_graphs_count_their_work(results: Results) -> None:
    exact, graph = results.row("vicinal_knn"), results.row("vicinal")
    assert exact is not None
    assert graph is not None
    assert [step.recall for step in exact.steps] == [1.0]
    evaluations = [step.counters["distance_evaluations"] for step in graph.steps]
    assert evaluations == sorted(evaluations)
    assert 10 < evaluations[0] < len(graph.steps) * 2_000


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_is_that_of_the_index(results: Results) -> None:
    row = results.row("vicinal")
    assert row is not None
    (build,) = row.builds
    assert build.resident is not None
    assert build.peak is not None
    # 16 floats and a few dozen links each, and not the megabytes of an interpreter.
    assert 2_000 * 64 < build.resident < 2_000 * 64 + 16e6
    assert build.peak >= build.resident / 2


def test_files_are_written(results: Results, tmp_path: Path) -> None:
    write(results, tmp_path)
    assert "| **vicinal** |" in (tmp_path / "table.md").read_text()
    assert json.loads((tmp_path / "results.json").read_text())["data"]["rows"] == 2_000
    for name in ("curves.png", "curves.svg", "curves.html"):
        assert (tmp_path / name).stat().st_size > 5_000


def test_exact_answers_are_found_once(vectors: np.ndarray, tmp_path: Path) -> None:
    workload = Workload("tiny", vectors[:500], vectors[500:520], "cosine")
    told: list[str] = []
    first = prepare(workload, 5, tmp_path, told.append)
    second = prepare(workload, 5, tmp_path, told.append)
    assert len(told) == 1
    np.testing.assert_array_equal(first.truth.ids, second.truth.ids)
    lengths = np.linalg.norm(np.load(first.base), axis=1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-6)


def test_other_vectors_have_other_answers(vectors: np.ndarray, tmp_path: Path) -> None:
    changed = vectors[:500].copy()
    changed[3, 3] ^= 1
    files = {
        prepare(Workload("w", base, vectors[500:510], metric), 5, tmp_path, lambda _: None).base
        for base in (vectors[:500], changed)
        for metric in ("l2", "ip")
    }
    assert len(files) == 4


def test_queries_are_held_out_where_there_are_none(vectors: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", vectors)
    workload = load(tmp_path / "v.npy", rows=1_000, held_out=50)
    assert (len(workload.base), len(workload.queries)) == (1_000, 50)
    together = np.concatenate([workload.base, workload.queries])
    np.testing.assert_array_equal(np.sort(together, axis=0), np.sort(vectors[:1_050], axis=0))


def test_generated_vectors_come_with_queries_of_their_own() -> None:
    workload = generate("sift_like:500x32", queries=20)
    assert workload.base.shape == (500, 32)
    assert workload.queries.shape == (20, 32)


@pytest.mark.parametrize("text", ["sift_like", "sift_like:12", "no_such:10x10", "sift_like:axb"])
def test_a_generator_is_named_with_its_shape(text: str) -> None:
    with pytest.raises(ValueError, match="GENERATOR:ROWSxDIM"):
        generate(text)


def test_a_workload_that_makes_no_sense_is_refused(vectors: np.ndarray) -> None:
    with pytest.raises(ValueError, match="16 components, queries 8"):
        Workload("w", vectors, vectors[:5, :8], "l2")
    with pytest.raises(ValueError, match="hamming"):
        Workload("w", vectors, vectors[:5], "hamming")
