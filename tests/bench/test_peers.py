"""The contenders: how they are named, and that each finds its way on tiny data where installed."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vicinal.bench.environment import Environment, pins
from vicinal.bench.peers import ADAPTERS, Contender, parse
from vicinal.bench.truth import exact, recall

if TYPE_CHECKING:
    from pathlib import Path


def test_a_librarys_name_stands_for_all_of_its_rows() -> None:
    assert [one.adapter for one in parse("faiss, usearch_i8")] == [
        "faiss_hnsw",
        "faiss_sq8",
        "faiss_flat",
        "usearch_i8",
    ]
    assert parse("scalable-vs") == parse("svs")
    assert parse("rabitqlib") == parse("symqg")


def test_all_are_all_peers_and_not_ourselves() -> None:
    named = {one.adapter for one in parse("all")}
    assert named == {name for name in ADAPTERS if not name.startswith("vicinal")}


def test_settings_follow_the_name() -> None:
    (one,) = parse("hnswlib:M=32:ef_construction=400")
    assert one == Contender("hnswlib", {"M": 32, "ef_construction": 400})
    assert one.label == "hnswlib M=32 ef_construction=400"
    assert parse("vicinal:dtype=u8:level_p=0.5")[0].settings == {"dtype": "u8", "level_p": 0.5}


def test_each_is_listed_once() -> None:
    assert len(parse("faiss,faiss_hnsw,faiss")) == 3
    assert parse("") == []


@pytest.mark.parametrize(
    ("text", "says"), [("hnswlb", "hnswlb"), ("hnswlib:M", "'M'"), ("hnswlib:=3", "NAME=VALUE")]
)
def test_what_is_misspelt_is_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(text)


def test_every_peer_is_pinned_exactly() -> None:
    held = pins()
    for kind in ADAPTERS.values():
        if kind.family != "vicinal":
            (line,) = held[kind.distribution]
            assert line.startswith(f"{kind.distribution}==")


def test_a_peer_that_cannot_be_installed_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = Environment(tmp_path)
    asked: list[str] = []

    def install(line: str, numpy: list[str]) -> str:
        asked.append(line)
        assert all(one.startswith("numpy==") for one in numpy)
        return "ERROR: no wheel" if line.startswith("scann") else ""

    monkeypatch.setattr(environment, "_install", install)
    for _ in range(2):
        assert environment.provide(["scann", "annoy", "scann"]) == {"scann": "ERROR: no wheel"}
    assert len(asked) == 2, "neither what is there nor what failed is tried again"


@pytest.fixture(scope="module")
def small() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    X = rng.standard_normal((1500, 64)).astype(np.float32)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    Q = X[:40] + 0.05 * rng.standard_normal((40, 64)).astype(np.float32)
    return X, Q / np.linalg.norm(Q, axis=1, keepdims=True)


@pytest.mark.parametrize("metric", ["l2", "cosine", "ip"])
@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_builds_and_searches(
    name: str, metric: str, small: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    kind = ADAPTERS[name]
    if importlib.util.find_spec(kind.module.partition(".")[0]) is None:
        pytest.skip(f"{kind.distribution} is not installed here")
    X, Q = small
    adapter = kind(metric, X.shape[1])
    adapter.build(adapter.prepare(X, tmp_path), 2)
    adapter.set_query_effort(kind.efforts[-1])
    queries = adapter.prepare_queries(Q)
    answers = exact(X, Q, 5, metric)
    for threads in (1, 2):
        ids = adapter.search(queries, 5, threads)
        assert ids.shape == (40, 5)
        assert ids.dtype == np.int64
        assert recall(X, Q, ids, answers, metric).sum() >= 0.9 * 40 * 5
    alone = np.stack([adapter.search_one(q, 5) for q in queries])
    assert recall(X, Q, alone, answers, metric).sum() >= 0.9 * 40 * 5
    assert all(value > 0 for value in adapter.counters(queries, 5).values() if value)
