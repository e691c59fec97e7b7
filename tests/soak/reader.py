"""Reads a database that another process writes, until there is a file "end"."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from needs import descriptors, resident

import vicinal

folder, seed = Path(sys.argv[1]), int(sys.argv[2])
answers, before, held = 0, descriptors(), list[int]()

while not (folder / "end").exists():
    with vicinal.open(folder / "shop.db", mode="r") as db:
        docs = db.collection("docs")
        dim = docs.spec.vectors["vector"].dim
        for _ in range(10):
            answers += 1
            query = [
                (seed + answers * i) % 17 - 8.0 for i in range(docs.spec.vectors["vector"].dim)
            ]
            hits = docs.search(query, k=10)
            assert len(hits) == 10
            assert hits.scores == sorted(hits.scores, reverse=True)
            # What was written together is seen together.
            found = docs.search(query, k=4, filter={"pair": True})
            assert len(found) == 3
            assert len({hit.payload["turn"] for hit in found}) == 1
            few = docs.search(query, filter={"n": {"$lt": 100}})
            assert all(hit.payload["n"] < 100 for hit in few)
            assert docs.text("word7", k=5).ids
    held.append(resident())

told = {"answers": answers, "resident": held, "descriptors": descriptors() - before}
sys.stdout.write(json.dumps(told) + "\n")
