"""target_recall: the effort is what measuring says; where nothing is known, answers are exact."""

from __future__ import annotations

import importlib.util
import json
import os
import sqlite3
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vicinal
from vicinal import field as f
from vicinal.collection import searching
from vicinal.collection.effort import asked, ladder
from vicinal.collection.effort.curve import Curve, Mark, Rung
from vicinal.recall import EXACT

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SCRIPT = Path(__file__).parents[2] / "bench" / "contract.py"
N, DIM = 6000, 16
GRAPH = {"plan": "graph"}


@pytest.fixture(scope="module")
def bench() -> Any:
    """bench/contract.py, which has the cells."""
    spec = importlib.util.spec_from_file_location("contract_bench", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["contract_bench"] = module
    spec.loader.exec_module(module)
    return module


def test_targets_are_reached_at_little_more_than_the_least_effort(db, bench) -> None:
    everything = [("-", 1), ("-", 10), ("-", 50), *((name, 10) for name in bench.FILTERS)]
    worlds, rows, queries = (
        {"uniform": [("-", 10), ("1/5", 5)], "new clusters": [("-", 10)]},
        3000,
        400,
    )
    if os.environ.get("HYPOTHESIS_PROFILE") == "thorough":
        worlds, rows, queries = dict.fromkeys(bench.WORLDS, everything), 20_000, 1000
    cells = [
        cell
        for world, combinations in worlds.items()
        for cell in bench.trial(db, world, rows, combinations, queries=queries)
    ]
    print(bench.summary(cells))
    assert np.mean([cell.kept for cell in cells]) >= 0.95
    ratios = [cell.ratio for cell in cells if cell.ratio is not None]
    assert np.exp(np.mean(np.log(ratios))) <= 1.3
    assert len(ratios) > len(cells) / 2


# ---- one collection, whose graph is poor --------------------------------------------------------


def rows_of(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    return rng.normal(size=(n, DIM)).astype(np.float32)


@pytest.fixture
def docs(db, rng, monkeypatch) -> vicinal.Collection:
    monkeypatch.setattr(asked, "MOST", 300)
    monkeypatch.setattr(ladder, "RATIO", 1.5)
    vectors = {"vector": {"dim": DIM, "metric": "l2", "M": 5, "ef_construction": 30}}
    made = db.collection("docs", vectors=vectors, if_missing="create")
    made.upsert(range(N), rows_of(rng, N), [{"n": i, "odd": i % 2} for i in range(N)])
    made.compact()
    return made


def ask(docs: vicinal.Collection, rng: np.random.Generator, **how: Any) -> list[Any]:
    how = {"target_recall": 0.9, **GRAPH, **how}
    return docs.search(rows_of(rng, how.pop("queries", 300)), **how)


def walked(found: list[Any]) -> bool:
    """Whether the effort was known, but for queries that are farther than any measured."""
    return not all(hits.recall_estimate.exact for hits in found)


def wait(docs: vicinal.Collection, **how: Any) -> None:
    """Until it has been measured."""
    end = time.monotonic() + 60
    while docs.search(np.ones(DIM), ef_search=64, **GRAPH, **how).recall_estimate is None:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_answers_are_exact_until_it_was_measured(docs, rng) -> None:
    queries = rows_of(rng, 20)
    true = docs.search(queries, exact=True)
    for hits, other in zip(docs.search(queries, target_recall=0.5, **GRAPH), true, strict=True):
        assert hits == other
        assert hits.recall_estimate == vicinal.RecallEstimate(1.0, 1.0, 1.0, 0, None)
        assert hits.recall_estimate.exact
    # Twenty queries tell nothing.
    time.sleep(0.2)
    assert docs.search(queries[0], **GRAPH).recall_estimate is None
    assert docs.search(queries[0], target_recall=0.5, **GRAPH).recall_estimate.exact


def test_what_is_said_is_what_was_measured(docs, rng) -> None:
    ask(docs, rng)
    wait(docs)
    queries = rows_of(rng, 500)
    true = docs.search(queries, exact=True)
    before = 0
    for target in (0.5, 0.8, 0.9):
        found = docs.search(queries, target_recall=target, **GRAPH)
        [said] = {hits.recall_estimate for hits in found if not hits.recall_estimate.exact}
        assert said.low >= target - 1e-9
        assert said.low < said.value < said.high
        assert said.queries == 300
        reached = np.mean([len({*a.ids} & {*b.ids}) / 10 for a, b in zip(found, true, strict=True)])
        assert target <= reached
        assert abs(reached - said.value) < 0.04
        assert before < said.ef_search
        before = said.ef_search
        # The same is said of the effort itself.
        assert docs.search(queries[0], ef_search=before, **GRAPH).recall_estimate == said
    assert docs.search(queries[0], target_recall=1.0, **GRAPH).recall_estimate.exact
    # So much can't be told from 300 queries.
    assert docs.search(queries[0], target_recall=0.9999, **GRAPH).recall_estimate.exact
    # Nothing is known of other k and of filters.
    for other in ({"k": 9}, {"filter": f.odd == 1}):
        assert docs.search(queries[0], target_recall=0.5, **other, **GRAPH).recall_estimate.exact
    assert found[0][:3].recall_estimate == said
    assert docs.stats().graphs["vector"].recall == docs.search(queries[0], **GRAPH).recall_estimate


def test_one_filter_tells_of_others_on_the_same_fields(docs, rng) -> None:
    for odd in (0, 1):
        ask(docs, rng, queries=100, filter=f.odd == odd)
    wait(docs, filter=f.odd == 1)
    assert walked(ask(docs, rng, queries=9, filter=f.odd != 0))
    assert ask(docs, rng, queries=1, filter=f.n > N / 2)[0].recall_estimate.exact
    few = (f.odd == 1) & (f.odd == 0)
    assert ask(docs, rng, queries=1, filter=few)[0].ids == []


def test_queries_of_another_kind_are_answered_exactly_at_once(docs, rng) -> None:
    ask(docs, rng)
    wait(docs)
    far = rows_of(rng, 1) * 20
    [hits] = docs.search(far, target_recall=0.9, **GRAPH)
    assert hits.recall_estimate.exact
    assert walked(ask(docs, rng, queries=9))
    # Nearer than those measured is another kind, too; a few of them are not noticed.
    found = docs.search(rows_of(rng, 70) / 3, target_recall=0.9, **GRAPH)
    assert all(hits.recall_estimate.exact for hits in found)
    assert ask(docs, rng, queries=1)[0].recall_estimate.exact


def test_what_was_measured_is_not_believed_when_much_has_changed(docs, rng) -> None:
    ask(docs, rng)
    wait(docs)
    docs.delete(range(N // 2))
    assert ask(docs, rng, queries=1)[0].recall_estimate.exact
    # It is measured again, with the same queries.
    wait(docs)
    docs.compact()


def test_it_is_kept_and_serves_readers(db, path, docs, rng) -> None:
    queries = rows_of(rng, 300)
    docs.search(queries, target_recall=0.9, **GRAPH)
    wait(docs)
    said = docs.search(queries[0], target_recall=0.8, **GRAPH).recall_estimate
    end = time.monotonic() + 60
    with vicinal.open(path, mode="r") as reader:
        there = reader.collection("docs")
        while there.search(queries[0], **GRAPH).recall_estimate is None:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert there.search(queries[0], target_recall=0.8, **GRAPH).recall_estimate == said
    db.close()
    with sqlite3.connect(path / "records.sqlite") as file:
        [(text,)] = file.execute("SELECT measured FROM calibrations").fetchall()
    file.close()
    assert set(json.loads(text)["curves"][0][1]) == {
        "rungs",
        "queries",
        "profiles",
        "farthest",
        "mark",
    }
    with vicinal.open(path) as again:
        docs = again.collection("docs")
        assert docs.search(queries[0], target_recall=0.8, **GRAPH).recall_estimate == said
        again.drop("docs")
    with sqlite3.connect(path / "records.sqlite") as file:
        assert file.execute("SELECT count(*) FROM calibrations").fetchall() == [(0,)]
    file.close()


@pytest.mark.parametrize("damage", ["measured = replace(measured, '0', '1')", "measured = X'FF'"])
def test_what_is_damaged_is_not_believed(db, path, docs, rng, caplog, damage) -> None:
    ask(docs, rng)
    wait(docs)
    db.close()
    with sqlite3.connect(path / "records.sqlite") as file:
        if "X" in damage:
            damage = "measured = CAST(X'FF' AS TEXT)"
        file.execute(f"UPDATE calibrations SET {damage}, sum = sum + 0")
        file.execute("UPDATE calibrations SET sum = sum + 1")
    file.close()
    with vicinal.open(path) as again:
        docs = again.collection("docs")
        assert ask(docs, rng, queries=1)[0].recall_estimate.exact
        assert "measured is damaged" in caplog.text
        ask(docs, rng)
        wait(docs)


def test_a_reader_measures_by_itself_where_nobody_else_does(path, docs, rng) -> None:
    with vicinal.open(path, mode="r") as reader:
        there = reader.collection(docs.name)
        queries = rows_of(rng, 300)
        for query in queries[:99]:
            assert there.search(query, target_recall=0.7, **GRAPH).recall_estimate.exact
        assert there.search(queries[0], **GRAPH).recall_estimate is None
        there.search(queries[99], target_recall=0.7, **GRAPH)
        assert there.search(queries[0], **GRAPH).recall_estimate.queries == 100
        assert walked(there.search(queries[:9], target_recall=0.7, **GRAPH))


def test_a_large_batch_is_measured_on_its_way(docs, rng) -> None:
    found = docs.search(rows_of(rng, 1500), k=5, target_recall=0.8, payloads=False, **GRAPH)
    exact = [hits.recall_estimate.exact for hits in found]
    assert all(exact[:300])
    assert np.mean(exact[300:]) < 0.1


def test_where_all_are_compared_there_is_nothing_to_find_out(db, rng) -> None:
    docs = db.collection("few", dim=DIM, if_missing="create")
    docs.upsert(range(500), rows_of(rng, 500))
    for _ in range(2):
        found = docs.search(rows_of(rng, 200), target_recall=0.9)
        assert all(hits.recall_estimate.exact for hits in found)
        assert docs.search(rows_of(rng, 1)[0]).recall_estimate.exact
        docs.compact()
    time.sleep(0.2)
    assert docs.search(np.ones(DIM), **GRAPH).recall_estimate is None


def test_a_transaction_is_answered_exactly_and_leaves_no_trace(db, docs, rng) -> None:
    with db.transaction():
        docs.delete(range(100))
        assert all(hits.recall_estimate.exact for hits in ask(docs, rng))
    time.sleep(0.2)
    assert docs.search(np.ones(DIM), **GRAPH).recall_estimate is None


def test_measuring_lets_go_at_every_step(docs, rng) -> None:
    effort = docs._efforts["vector"]
    docs._builder.when_idle(docs._spaces["vector"], lambda _: False)  # the thread is not to do it
    ask(docs, rng, queries=99)
    assert not effort.work(lambda: True)  # too few
    ask(docs, rng)
    steps = 1
    while effort.work(lambda: True):
        steps += 1
    assert steps > 300 / ladder.WALKS
    assert docs.search(np.ones(DIM), **GRAPH).recall_estimate is not None


def test_other_ways_to_search_have_targets_too(db, rng, monkeypatch) -> None:
    monkeypatch.setattr(searching, "knobs", partial(searching.knobs, plan="graph"))
    vectors = {"vector": {"dim": DIM, "metric": "l2", "M": 5, "ef_construction": 30}}
    docs = db.collection("docs", vectors=vectors, text=["t"], if_missing="create")
    docs.upsert(range(3000), rows_of(rng, 3000), [{"t": "word"}] * 3000)
    docs.compact()
    ways: list[Callable[[int], vicinal.Hits]] = [
        lambda _: docs.hybrid(rows_of(rng, 1)[0], "word", k=5, depth=20, target_recall=0.6),
        lambda i: docs.recommend([i], [i + 1], k=5, target_recall=0.6),
        lambda i: docs.recommend([i], k=5, mmr=0.5, target_recall=0.6),
    ]
    for way in ways:
        first, turn = way(0), 0
        assert first.recall_estimate == EXACT
        end = time.monotonic() + 60
        while way(turn).recall_estimate == EXACT:
            assert time.monotonic() < end
            turn = turn + 1 if turn < 2000 else 0
        assert way(turn).recall_estimate.low >= 0.6


@pytest.mark.parametrize("wrong", [0, 1.1, float("nan"), "high"])
def test_targets_that_make_no_sense_are_refused(db, wrong) -> None:
    docs = db.collection("empty", dim=2, if_missing="create")
    with pytest.raises(vicinal.VicinalError, match="target_recall must be"):
        docs.search([1, 0], target_recall=wrong)
    assert docs.search([1, 0], target_recall=0.9).recall_estimate.exact


# ---- the curve ----------------------------------------------------------------------------------

RUNGS = tuple(Rung(ef, 1 - 1 / ef, 1 - 2 / ef, 1 - 0.5 / ef) for ef in (10, 20, 40, 80))
PROFILE = np.linspace(1, 2, 1000, dtype=np.float32)


def test_between_rungs_it_asks_for_enough() -> None:
    curve = Curve.of(list(RUNGS), [PROFILE] * 4, PROFILE, Mark(0, 0, 0, 1))
    for ef in (10, 20, 40, 80):
        assert curve.least(1 - 2 / ef) == ef
    for target in (0.81, 0.85, 0.93, 0.96):
        least = curve.least(target)
        assert curve.estimate(least).low >= target > curve.estimate(least - 1).low
        assert 1 - 2 / least >= target - 1e-9
    assert curve.least(0.1) == 10
    assert curve.least(0.99) is None
    assert curve.estimate(9) is None
    assert curve.estimate(20) == vicinal.RecallEstimate(0.95, 0.9, 0.975, 1000, 20)
    assert curve.estimate(10_000).value == 1 - 1 / 80
    assert Curve.from_json(json.loads(json.dumps(curve.to_json()))).rungs == curve.rungs


def test_other_queries_are_told_from_those_measured() -> None:
    rng = np.random.default_rng(2)
    curve = Curve.of(list(RUNGS), [PROFILE] * 4, PROFILE, Mark(0, 0, 0, 1))
    alike = sum(curve.differs(2, rng.uniform(1, 2, size=64)) for _ in range(2000))
    assert alike <= 8
    assert all(curve.differs(2, rng.uniform(1.3, 2, size=256)) for _ in range(100))
    assert curve.is_beyond(2.01)
    assert not curve.is_beyond(2.0)
