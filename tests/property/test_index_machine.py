"""Any history of an index, searched under filters by every plan, against numpy."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import vicinal
from support import CASES, distances

DIM = 6
IDS = st.lists(st.integers(0, 60), max_size=40, unique=True)
PLANS = ("auto", "graph", "two-hop", "scan")


class Machine(RuleBasedStateMachine):
    @initialize(case=st.sampled_from(CASES), M=st.sampled_from([2, 4, 16]))
    def begin(self, case: tuple[str, str, str], M: int) -> None:
        self.metric, self.dtype, layout = case
        self.ix = vicinal.Index(
            DIM, self.metric, self.dtype, M=M, ef_construction=20, layout=layout
        )
        self.held: dict[int, np.ndarray] = {}
        self.number = 0

    def vectors(self, count: int) -> np.ndarray:
        """Small whole numbers: many are equal, none is zero."""
        self.number += 1
        rng = np.random.default_rng(self.number)
        if self.dtype == "bits":
            return rng.random((count, DIM)) < 0.5
        return rng.integers(1, 5, size=(count, DIM)).astype(
            {"i8": np.int8, "u8": np.uint8}.get(self.dtype, np.float32)
        )

    @rule(ids=IDS)
    def add(self, ids: list[int]) -> None:
        ids = [i for i in ids if i not in self.held]
        rows = self.vectors(len(ids))
        self.ix.add(rows, ids=ids)
        self.held |= dict(zip(ids, rows, strict=True))

    @rule(ids=IDS)
    def upsert(self, ids: list[int]) -> None:
        rows = self.vectors(len(ids))
        self.ix.upsert(rows, ids=ids)
        self.held |= dict(zip(ids, rows, strict=True))

    @rule(ids=IDS)
    def remove(self, ids: list[int]) -> None:
        self.ix.remove(ids, missing="ignore")
        for i in ids:
            self.held.pop(i, None)

    @rule()
    def compact(self) -> None:
        self.ix.compact()

    @rule()
    def clear(self) -> None:
        self.ix.clear()
        self.held.clear()

    @rule(mmap=st.booleans())
    def save_and_open(self, mmap: bool) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.vicinal"
            self.ix.save(path)
            if mmap:
                self.check(vicinal.Index.open(path, mmap=True), [0, 1, 2], False, "auto", 3)
            else:
                self.ix = vicinal.Index.open(path)

    @rule(
        ids=IDS,
        deny=st.booleans(),
        plan=st.sampled_from(PLANS),
        k=st.sampled_from([1, 3, 70]),
        again=st.booleans(),
    )
    def search(self, ids: list[int], deny: bool, plan: str, k: int, again: bool) -> None:
        self.check(self.ix, ids, deny, plan, k, again=again)

    def check(
        self,
        ix: vicinal.Index,
        ids: list[int],
        deny: bool,
        plan: str,
        k: int,
        *,
        again: bool = False,
    ) -> None:
        Q = self.vectors(3)
        allowed = vicinal.IdSet(ids, deny=deny)
        match = sorted(i for i in self.held if (i in ids) != deny)
        if again:
            ix.search(Q, k, filter=allowed, plan="scan", missing="ignore")
        r = ix.search(Q, k, filter=allowed, plan=plan, missing="ignore", counters=True)
        assert r.counters is not None
        assert set(r.counters.plan) <= {"graph", "two-hop", "scan", "graph+scan"}
        assert set(r.counters.matching) == {len(match)}
        assert set(r.counts) == {min(k, len(match))}
        if not match:
            return
        truth = distances(self.metric, self.dtype, Q, np.array([self.held[i] for i in match]))
        place = {i: column for column, i in enumerate(match)}
        for ids_found, measured, true, way in zip(
            r.ids, r.distances, truth, r.counters.plan, strict=True
        ):
            found = ids_found[: min(k, len(match))].tolist()
            assert len(set(found)) == len(found)
            ours = true[[place[i] for i in found]]  # KeyError: not among those that match
            np.testing.assert_allclose(measured[: len(found)], ours, rtol=1e-3, atol=2e-3)
            assert (np.diff(measured[: len(found)]) >= 0).all()
            if "scan" in str(way):
                np.testing.assert_allclose(ours, np.sort(true)[: len(found)], rtol=1e-6, atol=1e-6)

    @invariant()
    def it_is_whole(self) -> None:
        if hasattr(self, "ix"):
            assert len(self.ix) == len(self.held)
            assert self.ix.verify().ok


TestIndex = Machine.TestCase
TestIndex.settings = settings(
    max_examples=max(30, settings.default.max_examples // 2), stateful_step_count=20, deadline=None
)
