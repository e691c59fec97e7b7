"""Any history of a collection, against a dict and numpy: here, reopened, and in another handle."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import vicinal
from vicinal import field as f
from vicinal.collection.graphs import builder, grower

DIM = 3
IDS = st.one_of(st.integers(0, 12), st.sampled_from(["a", "1", "ü", "😀", "O'Brien"]))
PAYLOADS = st.fixed_dictionaries(
    {},
    optional={"n": st.integers(0, 5), "cat": st.sampled_from("xyz"), "deep": st.just({"a": [1]})},
)
CONDITIONS = [
    (f.n >= 2, lambda p: p.get("n", -1) >= 2),
    ({"cat": "x"}, lambda p: p.get("cat") == "x"),
    (
        f.cat.is_in(["y", "z"]) & ~f.deep.exists(),
        lambda p: p.get("cat") in ("y", "z") and "deep" not in p,
    ),
]


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / "test.db"
        # Graphs of a few vectors, made by a thread of its own.
        self._patches = [
            mock.patch.object(grower, "SMALL", 1),
            mock.patch.object(grower, "STEP", 4),
            mock.patch.object(builder, "PAUSE", 0.0),
        ]
        for patch in self._patches:
            patch.start()
        self.held: dict[Any, tuple[dict[str, Any], np.ndarray]] = {}
        self.number = 0

    @initialize(
        metric=st.sampled_from(["l2", "cosine", "ip"]),
        dtype=st.sampled_from(["f32", "i8"]),
        fields=st.sampled_from([None, {"n": "number", "cat": "keyword", "deep": "keyword"}]),
    )
    def begin(self, metric: str, dtype: str, fields: dict[str, str] | None) -> None:
        self.metric = metric
        self.db = vicinal.open(self._path)
        self.docs = self.db.collection(
            "docs", dim=DIM, metric=metric, dtype=dtype, fields=fields, if_missing="create"
        )
        self.reader = vicinal.open(self._path, mode="r")

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.reader.close()
            self.db.close()
        for patch in self._patches:
            patch.stop()
        self._folder.cleanup()

    def vectors(self, count: int) -> np.ndarray:
        """Vectors that no other records have, so that every answer has one order."""
        self.number += count
        rng = np.random.default_rng(self.number)
        return rng.integers(-120, 121, size=(count, DIM)) | 1

    @rule(ids=st.lists(IDS, max_size=9, unique=True), payload=PAYLOADS)
    def upsert(self, ids: list[Any], payload: dict[str, Any]) -> None:
        rows = self.vectors(len(ids))
        payloads = [{**payload, "i": i} for i in range(len(ids))]
        assert self.docs.upsert(ids, rows, payloads) == len(ids)
        self.held.update(zip(ids, zip(payloads, rows, strict=True), strict=True))

    @rule(ids=st.lists(IDS, max_size=4))
    def delete(self, ids: list[Any]) -> None:
        there = {i for i in ids if i in self.held}
        assert self.docs.delete(ids) == len(there)
        for i in there:
            del self.held[i]

    @rule(which=st.sampled_from(CONDITIONS))
    def delete_where(self, which: Any) -> None:
        condition, true = which
        gone = [i for i, (payload, _) in self.held.items() if true(payload)]
        assert self.docs.delete(filter=condition) == len(gone)
        for i in gone:
            del self.held[i]

    @rule(payload=PAYLOADS, replace=st.booleans())
    def set_payload(self, payload: dict[str, Any], replace: bool) -> None:
        ids = list(self.held)[:3]
        self.docs.set_payload(ids, payload, replace=replace)
        for i in ids:
            old, row = self.held[i]
            self.held[i] = (payload if replace else {**old, **payload}, row)

    @rule(ids=st.lists(IDS, min_size=1, max_size=4, unique=True))
    def give_up(self, ids: list[Any]) -> None:
        try:
            with self.db.transaction():
                self.docs.upsert(ids, self.vectors(len(ids)))
                self.docs.delete(list(self.held))
                assert len(self.docs.search([1, 1, 1], k=99)) == len(set(ids) - set(self.held))
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass

    @rule()
    def compact(self) -> None:
        self.docs.compact()
        graph = self.docs.stats().graphs["vector"]
        assert graph == vicinal.GraphStats(len(self.held), 0, 0)

    @rule()
    def reopen(self) -> None:
        self.db.close()
        self.db = vicinal.open(self._path)
        self.docs = self.db.collection("docs")

    @invariant()
    def all_handles_agree_with_the_model(self) -> None:
        if not hasattr(self, "db"):
            return
        for docs in (self.docs, self.reader.collection("docs")):
            records = docs.scroll(limit=1000, vectors=True).records
            assert {(type(r.id), r.id) for r in records} == {(type(i), i) for i in self.held}
            assert len(docs) == len(records) == len(self.held)
            for record in records:
                payload, row = self.held[record.id]
                assert record.payload == payload
                assert (record.vectors["vector"] == row).all()
            query = np.array([3.0, -40.0, 7.0])
            self.search(docs, query, None, lambda _: True)
            for condition, true in CONDITIONS:
                matches = sum(true(payload) for payload, _ in self.held.values())
                assert docs.count(filter=condition) == matches
                self.search(docs, query, condition, true)

    def search(self, docs: Any, query: np.ndarray, condition: Any, true: Any) -> None:
        matches = {i: row for i, (payload, row) in self.held.items() if true(payload)}
        measured = sorted(self.distance(query, row) for row in matches.values())
        for k in (2, 50):
            hits = docs.search(query, k=k, filter=condition, ef_search=100)
            assert np.allclose(hits.distances, measured[:k], rtol=1e-4, atol=1e-4)
            assert all(hit.payload == self.held[hit.id][0] for hit in hits)
            assert hits.recall_estimate is None or hits.recall_estimate.exact
        # Between two distances, so that rounding can't decide.
        for place in {0, len(measured) // 2, len(measured)}:
            ends = [-1e6 if self.metric == "ip" else 0.0, *measured, 1e6]
            radius = (ends[place] + ends[place + 1]) / 2
            within = [far for far in measured if far <= radius]
            for limit in (None, 2):
                hits = docs.search_radius(query, radius, limit=limit, filter=condition)
                assert np.allclose(hits.distances, within[:limit], rtol=1e-4, atol=1e-4)
                assert hits.recall_estimate.exact
        chosen = docs.search(query, k=3, filter=condition, mmr=0.4, ef_search=100)
        assert np.allclose(
            chosen.distances, self.varied(query, matches, 3, 0.4), rtol=1e-4, atol=1e-4
        )

    def varied(
        self, query: np.ndarray, matches: dict[Any, np.ndarray], k: int, share: float
    ) -> list[float]:
        """The distances of k answers chosen by maximal marginal relevance."""
        left = sorted(matches.values(), key=lambda row: self.distance(query, row))[: 4 * k]
        chosen: list[np.ndarray] = []

        def worth(row: np.ndarray) -> float:
            near = min(self.distance(row.astype(float), other) for other in chosen)
            return (1 - share) * self.distance(query, row) - share * near

        while left and len(chosen) < k:
            best = min(range(len(left)), key=lambda i: worth(left[i])) if chosen else 0
            chosen.append(left.pop(best))
        return [self.distance(query, row) for row in chosen]

    def distance(self, query: np.ndarray, row: np.ndarray) -> float:
        if self.metric == "l2":
            return float(np.linalg.norm(query - row))
        product = float(query @ row)
        if self.metric == "ip":
            return -product
        return 1 - product / float(np.linalg.norm(query) * np.linalg.norm(row))


TestCollection = Machine.TestCase
TestCollection.settings = settings(
    max_examples=max(12, settings.default.max_examples // 5), stateful_step_count=15, deadline=None
)
