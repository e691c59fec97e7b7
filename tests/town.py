"""A collection to look into: of poor graph, with records retired and others late."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from support import distances, make_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import vicinal

DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)
DIM, N, LATE, K = 24, 900, 60, 6


def name(i: int) -> Any:
    """Ids of each kind."""
    return (f"doc-{i}", i, uuid.UUID(int=i))[i % 3]


def payload(i: int) -> dict[str, Any]:
    return {"cat": "abc"[i % 3], "n": i}


class Town:
    """A collection with a poor graph, retired records in it, and some that it does not have yet."""

    def __init__(self, db: vicinal.Database, rng: np.random.Generator, metric: str, dtype: str):
        self.metric, self.dtype = metric, dtype
        self.rows = make_rows(rng, dtype, N, DIM)
        if dtype == "bits":
            self.rows = rng.random((N, DIM)) < 0.5
        how = {"dim": DIM, "metric": metric, "dtype": dtype, "M": 2, "ef_construction": 4}
        self.docs = db.collection("town", vectors={"vector": how}, if_missing="create")
        self.put(range(N - LATE))
        self.docs.compact()
        self.put(range(N - LATE, N))
        self.gone = [*range(0, N, 10), N - 1]
        self.docs.delete([name(i) for i in self.gone])
        self.put(range(1, 40, 4))  # replaced by themselves: now late
        self.late = {*range(N - LATE, N), *range(1, 40, 4)} - {*self.gone}
        self.number = {name(i): i for i in range(N)}

    def put(self, some: range) -> None:
        self.docs.upsert([name(i) for i in some], self.rows[some], [payload(i) for i in some])

    def true(self, query: NDArray[Any]) -> NDArray[np.float64]:
        """Distances, inf for what is gone."""
        true = distances(self.metric, self.dtype, query[None], self.rows)[0]
        true[self.gone] = np.inf
        return true


def told(drawn: vicinal.map.CityMap) -> dict[str, Any]:
    """What the page of a map is given to draw."""
    match = DATA.search(drawn.html)
    assert match
    return json.loads(match[1])
