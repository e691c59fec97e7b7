"""Makes the golden database of the present format, if it is not there yet: `make golden`.

One that is there is never touched: once released, it has to be readable for ever.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import sys
import uuid
from pathlib import Path
from typing import Any

import numpy as np

import vicinal
from vicinal.records.schema import VERSION

FOLDER = Path(__file__).with_name("golden") / "databases"
DATABASE, SAID = "shop.db", "said.json"

VECTORS = {
    "title": {"dim": 3, "metric": "cosine", "dtype": "f32"},
    "body text": {"dim": 4, "metric": "l2", "dtype": "f16", "layout": "fast"},
    "small": {"dim": 5, "metric": "ip", "dtype": "i8"},
    "bits": {"dim": 11, "metric": "hamming", "dtype": "bits"},
}
THIRD = dt.datetime(2024, 5, 3, tzinfo=dt.timezone.utc)
IDS = ["a", "ü😀", "1", 1, -(2**63), uuid.UUID(int=7), *(f"doc-{i}" for i in range(30))]


def make(path: Path) -> None:
    """A database with something of everything: retired records, too, and some not in a graph."""
    rng = np.random.default_rng(1)

    def rows(count: int) -> dict[str, Any]:
        return {
            "title": rng.normal(size=(count, 3)),
            "body text": rng.integers(-9, 10, size=(count, 4)),
            "small": rng.integers(-99, 100, size=(count, 5)),
            "bits": rng.integers(0, 2, size=(count, 11)) > 0,
        }

    verbs = ("runs", "walks", "swims", "rests")
    payloads = [
        {
            "n": i,
            "cat": "xyz"[i % 3],
            "at": f"2024-05-{1 + i % 28:02d}T10:00:00Z",
            "body": f"{verbs[i % 4]} daily",
        }
        for i in range(len(IDS))
    ]
    with vicinal.open(path) as db:
        docs = db.collection(
            "docs",
            vectors=VECTORS,
            text=["body"],
            tokenizer="porter",
            fields={"n": "number", "cat": "keyword", "at": "datetime"},
            if_missing="create",
        )
        docs.upsert(IDS, rows(len(IDS)), payloads)
        docs.delete(["doc-3"])
        docs.compact()
        docs.upsert(["doc-4", "late"], rows(2), [None, {"deep": {"a": [1, None, "ß"]}}])
        docs.upsert(["no title"], {"bits": [[True] * 11]})
        plain = db.collection("plain", dim=2, metric="sqeuclidean", dtype="u8", if_missing="create")
        plain.upsert([1, 2], [[1, 2], [3, 4]])
        db.collection("dropped", dim=2, if_missing="create")
        db.drop("dropped")


def said(path: Path) -> dict[str, Any]:
    """What a database says when it is asked, as JSON can hold it."""
    told: dict[str, Any] = {}
    with vicinal.open(path, mode="r") as db:
        for name in db.collections():
            docs = db.collection(name)
            told[name] = {
                "records": [
                    [
                        type(record.id).__name__,
                        str(record.id),
                        record.payload,
                        {v: row.astype(float).tolist() for v, row in record.vectors.items()},
                    ]
                    for record in docs.scroll(limit=1000, vectors=True).records
                ],
                "nearest": {
                    v: [str(i) for i in docs.search(_query(spec), k=5, using=v, exact=True).ids]
                    for v, spec in docs.spec.vectors.items()
                },
                "graphs": {v: graph.vectors for v, graph in docs.stats().graphs.items()},
            }
        docs = db.collection("docs")
        told["words"] = sorted(str(i) for i in docs.text("running", k=50).ids)
        told["filtered"] = sorted(str(r.id) for r in docs.scroll(filter={"cat": "x"}).records)
        told["counted"] = docs.count(filter={"n": {"$lt": 9}, "at": {"$gte": THIRD}})
    return told


def _query(spec: Any) -> Any:
    return np.arange(spec.dim) % 3 > 0 if spec.dtype == "bits" else np.arange(spec.dim) + 1


def main() -> None:
    """Make what is missing."""
    folder = FOLDER / str(VERSION)
    if folder.exists():
        return
    folder.mkdir(parents=True)
    path = folder / DATABASE
    make(path)
    told = said(path)
    for name in ("writer.lock", "writer.pid", "records.sqlite-shm", "records.sqlite-wal"):
        (path / name).unlink(missing_ok=True)
    with sqlite3.connect(path / "records.sqlite") as file:
        assert file.execute("PRAGMA user_version").fetchone() == (VERSION,)
    file.close()
    for name in ("records.sqlite-shm", "records.sqlite-wal"):
        (path / name).unlink(missing_ok=True)
    text = json.dumps(told, indent=1, ensure_ascii=False)
    (folder / SAID).write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(f"made {path}\n")


if __name__ == "__main__":
    main()
