"""Threads and handles beside a writer: every answer is of one state, and none is missed."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

import vicinal
from vicinal.records import store
from vicinal.records.store import Store

DIM = 4
SECONDS = 3.0


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("fields", [None, {"n": "number", "part": "keyword"}])
def test_answers_are_of_one_state_while_graphs_and_records_change(path, rng, fields) -> None:
    base = rng.normal(size=(200, DIM)).astype(np.float32) + 50
    errors: list[BaseException] = []
    ended = threading.Event()
    asked = [0]

    def guarded(work: Any) -> threading.Thread:
        def run() -> None:
            try:
                while not ended.is_set():
                    work()
            except BaseException as error:  # noqa: BLE001 - the test raises it
                errors.append(error)
                ended.set()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    with vicinal.open(path) as db, vicinal.open(path, mode="r") as other:
        docs = db.collection("docs", dim=DIM, metric="l2", fields=fields, if_missing="create")
        docs.upsert(range(100, 300), base, [{"part": "base"}] * 200)
        turn = [0]

        def write() -> None:
            turn[0] += 1
            n = turn[0]
            vectors = rng.normal(size=(3, DIM))  # near the origin, far from all others
            docs.upsert(["a", "b", "c"], vectors, [{"n": n, "part": "abc"}] * 3)
            if n % 3 == 0:
                docs.delete([100 + n % 200])
            if n % 10 == 0:
                docs.compact()

        def ask(seen: Any) -> None:
            hits = seen.search([0] * DIM, k=3)
            assert sorted(hits.ids) == ["a", "b", "c"]
            assert len({payload["n"] for payload in hits.payloads}) == 1
            found = seen.search([0] * DIM, k=5, filter={"part": "abc"})
            assert sorted(found.ids) == ["a", "b", "c"]
            assert len({payload["n"] for payload in found.payloads}) == 1
            asked[0] += 1

        write()
        handles = [docs, docs, other.collection("docs")]
        threads = [guarded(write), *(guarded(lambda s=seen: ask(s)) for seen in handles)]
        ended.wait(SECONDS)
        ended.set()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        assert turn[0] > 3
        assert asked[0] > 3


def test_no_writer_waits_for_readers_to_leave_the_log(path, rng, monkeypatch) -> None:
    monkeypatch.setattr(store, "EMPTYING", 60.0)
    found_readers, real = threading.Event(), Store._emptied

    def emptied(self: Store) -> bool:
        done = real(self)
        if not done:
            found_readers.set()
        return done

    monkeypatch.setattr(Store, "_emptied", emptied)
    with vicinal.open(path) as db, vicinal.open(path, mode="r") as other:
        docs = db.collection("docs", dim=DIM, if_missing="create")
        docs.upsert(range(50), rng.normal(size=(50, DIM)))
        batches = other.collection("docs").export()
        batches.read_next_batch()
        compacting = threading.Thread(target=docs.compact)
        compacting.start()
        assert found_readers.wait(60)
        docs.upsert(["beside"], rng.normal(size=(1, DIM)))
        assert compacting.is_alive()
        assert not list(batches)  # it is done with
        compacting.join()
        assert (path / "records.sqlite-wal").stat().st_size == 0


@pytest.mark.usefixtures("eager")
def test_a_damaged_graph_of_a_small_collection_is_made_anew_by_itself(
    path, rng, monkeypatch
) -> None:
    with vicinal.open(path) as db:
        docs = db.collection("docs", dim=DIM, if_missing="create")
        docs.upsert(range(50), rng.normal(size=(50, DIM)))
        docs.compact()
    (file,) = (path / "graphs").iterdir()
    file.write_bytes(b"")
    monkeypatch.setattr("vicinal.collection.graphs.grower.SMALL", 1 << 30)
    with vicinal.open(path) as db:
        docs = db.collection("docs")
        end = time.monotonic() + 60
        while docs.stats().graphs["vector"].vectors != 50:
            assert time.monotonic() < end
            time.sleep(0.01)
    with vicinal.open(path, mode="r") as db:
        assert db.collection("docs").stats().graphs["vector"] == vicinal.GraphStats(50, 0, 0)
