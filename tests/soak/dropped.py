"""Makes a collection beside another, uses it and drops it, twice; tells the memory each time."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from needs import resident

import vicinal

folder, count = Path(sys.argv[1]), int(sys.argv[2])
X = np.random.default_rng(0).normal(size=(count, 64)).astype(np.float32)


def use(db: vicinal.Database, name: str) -> None:
    docs = db.collection(name, dim=64, fields={"n": "number"}, if_missing="create")
    docs.upsert(range(count), X, [{"n": i} for i in range(count)])
    docs.compact()
    docs.search(X[:100], k=10)
    docs.search(X[0], filter={"n": {"$lt": 50}})


with vicinal.open(folder / "shop.db") as db:
    use(db, "kept")
    before, told = resident(), []
    for _ in range(2):
        use(db, "dropped")
        most = resident()
        db.drop("dropped")
        told.append([before, most, resident()])
sys.stdout.write(json.dumps(told) + "\n")
