"""A search finds what is there and nothing else, whatever the graph has of it by then."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vicinal
from support import SPACES, distances, make_rows
from vicinal import field as f

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

N, DIM = 600, 16

pytestmark = pytest.mark.usefixtures("eager")


def payloads(n: int) -> list[dict[str, Any]]:
    return [{"n": i, "even": i % 2 == 0, "cat": "abcde"[i % 5]} for i in range(n)]


def wait_until(true: Callable[[], bool]) -> None:
    """The graph comes in its own time; a minute of it is an error."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def nearest(X: NDArray[Any], q: NDArray[Any], ids: list[int], k: int) -> list[int]:
    order = np.argsort(((X[ids] - q) ** 2).sum(1), kind="stable")
    return [ids[i] for i in order[:k]]


@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_every_space_is_searched_with_and_without_a_graph(db, rng, metric, dtype) -> None:
    docs = db.collection("docs", dim=20, metric=metric, dtype=dtype, if_missing="create")
    rows = make_rows(rng, dtype, 300, 20)
    docs.upsert(range(200), rows[:200])
    docs.compact()
    assert docs.stats().graphs["vector"].vectors == 200
    docs.upsert(range(200, 300), rows[200:])
    queries = make_rows(rng, dtype, 5, 20)
    truth = distances(metric, dtype, queries, rows)
    for exact in (True, False):
        for query, hits in enumerate(docs.search(queries, k=10, exact=exact, ef_search=300)):
            true = np.sort(truth[query])[:10]
            assert np.allclose(hits.distances, true, rtol=2e-3, atol=2e-3)
            assert hits.scores == sorted(hits.scores, reverse=True)
            assert np.allclose(truth[query][hits.ids], hits.distances, rtol=2e-3, atol=2e-3)


def test_hits_have_ids_payloads_and_columns(db) -> None:
    docs = db.collection("docs", dim=2, metric="cosine", if_missing="create")
    docs.upsert(["x", "y", "xy"], [[1, 0], [0, 1], [1, 1]], [{"n": 0}, None, {"n": 2}])
    hits = docs.search([1, 0], k=2)
    assert hits.ids == ["x", "xy"]
    assert hits[0] == vicinal.Hit("x", 1.0, 0.0, {"n": 0})
    assert hits[1].score == pytest.approx(2**-0.5)
    assert hits[:1].payloads == [{"n": 0}]
    assert docs.search([1, 0], k=9, payloads=False).payloads == [None] * 3
    assert [h.ids for h in docs.search([[1, 0], [0, 1]], k=1)] == [["x"], ["y"]]
    assert docs.search(np.empty((0, 2)), k=1) == []


def test_an_empty_collection_answers_with_nothing(db) -> None:
    docs = db.collection("docs", dim=2, if_missing="create")
    assert docs.search([1, 0]).ids == []
    docs.upsert(["a"], [[1, 0]])
    docs.compact()
    docs.delete(["a"])
    assert docs.search([1, 0]).ids == []
    docs.compact()
    assert docs.search([1, 0], filter={"a": 1}).ids == []


FILTERS = {
    "few": f.n < 7,
    "none": f.n < 0,
    "half": {"even": True},
    "most": ~(f.cat == "a"),
    "all": f.n >= 0,
    "both": (f.cat == "c") & f.n.between(100, 400),
}


@pytest.mark.parametrize("condition", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("graph", [False, True])
def test_filtered_answers_are_those_of_brute_force(db, rng, condition, graph) -> None:
    X = rng.normal(size=(N, DIM)).astype(np.float32)
    docs = db.collection("docs", dim=DIM, metric="l2", if_missing="create")
    docs.upsert(range(N), X, payloads(N))
    if graph:
        docs.compact()
        assert docs.stats().graphs["vector"].rows == 0
    docs.delete(filter=f.n.is_in([0, 1, 2, 300]))
    matches = [i for i in range(N) if docs.count(filter={"$and": [{"n": i}, to_dict(condition)]})]
    for q in rng.normal(size=(5, DIM)).astype(np.float32):
        hits = docs.search(q, k=10, filter=condition, ef_search=400)
        assert hits.ids == nearest(X, q, matches, 10)
    assert docs.count(filter=condition) == len(matches)


def to_dict(condition: Any) -> Any:
    return condition if isinstance(condition, dict) else condition.to_dict()


def test_writes_are_found_at_once_and_what_was_retired_is_not(db, rng) -> None:
    X = rng.normal(size=(N, DIM)).astype(np.float32)
    docs = db.collection("docs", dim=DIM, metric="l2", if_missing="create")
    docs.upsert(range(N), X)
    docs.compact()
    for i in range(0, 200, 3):
        docs.upsert([i], X[i : i + 1] + 100)
        assert docs.search(X[i] + 100, k=1).ids == [i]
        assert docs.search(X[i], k=1).ids != [i]
        docs.delete([i + 1])
        assert docs.search(X[i + 1], k=1).ids != [i + 1]
    everything = docs.search(X[0], k=N)
    assert sorted(everything.ids) == [i for i in range(N) if i % 3 != 1 or i > 199]


def test_the_graph_follows_in_the_background_and_is_there_after_opening(path, rng) -> None:
    X = rng.normal(size=(N, DIM)).astype(np.float32)
    with vicinal.open(path) as db:
        docs = db.collection("docs", dim=DIM, metric="l2", if_missing="create")
        docs.upsert(range(N), X)
        wait_until(lambda: docs.stats().graphs["vector"].rows == 0)
        docs.upsert(range(N), X)
        wait_until(lambda: docs.stats().graphs["vector"] == vicinal.GraphStats(N, 0, 0))
    for mode in ("r", "w"):
        with vicinal.open(path, mode=mode) as db:
            docs = db.collection("docs")
            assert docs.stats().graphs["vector"].vectors == N
            assert docs.search(X[5], k=1).ids == [5]
    assert len(list((path / "graphs").iterdir())) == 1


def test_a_transaction_sees_its_own_writes_and_others_do_not(db, rng) -> None:
    X = rng.normal(size=(N, DIM)).astype(np.float32)
    docs = db.collection("docs", dim=DIM, metric="l2", if_missing="create")
    docs.upsert(range(N), X)
    docs.compact()

    def turn() -> None:
        with db.transaction():
            docs.upsert(["new"], X[:1] + 0.001)
            docs.delete([0])
            assert docs.search(X[0], k=1).ids == ["new"]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        turn()
    assert docs.search(X[0], k=1).ids == [0]
    docs.upsert(["other"], X[:1] + 50)  # takes the slot that was rolled back
    assert docs.search(X[0], k=1).ids == [0]
    assert docs.search(X[0] + 50, k=1).ids == ["other"]


def test_a_reader_follows_graphs_and_rows(path, rng) -> None:
    X = rng.normal(size=(N, DIM)).astype(np.float32)
    with vicinal.open(path) as db, vicinal.open(path, mode="r") as other:
        docs = db.collection("docs", dim=DIM, metric="l2", if_missing="create")
        seen = other.collection("docs")
        for turn in range(4):
            ids = range(turn * 100, turn * 100 + 200)
            docs.upsert(ids, X[ids] + turn)
            docs.delete([turn])
            if turn % 2:
                docs.compact()
            for i in (turn * 100 + 5, turn * 100 + 150):
                assert seen.search(X[i] + turn, k=1).ids == [i]
            hits = seen.search(X[turn], k=N)
            assert sorted(hits.ids) == list(range(turn + 1, turn * 100 + 200))


def test_several_vectors_are_searched_by_name(db, rng) -> None:
    both = {"title": {"dim": 4, "metric": "l2"}, "body": {"dim": 8, "metric": "ip"}}
    docs = db.collection("docs", vectors=both, if_missing="create")
    X, Y = rng.normal(size=(50, 4)), rng.normal(size=(50, 8))
    docs.upsert(range(50), {"title": X, "body": Y})
    docs.upsert(range(50, 60), {"title": X[:10] + 9})
    docs.compact()
    assert docs.search(X[3], k=1, using="title").ids == [3]
    assert docs.search(X[3] + 9, k=1, using="title").ids == [53]
    assert docs.search(Y[3], k=1, using="body").ids == [int(np.argmax(Y @ Y[3]))]
    assert len(docs.search(Y[3], k=100, using="body")) == 50
    with pytest.raises(vicinal.InvalidInputError, match="say which by using="):
        docs.search(X[3])
    with pytest.raises(vicinal.InvalidInputError, match="no vectors named 'other'"):
        docs.search(X[3], using="other")


@pytest.mark.parametrize("harm", ["flip", "cut", "remove", "foreign", "another's"])
def test_a_damaged_graph_costs_time_and_nothing_else(path, rng, caplog, harm) -> None:
    X = rng.normal(size=(N, DIM)).astype(np.float32)
    with vicinal.open(path) as db:
        docs = db.collection("docs", dim=DIM, metric="l2", if_missing="create")
        docs.upsert(range(N), X)
        docs.compact()
    (file,) = (path / "graphs").iterdir()
    content = bytearray(file.read_bytes())
    if harm == "flip":
        for at in range(5000, len(content), 4096):
            content[at] ^= 1
        file.write_bytes(content)
    elif harm == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif harm == "remove":
        file.unlink()
    elif harm == "foreign":
        file.write_text("not an index")
    else:
        stranger = vicinal.Index(DIM, "l2")
        stranger.add(X[: N - 1])
        stranger.save(file)
    for mode in ("r", "w"):
        with vicinal.open(path, mode=mode) as db:
            docs = db.collection("docs")
            for i in range(0, N, 40):
                assert docs.search(X[i], k=1).ids == [i]
            if mode == "w":
                docs.compact()
    assert "graph of 'vector'" in caplog.text
    with vicinal.open(path, mode="r") as db:
        assert db.collection("docs").stats().graphs["vector"] == vicinal.GraphStats(N, 0, 0)
        assert db.collection("docs").search(X[7], k=1).ids == [7]


def test_a_damaged_vector_is_left_out(path, rng, caplog) -> None:
    X = rng.normal(size=(20, DIM)).astype(np.float32)
    with vicinal.open(path) as db:
        db.collection("docs", dim=DIM, metric="l2", if_missing="create").upsert(range(20), X)
    with sqlite3.connect(path / "records.sqlite") as shell:
        shell.execute("UPDATE vectors_1 SET vector = zeroblob(64) WHERE slot = 3")
        shell.execute("UPDATE records_1 SET payload = '{}' WHERE slot = 5")
    shell.close()
    with vicinal.open(path) as db:
        docs = db.collection("docs")
        for graph in (False, True):
            hits = docs.search(X[2], k=20, filter=None if graph else {"a": {"$exists": False}})
            assert sorted(hits.ids) == [i for i in range(20) if i not in (2, 4)]
            docs.compact()
    assert "slots [3]" in caplog.text
    assert "slot 5" in caplog.text


def test_stray_files_of_a_killed_writer_are_swept(path, db) -> None:
    docs = db.collection("docs", dim=2, if_missing="create")
    docs.upsert(["a"], [[1, 0]])
    docs.compact()
    stray = path / "graphs" / "1-dead.vicinal"
    stray.write_bytes(b"half")
    db.close()
    with vicinal.open(path):
        assert not stray.exists()
        assert len(list((path / "graphs").iterdir())) == 1


def test_a_dropped_collection_is_gone_from_searches_memory_and_disk(path, rng) -> None:
    with vicinal.open(path) as db, vicinal.open(path, mode="r") as other:
        docs = db.collection("docs", dim=DIM, if_missing="create")
        docs.upsert(range(N), rng.normal(size=(N, DIM)))
        docs.compact()
        seen = other.collection("docs")
        assert len(seen.search(np.ones(DIM), k=5)) == 5
        db.drop("docs")
        assert list((path / "graphs").iterdir()) == []
        for gone in (docs, seen):
            for call in (lambda c=gone: c.search(np.ones(DIM)), gone.stats, gone.count):
                with pytest.raises(vicinal.NotFoundError, match="was dropped"):
                    call()
        with pytest.raises(vicinal.NotFoundError, match="was dropped"):
            docs.compact()


def test_compact_gives_space_back(path, rng) -> None:
    with vicinal.open(path) as db:
        docs = db.collection("docs", dim=64, if_missing="create")
        docs.upsert(range(2000), rng.normal(size=(2000, 64)))
        docs.compact()
        full = (path / "records.sqlite").stat().st_size
        docs.delete(range(1900))
        docs.compact()
        assert (path / "records.sqlite").stat().st_size < full / 4
        assert docs.stats() == vicinal.CollectionStats(
            100, {"vector": vicinal.GraphStats(100, 0, 0)}
        )


def test_compact_is_refused_where_it_can_not_be(path, db) -> None:
    docs = db.collection("docs", dim=2, if_missing="create")
    with (
        db.transaction(),
        pytest.raises(vicinal.InvalidInputError, match="not within a transaction"),
    ):
        docs.compact()
    with vicinal.open(path, mode="r") as other, pytest.raises(vicinal.ReadOnlyError):
        other.collection("docs").compact()


@pytest.mark.parametrize("graph", [False, True])
def test_of_each_group_the_nearest_is_given(db, rng, graph) -> None:
    X = rng.normal(size=(N, DIM)).astype(np.float32)
    docs = db.collection("docs", dim=DIM, metric="l2", if_missing="create")
    # Values that Python takes for equal are different ones of JSON.
    parts = [1, True, "1", None, ["a"], {"b": 2}]
    docs.upsert(
        range(N), X, [{"doc": {"part": parts[i % 7]} if i % 7 < 6 else 0} for i in range(N)]
    )
    if graph:
        docs.compact()
    q = X[0] + 0.1
    order = nearest(X, q, list(range(N)), N)
    first = [next(i for i in order if i % 7 == part) for part in range(6)]
    expected = sorted(first, key=order.index)
    for k in (3, 6, 50):
        hits = docs.search(q, k=k, group_by="doc.part", ef_search=N)
        assert hits.ids == expected[:k]
        assert hits[0].payload == {"doc": {"part": parts[hits[0].id % 7]}}
    two = docs.search([q, X[1]], k=2, group_by="doc.part", payloads=False, ef_search=N)
    assert [len(hits) for hits in two] == [2, 2]
    assert two[0].payloads == [None, None]
    assert docs.search(q, k=2, group_by="nothing").ids == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"vector": [1, 2]}, "2 components"),
        ({"vector": [np.nan] * 4}, "NaN"),
        ({"vector": [0] * 4}, "zero vector"),
        ({"vector": ["a"] * 4}, "must be numbers"),
        ({"k": 0}, "k must be from 1"),
        ({"k": True}, "k must be an integer"),
        ({"ef_search": 0}, "ef_search"),
        ({"filter": {"a": {"$gtt": 1}}}, r"\$gtt"),
        ({"filter": "a = 1"}, "filter"),
        ({"exact": "yes"}, "exact"),
    ],
)
@pytest.mark.parametrize("held", [0, 3])
def test_bad_questions_are_refused(db, wrong, message, held) -> None:
    docs = db.collection("docs", dim=4, if_missing="create")
    docs.upsert(range(held), np.eye(4)[:held])
    with pytest.raises((vicinal.InvalidInputError, vicinal.InvalidTypeError), match=message):
        docs.search(**{"vector": [1, 0, 0, 0], **wrong})
