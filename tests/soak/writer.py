"""Writes a database in all the ways there are, for so many seconds; tells what it needed.

``python writer.py FOLDER SECONDS``: "begun" when others can read, one line of JSON at the end.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from needs import descriptors, resident

import vicinal
from vicinal.collection.graphs import grower

grower.SMALL, grower.STEP = 1 << 16, 256
DIM, IDS = 32, 2_000

folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
rng = np.random.default_rng(0)


def rows(count: int) -> np.ndarray:
    return rng.normal(size=(count, DIM))


def payloads(ids: list[int], turn: int) -> list[dict[str, object]]:
    return [{"n": i, "turn": turn, "body": f"word{i % 50} of many"} for i in ids]


def pair(docs: vicinal.Collection, turn: int) -> None:
    """Three records that carry the same number."""
    docs.upsert(["a", "b", "c"], rows(3), [{"n": 10**6, "turn": turn, "pair": True}] * 3)


def some(count: int) -> list[int]:
    return [int(i) for i in rng.choice(IDS, count, replace=False)]


def step(db: vicinal.Database, docs: vicinal.Collection, turn: int) -> None:
    ids, gone = some(100), some(20)
    docs.upsert(ids, rows(100), payloads(ids, turn))
    docs.delete(gone)
    with db.transaction():
        docs.upsert(gone, rows(20), payloads(gone, turn))
        pair(docs, turn)
    docs.set_payload(ids[:5], {"seen": turn})
    docs.search(rows(20), k=10)
    docs.search(rows(1)[0], filter={"n": {"$gte": 10}}, group_by="body")
    docs.text("word1", k=3)
    if turn % 3 == 0:
        other = db.collection("other", dim=DIM, text=["body"], if_missing="create")
        other.upsert(range(1_000), rows(1_000), payloads([*range(1_000)], turn))
        other.search(rows(1)[0])
        db.drop("other")
    if turn % 5 == 0:
        copy = db.snapshot(folder / "copy.db")
        vicinal.restore(copy, folder / "again.db")
        with vicinal.open(folder / "again.db") as again:
            assert len(again.collection("docs")) == len(docs)
        shutil.rmtree(copy)
        shutil.rmtree(folder / "again.db")
    if turn % 7 == 0:
        docs.measure_recall(sample=20)


before, held, turn, began = descriptors(), list[int](), 0, time.monotonic()
while turn == 0 or time.monotonic() < began + seconds:
    with vicinal.open(folder / "shop.db") as db:  # a new handle: what the last had goes with it
        docs = db.collection(
            "docs",
            dim=DIM,
            metric="l2",
            text=["body"],
            fields={"n": "number", "pair": "bool"},
            if_missing="create",
        )
        if turn == 0:
            docs.upsert(range(IDS), rows(IDS), payloads([*range(IDS)], 0))
            pair(docs, 0)
            sys.stdout.write("begun\n")
            sys.stdout.flush()
        for _ in range(5):
            turn += 1
            step(db, docs, turn)
        docs.compact()
    held.append(resident())

with vicinal.open(folder / "shop.db") as db:
    sound = db.verify().ok and len(db.collection("docs")) == IDS + 3
told = {
    "turns": turn,
    "sound": sound,
    "resident": held,
    "descriptors": descriptors() - before,
    "files": sorted(p.name for p in (folder / "shop.db").iterdir()),
    "graphs": len(list((folder / "shop.db" / "graphs").iterdir())),
}
sys.stdout.write(json.dumps(told) + "\n")
