"""Graphs follow what is replaced and deleted, and no search over an older state misses it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vicinal
from vicinal.collection.effort import effort
from vicinal.collection.graphs import files, grower

if TYPE_CHECKING:
    from collections.abc import Callable

N, DIM = 400, 8

pytestmark = pytest.mark.usefixtures("eager")


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def graph(docs: vicinal.Collection) -> vicinal.GraphStats:
    return docs.stats().graphs["vector"]


def worn(held: vicinal.GraphStats) -> bool:
    return held.retired > grower.WORN * held.vectors + grower.STEP


def test_what_is_replaced_leaves_the_graph_and_no_graph_is_made_anew(db, rng, monkeypatch) -> None:
    docs = db.collection("docs", dim=DIM, metric="l2", if_missing="create")
    X = rng.normal(size=(N, DIM)).astype(np.float32)
    docs.upsert(range(N), X)
    docs.compact()

    def never(*_: object) -> None:
        raise AssertionError("made anew")

    monkeypatch.setattr(grower.Grower, "_make_anew", never)
    most = 0
    for turn in range(3):  # all of them, three times over, and some go for good
        for start in range(0, N, 50):
            ids = np.arange(start, start + 50)
            X[ids] = rng.normal(size=(50, DIM))
            docs.upsert(ids, X[ids])
            docs.delete(ids[:turn])
            wait_until(lambda: graph(docs).rows == 0 and not worn(graph(docs)))
            most = max(most, graph(docs).vectors)
    assert most < N + 200
    docs.compact()
    left = [i for i in range(N) if i % 50 > 1]
    assert graph(docs) == vicinal.GraphStats(len(left), 0, 0)
    for q in rng.normal(size=(20, DIM)).astype(np.float32):
        order = np.argsort(((X[left] - q) ** 2).sum(1), kind="stable")[:5]
        assert docs.search(q, k=5, ef_search=200).ids == [left[i] for i in order]


def test_nothing_leaves_the_graph_while_an_older_state_is_searched(path, rng, monkeypatch) -> None:
    X = rng.normal(size=(N, DIM)).astype(np.float32)
    looking, go_on = threading.Event(), threading.Event()
    found: list[Any] = []
    real = effort.nearest

    def slowly(*args: Any, **how: Any) -> Any:
        if threading.current_thread().name == "slow":
            looking.set()
            assert go_on.wait(60)
        return real(*args, **how)

    monkeypatch.setattr(effort, "nearest", slowly)
    monkeypatch.setattr(grower, "PATIENCE", 0.01)
    with vicinal.open(path) as db:
        docs = db.collection("docs", dim=DIM, metric="l2", if_missing="create")
        docs.upsert(range(N), X, [{"old": True}] * N)
        docs.compact()
        search = threading.Thread(
            target=lambda: found.append(docs.search(X[7], k=N, ef_search=N)), name="slow"
        )
        search.start()
        assert looking.wait(60)
        docs.upsert(range(150), X[:150] + 5, [{"old": False}] * 150)  # worn, but not rotten
        wait_until(lambda: graph(docs).rows == 0)
        time.sleep(0.1)  # time enough to take them out
        go_on.set()
        search.join()
        assert sorted(found[0].ids) == list(range(N))
        assert all(hit.payload == {"old": True} for hit in found[0])
        docs.upsert(["a reason to look again"], X[:1])
        wait_until(lambda: graph(docs).retired == 0)


def test_a_search_beside_the_taking_out_of_what_was_retired_gives_k(db, rng, monkeypatch) -> None:
    # What is searched shrinks meanwhile: its size tells nothing of how much is still to be asked.
    docs = db.collection("docs", dim=DIM, metric="l2", if_missing="create")
    X = rng.normal(size=(N, DIM)).astype(np.float32)
    docs.upsert(range(N), X)
    docs.compact()
    order = np.argsort((X**2).sum(1))
    gone, left = order[: N - 3], order[N - 3 :]  # all but the three farthest of the origin
    monkeypatch.setattr(grower, "WORN", 2.0)  # not before it is told to
    monkeypatch.setattr(grower, "ROTTEN", 2.0)
    docs.delete(gone)
    assert graph(docs).retired == N - 3
    real, compacting = vicinal.Index.search, threading.Thread(target=docs.compact)

    def search(index: vicinal.Index, *args: Any, **how: Any) -> Any:
        answer = real(index, *args, **how)
        if not compacting.ident:
            compacting.start()
            wait_until(lambda: len(index) == 3)
        return answer

    monkeypatch.setattr(vicinal.Index, "search", search)
    assert docs.search([0] * DIM, k=3, plan="graph").ids == left.tolist()
    compacting.join()
    assert graph(docs) == vicinal.GraphStats(3, 0, 0)


def test_notes_of_what_was_retired_go_when_no_graph_needs_them(db, rng, monkeypatch) -> None:
    monkeypatch.setattr(files, "NOTES", 7)
    docs = db.collection("docs", dim=DIM, metric="l2", if_missing="create")
    docs.upsert(range(N), rng.normal(size=(N, DIM)))
    docs.compact()
    docs.delete(range(30))
    docs.compact()
    with db._store.reading() as connection:
        notes = connection.execute("SELECT count(*) FROM retired_1").get
    assert notes == 0
    assert graph(docs) == vicinal.GraphStats(N - 30, 0, 0)


def test_what_came_and_went_unseen_leaves_nothing_behind(path, rng) -> None:
    with vicinal.open(path) as db:
        docs = db.collection("docs", dim=DIM, metric="l2", if_missing="create")
        docs.count()
        with db.transaction():  # the graph's maker sees what it left, and no more
            docs.upsert(range(N), rng.normal(size=(N, DIM)))
            docs.delete(range(30))
        docs.compact()
        with db._store.reading() as connection:
            assert connection.execute("SELECT count(*) FROM retired_1").get == 0
    with vicinal.open(path, mode="r") as db:
        assert graph(db.collection("docs")) == vicinal.GraphStats(N - 30, 0, 0)
