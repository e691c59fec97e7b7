"""Every verdict is held against brute force, and checked by doing what it says."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

import vicinal
from severed import sever
from support import CASES, distances, make_rows
from vicinal import explain

if TYPE_CHECKING:
    from pathlib import Path

DIM, N, K = 24, 600, 8


@pytest.mark.parametrize(("metric", "dtype", "layout"), CASES)
def test_every_verdict_is_true(
    rng: np.random.Generator, metric: str, dtype: str, layout: str
) -> None:
    rows = make_rows(rng, dtype, N, DIM)
    # A poor graph, so that something is missed.
    ix = vicinal.Index(DIM, metric, dtype, M=2, ef_construction=4, layout=layout)
    ids = ix.add(rows, ids=np.arange(N) * 2, threads=1)
    some = vicinal.IdSet(ids[::3])
    for query in make_rows(rng, dtype, 3, DIM):
        true = distances(metric, dtype, query[None], rows)[0]
        order = np.argsort(true, kind="stable")
        asked = [*order[: K + 4], order[N // 2], order[-1]]
        for place in asked:
            for allowed in (None, some):
                check(ix, query, int(ids[place]), allowed, true)


def check(
    ix: vicinal.Index,
    query: np.ndarray,
    number: int,
    allowed: vicinal.IdSet | None,
    true: np.ndarray,
) -> str:
    """Asks, and does what the answer says; returns the cause."""
    how = {"filter": allowed, "plan": "graph"}
    why = ix.why_not(query, number, K, ef_search=K, **how)
    answer = ix.search(query, K, ef_search=K, **how)
    ids = ix.ids()
    mine = true[np.flatnonzero(ids == number)[0]]
    others = true[[allowed is None or i in allowed for i in ids.tolist()]]
    slack = 1e-5 * abs(mine) + 1e-6
    assert why.distance == pytest.approx(mine, abs=slack)
    assert why.found == (number in answer.ids)
    assert json.dumps(why.to_dict())
    assert str(why).startswith(f"{number}: ")
    if why.rank is not None:
        assert (others < mine - slack).sum() < why.rank <= (others <= mine + slack).sum()
        exact = ix.search(query, why.rank, exact=True, filter=allowed)
        assert exact.ids[-1] == number
    if why.cause == "filtered out":
        assert allowed is not None
        assert number not in allowed
        assert why.without_filter is not None
        free = ix.search(query, K, ef_search=K, plan="graph")
        assert why.without_filter.found == (number in free.ids)
    elif why.cause == "beyond k":
        assert why.rank is not None
        assert why.rank > K
    elif why.cause == "equal distance":
        assert (others < mine - slack).sum() < K
        assert why.rank > K or answer.distances[-1] <= mine + slack
    elif not why.found:
        visited = ix.explain(query, K, ef_search=K, **how).visited
        assert why.cause in ("never reached", "code error")
        assert (number in visited) == (why.cause == "code error")
        most = why.needed_ef_search or len(ix)
        found = ix.search(query, K, ef_search=most, **how)
        assert (number in found.ids) == (why.needed_ef_search is not None)
        fewer = ix.search(query, K, ef_search=most - 1, **how)
        assert number not in fewer.ids
        if why.cause == "never reached":
            assert why.nearest_visited in visited
            gaps = ix.search(ix.get(number), 1, exact=True, filter=visited)
            assert (why.nearest_visited, why.gap) == (gaps.ids[0], gaps.distances[0])
    return why.cause


def test_each_cause_happens(rng: np.random.Generator) -> None:
    seen = set()
    # Codes of one bit a component say little of sixteen components.
    for layout, dim in (("compact", 48), ("fast", 16)):
        rows = rng.normal(size=(3000, dim)).astype(np.float32)
        ix = vicinal.Index(dim, M=4, ef_construction=10, layout=layout)
        ids = ix.add(rows, threads=1)
        for query in rng.normal(size=(12, dim)).astype(np.float32):
            true = distances("l2", "f32", query[None], rows)[0]
            for place in np.argsort(true)[: K + 1]:
                seen.add(check(ix, query, int(ids[place]), None, true))
    assert {"found", "beyond k", "never reached", "code error"} <= seen


def test_equal_points() -> None:
    ix = vicinal.Index(4)
    ix.add(np.ones((50, 4), np.float32))
    answer = ix.search(np.ones(4), K)
    out = next(i for i in range(50) if i not in answer.ids)
    why = ix.why_not(np.ones(4), out, K)
    assert why.cause == "equal distance"
    assert out in ix.search(np.ones(4), why.rank, exact=True).ids
    assert ix.why_not(np.ones(4), int(answer.ids[0]), K).found
    assert ix.why_not(np.ones(4), out, K, filter=[0]).cause == "filtered out"


def test_copies_that_were_missed_are_judged_by_their_node(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(1500, 32)).astype(np.float32)
    ix = vicinal.Index(32, M=2, ef_construction=4)
    ix.add(np.vstack([rows, rows]), threads=1)
    for query in rng.normal(size=(5, 32)).astype(np.float32):
        true = distances("l2", "f32", query[None], np.vstack([rows, rows]))[0]
        for place in np.argsort(true, kind="stable")[:K]:
            check(ix, query, int(place), None, true)


def test_one_point() -> None:
    ix = vicinal.Index(3)
    ix.add([[1.0, 2.0, 3.0]], ids=[7])
    why = ix.why_not([0.0, 0.0, 0.0], 7)
    assert (why.cause, why.rank) == ("found", 1)


@pytest.mark.parametrize("plan", ["auto", "graph", "scan"])
def test_unknown_ids_are_refused(plan: str) -> None:
    ix = vicinal.Index(3)
    with pytest.raises(vicinal.NotFoundError, match="id 5 is not in the index"):
        ix.why_not([1.0, 2.0, 3.0], 5, plan=plan)
    ix.add([[1.0, 2.0, 3.0]], ids=[7])
    with pytest.raises(vicinal.NotFoundError, match="id 5 is not in the index"):
        ix.why_not([1.0, 2.0, 3.0], 5, plan=plan)
    with pytest.raises(vicinal.InvalidInputError, match="id must be from 0"):
        ix.why_not([1.0, 2.0, 3.0], -1)
    with pytest.raises(vicinal.InvalidTypeError, match="id must be an integer"):
        ix.why_not([1.0, 2.0, 3.0], "7")


class Severed:
    """An index whose links lead everywhere but to one vector: the engine makes none such."""

    def __init__(self, index: vicinal.Index, lost: int) -> None:
        self.index, self.lost = index, lost

    def __getattr__(self, name: str) -> object:
        return getattr(self.index, name)

    def __len__(self) -> int:
        return len(self.index)

    def __contains__(self, value: object) -> bool:
        return value in self.index

    def search(self, Q: object, k: int = 10, **how: object) -> vicinal.SearchResult:
        if how.get("exact"):
            return self.index.search(Q, k, **how)
        others = vicinal.IdSet([self.lost], deny=True)
        return self.index.search(Q, k, **{**how, "filter": others})

    def explain(self, q: object, k: int, **how: object) -> vicinal.Explanation:
        way = self.index.explain(q, k, **{**how, "filter": vicinal.IdSet([self.lost], deny=True)})
        for layer in way.layers:
            for hop in layer.hops:
                hop.seen_ids[hop.seen_ids == self.lost] = hop.id
        return dataclasses.replace(way, layers=way.layers[:1])

    def verify(self) -> vicinal.Report:
        return dataclasses.replace(self.index.verify(), unreachable=np.array([self.lost]))


def test_what_no_link_leads_to(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(300, 8)).astype(np.float32)
    ix = vicinal.Index(8)
    ix.add(rows, threads=1)
    ask = (rows[17], 17, K, 10, None, "raise", "graph")
    assert explain.why_not(Severed(ix, 17), *ask).cause == "not reachable"
    assert explain.why_not(ix, *ask).cause == "found"


def test_a_file_in_which_no_link_leads_to_it_is_called_damaged(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    rows = rng.normal(size=(300, 8)).astype(np.float32)
    ix = vicinal.Index(8)
    ix.add(rows, threads=1)
    lost = int(np.flatnonzero(ix.graph().levels == 0)[17])
    ix.save(tmp_path / "cut.vicinal")
    sever(tmp_path / "cut.vicinal", lost)
    said = f"row {lost}: no protected edges lead to it"
    with pytest.raises(vicinal.CorruptionError, match=said):
        vicinal.Index.open(tmp_path / "cut.vicinal")
    # A map opens without a look at all links, and does not find it.
    mapped = vicinal.Index.open(tmp_path / "cut.vicinal", mmap=True)
    assert lost not in mapped.search(rows[lost], K, plan="graph", ef_search=200).ids
    with pytest.raises(vicinal.CorruptionError, match=said):
        mapped.why_not(rows[lost], lost, K, plan="graph")
    mended, _ = vicinal.Index.salvage(tmp_path / "cut.vicinal")
    assert mended.why_not(rows[lost], lost, K, plan="graph").found


def test_a_missed_vector_costs_no_copy_of_the_graph(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ix = vicinal.Index(DIM, M=2, ef_construction=4)
    ix.add(make_rows(rng, "f32", N, DIM), threads=1)
    query = make_rows(rng, "f32", 1, DIM)[0]
    found = ix.search(query, K, ef_search=K, plan="graph").ids
    missed = [i for i in ix.search(query, K, exact=True).ids.tolist() if i not in found]
    assert missed
    monkeypatch.setattr(vicinal.Index, "graph", None)
    way = ix.explain(query, K, ef_search=K, plan="graph")
    for number in missed:
        why = explain.why_not(ix, query, number, K, K, None, "raise", "graph", way)
        assert why == ix.why_not(query, number, K, ef_search=K, plan="graph")
        assert why.cause in ("never reached", "code error")


def test_json_has_no_infinity() -> None:
    ix = vicinal.Index(3)
    ix.add([[1.0, 2.0, 3.0]], ids=[7])
    why = ix.why_not([0.0, 0.0, 0.0], 7, filter=[])
    assert why.cause == "filtered out"
    assert why.kth_distance == float("inf")
    told = json.loads(json.dumps(why.to_dict(), allow_nan=False))
    assert told["kth_distance"] is None
    assert told["without_filter"]["cause"] == "found"
