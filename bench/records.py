"""What a database costs beside SQLite itself: bulk loads, single upserts, opening, searching.

SQLite's own rate is that of one table with the same bytes in each row, on the same disk, with the
same durability, measured in turns with Vicinal's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import numpy as np

import vicinal
from vicinal.records.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


REPLACE = "INSERT OR REPLACE INTO t VALUES (?, ?)"


def seconds(work: Callable[[], Any]) -> float:
    """How long a piece of work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def plain(file: Path) -> apsw.Connection:
    """A table of SQLite with the durability that Vicinal has."""
    connection = apsw.Connection(str(file))
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "FULL")
    connection.execute("CREATE TABLE t(n INTEGER PRIMARY KEY, row BLOB)")
    return connection


def bulk(folder: Path, X: np.ndarray, turn: int) -> tuple[float, float, float]:
    """Records a second of a load into a fresh collection until committed, and of SQLite.

    And those a second of processor time, which other work on the machine does not change so much.
    """
    n, ids = len(X), [f"doc-{i * 2654435761 % 2**32:08x}" for i in range(len(X))]
    payloads = [{"cat": f"c{i % 10}", "year": 2000 + i % 25} for i in range(n)]
    with vicinal.open(folder / f"bulk-{turn}.db") as db:
        docs = db.collection("docs", dim=X.shape[1], if_missing="create")
        began = time.process_time()
        ours = n / seconds(lambda: docs.upsert(ids, X, payloads))
        busy = n / (time.process_time() - began)
    connection = plain(folder / f"bulk-{turn}.sqlite")
    rows = [(i, X[i].tobytes() + bytes(60)) for i in range(n)]

    def load() -> None:
        with connection:
            connection.executemany("INSERT INTO t VALUES (?, ?)", rows)

    theirs = n / seconds(load)
    connection.close()
    shutil.rmtree(folder / f"bulk-{turn}.db")
    (folder / f"bulk-{turn}.sqlite").unlink()
    return ours, theirs, busy


def single(folder: Path, X: np.ndarray, count: int) -> tuple[float, float]:
    """Milliseconds of a durable upsert of one record, and of one commit of SQLite, in turns."""
    ours, theirs = [], []
    connection = plain(folder / "single.sqlite")
    with vicinal.open(folder / "single.db") as db:
        docs = db.collection("docs", dim=X.shape[1], if_missing="create")
        docs.upsert(range(10_000), X[:10_000])
        docs.compact()  # what a write costs while a graph is made is measured apart
        for i in range(count):
            ours.append(seconds(lambda i=i: docs.upsert([i * 7], X[i : i + 1], [{"i": i}])))
            row = X[i].tobytes()
            theirs.append(
                seconds(
                    lambda i=i, row=row: connection.execute("INSERT INTO t VALUES (?, ?)", (i, row))
                )
            )
    connection.close()
    return statistics.median(ours) * 1e3, statistics.median(theirs) * 1e3


def held_by_builder() -> list[float]:
    """Collect for how long the thread that makes graphs has the writers' turn, each time."""
    held, writing = [], Store.writing

    @contextlib.contextmanager
    def timed(store: Store) -> Iterator[Any]:
        with writing(store) as connection:
            began = time.perf_counter()
            yield connection
        if threading.current_thread().name == "vicinal-builder":
            held.append(time.perf_counter() - began)

    Store.writing = timed  # type: ignore[method-assign]
    return held


def reading(folder: Path, X: np.ndarray, writes: int) -> dict[str, Any]:
    """Single writes while the graph is made, and after, beside SQLite's; opening, searching."""
    path, held = folder / "reading.db", held_by_builder()
    connection = plain(folder / "beside.sqlite")
    told: dict[str, Any] = {}

    def write(docs: Any, name: str, more: Callable[[int], bool]) -> None:
        ours, theirs = [], []
        while more(len(ours)):
            i = len(ours)
            ours.append(seconds(lambda i=i: docs.upsert([-1 - i % 100], X[i : i + 1])))
            row = X[i].tobytes()
            theirs.append(seconds(lambda i=i, row=row: connection.execute(REPLACE, (i, row))))
        told[f"write_ms_{name}"] = spread(ours)
        told[f"commit_ms_{name}_sqlite"] = spread(theirs)

    with vicinal.open(path) as db:
        docs = db.collection("docs", dim=X.shape[1], if_missing="create")
        docs.upsert(range(len(X)), X, [{"n": i} for i in range(len(X))])
        began = time.perf_counter()

        def building(done: int) -> bool:
            # Looked at now and then: a pause before each write made its sync half as long again.
            return done < writes and (done % 50 > 0 or docs.stats().graphs["vector"].rows > 0)

        write(docs, "while_building", building)
        while docs.stats().graphs["vector"].rows > 1000:
            time.sleep(0.1)
        told["graph_s"] = round(time.perf_counter() - began, 1)
        docs.compact()
        told["builder_held_writers_ms_longest"] = round(max(held) * 1e3, 2)
        write(docs, "after", lambda done: done < min(writes, 1000))
    connection.close()

    def opened(mode: str) -> float:
        with contextlib.ExitStack() as stack:
            return seconds(
                lambda: stack.enter_context(vicinal.open(path, mode=mode)).collection("docs")
            )

    def first() -> None:
        with vicinal.open(path, mode="r") as db:
            db.collection("docs").search(X[0])

    for mode in ("w", "r"):
        told[f"open_{mode}_ms"] = spread([opened(mode) for _ in range(5)])
    told["open_search_close_ms"] = spread([seconds(first) for _ in range(5)])
    with vicinal.open(path, mode="r") as db:
        docs = db.collection("docs")
        told["search_ms"] = spread([seconds(lambda q=q: docs.search(q)) for q in X[:500]])
    return told


def spread(times: list[float]) -> dict[str, float]:
    """Median, 99th of a hundred and the worst, in milliseconds."""
    at = np.quantile(times, [0.5, 0.99, 1.0]) * 1e3
    return dict(zip(("p50", "p99", "max"), at.round(3).tolist(), strict=True))


def main() -> None:
    """Measure, and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="records of the bulk load")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--turns", type=int, default=3, help="of the bulk load")
    parser.add_argument("--writes", type=int, default=2000, help="single ones while building")
    parser.add_argument("--folder", type=Path, help="where; by default a temporary folder")
    asked = parser.parse_args()
    X = np.random.default_rng(0).normal(size=(asked.count, asked.dim)).astype(np.float32)
    folder = Path(tempfile.mkdtemp(dir=asked.folder))
    try:
        loads = [bulk(folder, X, turn) for turn in range(asked.turns)]
        ours, theirs = single(folder, X, 500)
        told = {
            "records": asked.count,
            "dim": asked.dim,
            "bulk_per_second": [round(own) for own, _, _ in loads],
            "bulk_per_second_sqlite": [round(other) for _, other, _ in loads],
            "bulk_per_processor_second": [round(busy) for _, _, busy in loads],
            "load_of_machine": round(os.getloadavg()[0], 1),
            "single_upsert_ms": round(ours, 3),
            "single_commit_ms_sqlite": round(theirs, 3),
            **reading(folder, X, asked.writes),
        }
    finally:
        shutil.rmtree(folder)
    json.dump(told, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
