"""Collections explain themselves in their own words, and every verdict is true: done, and held
against brute force.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vicinal
from support import SPACES, make_rows
from town import DIM, LATE, K, N, Town, name, payload, told
from vicinal import field as f

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@pytest.mark.parametrize(
    "condition", [None, f.n < 600, f.cat == "none"], ids=["all", "some", "none"]
)
@pytest.mark.parametrize("ef_search", [K, 64])
def test_the_way_is_that_of_the_search(
    town: Town,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
    condition: Any,
    ef_search: int,
) -> None:
    asked: list[vicinal.SearchResult] = []
    search = vicinal.Index.search

    def watched(self: vicinal.Index, *words: Any, **how: Any) -> vicinal.SearchResult:
        asked.append(search(self, *words, **{**how, "counters": True}))
        return asked[-1]

    for query in make_rows(rng, "f32", 4, DIM):
        way = town.docs.explain(query, K, filter=condition, ef_search=ef_search)
        with monkeypatch.context() as patch:
            patch.setattr(vicinal.Index, "search", watched)
            asked.clear()
            hits = town.docs.search(query, K, filter=condition, ef_search=ef_search)
        assert way.hits == hits
        assert way.rounds == len(asked)
        last = asked[-1].counters
        for counter in ("distance_evaluations", "hops", "reranked", "matching", "plan"):
            assert getattr(way.counters, counter) == getattr(last, counter)[0], counter
        assert way.asked == asked[-1].ids.shape[1]
        assert way.graph == N - LATE
        matching = [i for i in range(N) if i not in town.gone]
        if condition is not None:
            matching = [i for i in matching if condition.matches(payload(i))]
            assert way.matching == len(matching)
        assert way.rows == len(town.late.intersection(matching))
        assert (way.matching is None) == (condition is None)


@pytest.mark.parametrize("condition", [None, f.cat == "b"], ids=["all", "some"])
def test_the_way_has_the_names_of_records(
    town: Town, rng: np.random.Generator, condition: Any
) -> None:
    retired = 0
    for query in make_rows(rng, "f32", 4, DIM):
        true = town.true(query)
        way = town.docs.explain(query, K, filter=condition, ef_search=20, plan="graph")
        hops = [hop for layer in way.layers for hop in layer.hops]
        assert way.counters.hops == len(hops) > 0
        for hop in hops:
            pairs = [(hop.id, hop.distance, hop.allowed)]
            some = hop.seen_allowed if condition is not None else [None] * len(hop.seen_ids)
            pairs += zip(hop.seen_ids, hop.seen_distances, some, strict=True)
            for who, far, allowed in pairs:
                retired += who is None
                if who is None:
                    assert not allowed
                    continue
                i = town.number[who]
                assert far == pytest.approx(true[i], rel=0.03)
                assert i not in town.late
                assert allowed == (None if condition is None else condition.matches(payload(i)))
        text = str(way)
        assert f"{way.rows} not in the graph yet" in text
        assert repr(way.hits.ids[0]) in text or str(way.hits.ids[0]) in text
        met = f"filter: {condition!r}, which {way.matching} records meet"
        assert (met in text) == (condition is not None)
        plain = json.loads(json.dumps(way.to_dict(), allow_nan=False))
        assert plain["ids"] == [str(i) if isinstance(i, uuid.UUID) else i for i in way.hits.ids]
        assert [len(layer["hops"]) for layer in plain["layers"]] == [
            len(layer.hops) for layer in way.layers
        ]
        assert plain["filter"] == (None if condition is None else repr(condition))
    assert retired > 0


def test_where_most_were_retired_the_graph_is_asked_again(
    db: vicinal.Database, rng: np.random.Generator
) -> None:
    rows = rng.normal(size=(600, DIM)).astype(np.float32)
    docs = db.collection("docs", vectors={"vector": {"dim": DIM}}, if_missing="create")
    docs.upsert(range(600), rows)
    docs.compact()
    near = docs.search(rows[7], 100, exact=True).ids
    docs.delete(near[:80])
    way = docs.explain(rows[7], k=5, plan="graph")
    assert way.rounds > 1
    assert way.asked > 80
    assert way.retired >= 80
    assert f"asked for {way.asked:,} in {way.rounds} rounds: {way.retired} retired" in str(way)
    assert way.hits.ids == near[80:85]


@pytest.mark.parametrize("condition", [None, f.cat == "b", f.n < 0], ids=["all", "some", "none"])
def test_a_guarantee_says_what_was_proven(
    town: Town, rng: np.random.Generator, condition: Any
) -> None:
    missed = 0
    for query in make_rows(rng, "f32", 8, DIM):
        how = {"filter": condition, "ef_search": 1, "plan": "graph"}
        way = town.docs.explain(query, K, **how, guarantee="exact")
        walked = town.docs.explain(query, K, **how)
        assert (way.hits, way.counters.hops) == (walked.hits, walked.counters.hops)
        assert (walked.proven, walked.to_dict()["proven"]) == (None, None)
        proven = town.docs.search(query, K, **how, guarantee="exact")
        assert way.proven == proven == town.docs.search(query, K, filter=condition, exact=True)
        assert asdict(way.proven.certificate) == asdict(proven.certificate)
        assert way.proven.certified
        text, told = str(way), json.loads(json.dumps(way.to_dict(), allow_nan=False))["proven"]
        assert "certified: these are the true neighbours" in text
        assert told["ids"] == [str(i) if isinstance(i, uuid.UUID) else i for i in proven.ids]
        assert (told["certified"], told["epsilon"]) == (True, 0)
        lacking = [hit for hit in proven if hit.id not in way.hits.ids]
        assert text.count("not found by the walk") == len(lacking)
        for hit in lacking:
            called = repr(hit.id) if isinstance(hit.id, str) else str(hit.id)
            assert f"not found by the walk: {called} at" in text
        missed += len(lacking)
    assert (missed > 0) == (proven.ids != [])
    poor = town.docs.explain(query, K, **how, guarantee="exact", budget=0)
    assert ("not certified within the budget" in str(poor)) == (missed > 0)


def test_without_a_graph_the_proof_is_that_all_were_compared(db: vicinal.Database) -> None:
    docs = db.collection("docs", dim=2, metric="ip", if_missing="create")
    docs.upsert(["a", "b"], [[1, 0], [0, 1]])
    way = docs.explain([1, 0], 1, guarantee="exact", budget=0)
    assert (way.proven.ids, way.proven.certified) == (["a"], True)
    assert "2 vectors compared (100.00%)" in str(way)
    for how, message in (
        ({"guarantee": "sure"}, '"exact"'),
        ({"budget": 3}, 'give guarantee="exact" too'),
        ({"guarantee": 0.1}, "inner products"),
    ):
        with pytest.raises(vicinal.InvalidInputError, match=message):
            docs.explain([1, 0], 1, **how)


@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_every_verdict_is_true(
    db: vicinal.Database, rng: np.random.Generator, metric: str, dtype: str
) -> None:
    town = Town(db, rng, metric, dtype)
    query = make_rows(rng, dtype, 1, DIM)[0]
    true = town.true(query)
    order = [int(i) for i in np.argsort(true, kind="stable") if np.isfinite(true[i])]
    asked = [*order[: K + 3], order[len(order) // 2], min(town.late)]
    for i in asked:
        for condition in (None, f.cat != "a"):
            check(town, query, i, condition, true)


def check(town: Town, query: NDArray[Any], i: int, condition: Any, true: NDArray[Any]) -> str:
    """Asks, and does what the answer says; returns the cause."""
    docs, how = town.docs, {"filter": condition, "ef_search": K}
    why = docs.why_not(query, name(i), K, **how, plan="graph")
    answer = docs.explain(query, K, **how, plan="graph").hits
    assert why.id == name(i)
    assert why.found == (name(i) in answer.ids)
    slack = 1e-5 * abs(true[i]) + 1e-6
    assert why.distance == pytest.approx(true[i], abs=slack)
    assert json.dumps(why.to_dict(), allow_nan=False)
    assert str(why).startswith(repr(name(i)) if i % 3 == 0 else str(name(i)))
    if why.rank is not None:
        exact = docs.search(query, why.rank, filter=condition, exact=True)
        assert exact.ids[-1] == name(i)
    if why.cause == "filtered out":
        assert not condition.matches(payload(i))
        free = docs.explain(query, K, ef_search=K, plan="graph").hits
        assert why.without_filter.found == (name(i) in free.ids)
        assert why.without_filter.id == name(i)
    elif why.cause == "beyond k":
        assert why.rank > K
    elif why.cause == "equal distance":
        assert why.rank > K or answer.distances[-1] <= true[i] + slack
    elif not why.found:
        assert why.cause in ("never reached", "code error")
        assert i not in town.late  # what is compared one by one is never missed
        if why.needed_ef_search is not None:
            more = {"filter": condition, "plan": "graph"}
            found = docs.explain(query, K, ef_search=why.needed_ef_search, **more).hits
            fewer = docs.explain(query, K, ef_search=why.needed_ef_search - 1, **more).hits
            assert name(i) in found.ids
            assert name(i) not in fewer.ids
        if why.nearest_visited is not None:
            assert town.number[why.nearest_visited] not in town.gone
    return why.cause


@pytest.mark.parametrize("compacted", [False, True])
def test_a_replaced_record_is_judged_by_the_vector_that_it_has(
    town: Town, rng: np.random.Generator, compacted: bool
) -> None:
    """Its old place in the graph, near the query or not, has no say; a deleted one is not there."""
    query = make_rows(rng, "f32", 1, DIM)[0]
    near = [int(i) for i in np.argsort(town.true(query))[: 2 * K]]
    far = [int(i) for i in np.argsort(-town.rows @ query) if i not in town.gone][-K:]
    moved, come, gone = near[:K:2], far[::2], near[1:K:2]
    town.rows[moved] = make_rows(rng, "f32", len(moved), DIM) - 3 * query
    town.rows[come] = query + make_rows(rng, "f32", len(come), DIM) * 1e-3
    for i in (*moved, *come):
        town.put(range(i, i + 1))
    town.docs.delete([name(i) for i in gone])
    town.gone += gone
    town.late |= {*moved, *come}
    if compacted:
        town.docs.compact()
        town.late.clear()
    true = town.true(query)
    causes = {i: check(town, query, i, None, true) for i in (*moved, *come, *near[K:])}
    assert {causes[i] for i in moved} == {"beyond k"}
    if not compacted:  # they are compared one by one
        assert {causes[i] for i in come} == {"found"}
    for i in gone:
        with pytest.raises(vicinal.NotFoundError, match="has no record"):
            town.docs.why_not(query, name(i), K)


def test_each_cause_happens(town: Town, rng: np.random.Generator) -> None:
    seen = set()
    for query in make_rows(rng, "f32", 6, DIM):
        true = town.true(query)
        for i in np.argsort(true)[: K + 2].tolist():
            for condition in (None, f.cat != "a"):
                seen.add(check(town, query, i, condition, true))
    assert {"found", "beyond k", "never reached", "filtered out"} <= seen


def test_what_is_asked_wrongly_is_refused(town: Town, db: vicinal.Database) -> None:
    docs, query = town.docs, np.ones(DIM)
    missing = vicinal.NotFoundError
    with pytest.raises(missing, match="has no record 'nobody'"):
        docs.why_not(query, "nobody")
    with pytest.raises(missing, match="has no record 'doc-0'"):
        docs.why_not(query, name(0))  # retired
    with pytest.raises(vicinal.InvalidTypeError, match="id must be a string, an integer or a UUID"):
        docs.why_not(query, 1.5)
    for call in (docs.explain, lambda q, **how: docs.why_not(q, name(1), **how)):
        with pytest.raises(vicinal.InvalidInputError, match="explained at a time, not 2"):
            call(np.ones((2, DIM)))
        with pytest.raises(vicinal.InvalidInputError, match="3 components"):
            call(np.ones(3))
        with pytest.raises(vicinal.InvalidInputError, match="unknown plan 'walk'"):
            call(query, plan="walk")
        with pytest.raises(vicinal.InvalidInputError, match="k must be"):
            call(query, k=0)
    two = {"a": {"dim": 2}, "b": {"dim": 3}}
    both = db.collection("both", vectors=two, if_missing="create")
    both.upsert(["x"], {"a": [[1, 2]]})
    with pytest.raises(missing, match="record 'x' has no vector 'b'"):
        both.why_not([1, 2, 3], "x", using="b")
    with pytest.raises(vicinal.InvalidInputError, match="say which by using="):
        both.explain([1, 2])
    assert both.why_not([1, 2], "x", using="a").found


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_records_and_equal_ones(db: vicinal.Database, count: int) -> None:
    docs = db.collection("docs", dim=3, if_missing="create")
    docs.upsert(range(count), np.ones((count, 3)))
    way = docs.explain(np.ones(3), 1)
    assert len(way.hits) == min(count, 1)
    assert way.counters is None
    assert (way.layers, way.rounds, way.rows) == ((), 0, count)
    assert "no graph yet" in str(way)
    assert repr(way).startswith("CollectionExplanation(k=1, ef_search=64, scan, 0 hops")
    for i in range(count):
        why = docs.why_not(np.ones(3), i, 1)
        assert why.cause == ("found" if i == way.hits.ids[0] else "equal distance")
    pytest.importorskip("plotly")
    drawn = docs.map(None, np.ones((1, 3)), layout="pca")
    assert (drawn.shown, drawn.count) == (count, count)
    assert len(told(drawn)["queries"][0]["found"]) == count


def test_a_reader_and_a_transaction_see_their_own_state(
    db: vicinal.Database, path: Path, town: Town
) -> None:
    query = np.full(DIM, 9, np.float32)
    with vicinal.open(path, mode="r") as reader:
        docs = reader.collection("town")
        assert docs.explain(query, K).hits == docs.search(query, K)
        assert docs.explain(query, K, plan="graph").layers
        with db.transaction():
            town.docs.upsert(["new"], query[None])
            assert town.docs.explain(query, 1).hits.ids == ["new"]
            assert town.docs.why_not(query, "new", 1).found
            with pytest.raises(vicinal.NotFoundError):
                docs.why_not(query, "new")
        assert docs.why_not(query, "new", 1).found


def test_a_damaged_graph_is_done_without(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: Any, **__: Any) -> None:
        raise vicinal.CorruptionError("block 7 is not what was written")

    query = town.rows[1]
    monkeypatch.setattr(vicinal.Index, "explain", damaged)
    way = town.docs.explain(query, 1, plan="graph")
    assert (way.counters, way.hits.ids) == (None, [name(1)])
    assert town.docs.why_not(query, name(1), 1).found


def test_texts_are_asked_where_a_model_makes_vectors(db: vicinal.Database) -> None:
    class Letters:
        name, dim = "letters", 26

        def embed(self, texts: list[str]) -> list[list[float]]:
            return [[text.count(chr(97 + i)) + 0.01 for i in range(26)] for text in texts]

    notes = db.collection("notes", embedder=Letters(), if_missing="create")
    notes.upsert(["a", "b"], texts=["banana", "zigzag"])
    assert notes.explain("bananas", 1).hits.ids == ["a"]
    assert notes.why_not("bananas", "b", 1).cause == "beyond k"
    pytest.importorskip("plotly")
    assert notes.map(None, "zigzags", layout="pca").shown == 2
