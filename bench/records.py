"""What a database costs beside SQLite itself: bulk loads, single upserts, opening, searching.

SQLite's own rate is that of one table with the same bytes in each row, on the same disk, with the
same durability, measured in turns with Vicinal's.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import numpy as np

import vicinal

if TYPE_CHECKING:
    from collections.abc import Callable


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


def bulk(folder: Path, X: np.ndarray, turn: int) -> tuple[float, float]:
    """Records a second of a load into a fresh collection until committed, and of SQLite."""
    n, ids = len(X), [f"doc-{i * 2654435761 % 2**32:08x}" for i in range(len(X))]
    payloads = [{"cat": f"c{i % 10}", "year": 2000 + i % 25} for i in range(n)]
    with vicinal.open(folder / f"bulk-{turn}.db") as db:
        docs = db.collection("docs", dim=X.shape[1], if_missing="create")
        ours = n / seconds(lambda: docs.upsert(ids, X, payloads))
    connection = plain(folder / f"bulk-{turn}.sqlite")
    rows = [(i, X[i].tobytes() + bytes(60)) for i in range(n)]

    def load() -> None:
        with connection:
            connection.executemany("INSERT INTO t VALUES (?, ?)", rows)

    theirs = n / seconds(load)
    connection.close()
    return ours, theirs


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


def reading(folder: Path, X: np.ndarray) -> dict[str, float]:
    """Milliseconds to open and search once, and of a search after that, over a finished graph."""
    path = folder / "reading.db"
    with vicinal.open(path) as db:
        docs = db.collection("docs", dim=X.shape[1], if_missing="create")
        docs.upsert(range(len(X)), X, [{"n": i} for i in range(len(X))])
        # Searches and writes while the graph is made: the worst write is what makers may cost.
        held = []
        while docs.stats().graphs["vector"].rows > 0 and len(held) < 2000:
            held.append(seconds(lambda: docs.upsert([-1], X[:1])))
        docs.compact()

    def first() -> None:
        with vicinal.open(path, mode="r") as db:
            db.collection("docs").search(X[0])

    opened = seconds(first)
    with vicinal.open(path, mode="r") as db:
        docs = db.collection("docs")
        each = [seconds(lambda q=q: docs.search(q)) for q in X[:500]]
    return {
        "open_and_search_ms": opened * 1e3,
        "search_p50_ms": statistics.median(each) * 1e3,
        "write_while_building_p50_ms": statistics.median(held) * 1e3,
        "write_while_building_max_ms": max(held) * 1e3,
    }


def main() -> None:
    """Measure, and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="records of the bulk load")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--turns", type=int, default=3)
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
            "bulk_per_second": [round(own) for own, _ in loads],
            "bulk_per_second_sqlite": [round(other) for _, other in loads],
            "single_upsert_ms": ours,
            "single_commit_ms_sqlite": theirs,
            **reading(folder, X),
        }
    finally:
        shutil.rmtree(folder)
    json.dump(told, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
