"""Any history of an index, asked in every way, against numpy."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import vicinal
from support import CASES, distances

DIM = 6
IDS = st.lists(st.integers(0, 60), max_size=40, unique=True)
PLANS = ("auto", "graph", "two-hop", "scan")
#: As many as are built in bulk, and as `auto` walks among. Their ids begin where others end.
MANY, FIRST = 2_500, 100


class Machine(RuleBasedStateMachine):
    @initialize(
        case=st.sampled_from(CASES),
        M=st.sampled_from([2, 4, 16]),
        store=st.sampled_from([None, None, "f16", "none"]),
    )
    def begin(self, case: tuple[str, str, str], M: int, store: str | None) -> None:
        self.metric, self.dtype, self.layout = case
        self.store = store if self.dtype == "f32" else None
        self.M = M
        self.ix = self.made()
        self.held: dict[int, np.ndarray] = {}
        self.number = 0

    def made(self) -> vicinal.Index:
        return vicinal.Index(
            DIM,
            self.metric,
            self.dtype,
            M=self.M,
            ef_construction=20,
            layout=self.layout,
            store=self.store,
        )

    def vectors(self, count: int) -> np.ndarray:
        """Small whole numbers: many are equal, none is zero."""
        self.number += 1
        rng = np.random.default_rng(self.number)
        if self.dtype == "bits":
            return rng.random((count, DIM)) < 0.5
        return rng.integers(1, 5, size=(count, DIM)).astype(
            {"i8": np.int8, "u8": np.uint8}.get(self.dtype, np.float32)
        )

    def keep(self, ids: list[int], rows: np.ndarray) -> None:
        """Note what the index has of rows: of a store that rounds, what it gives back."""
        if self.store == "none":
            kept = self.ix.get(ids)
            np.testing.assert_allclose(kept, rows, atol=0.01)
            rows = kept
        self.held |= dict(zip(ids, rows, strict=True))

    @rule(ids=IDS)
    def add(self, ids: list[int]) -> None:
        ids = [i for i in ids if i not in self.held]
        rows = self.vectors(len(ids))
        self.ix.add(rows, ids=ids)
        self.keep(ids, rows)

    @rule(ids=IDS)
    def upsert(self, ids: list[int]) -> None:
        rows = self.vectors(len(ids))
        self.ix.upsert(rows, ids=ids)
        self.keep(ids, rows)

    @precondition(lambda self: FIRST not in self.held and self.number < 12)
    @rule()
    def add_many(self) -> None:
        ids = list(range(FIRST, FIRST + MANY))
        rows = self.vectors(MANY)
        self.ix.add(rows, ids=ids)
        self.keep(ids, rows)

    @rule(ids=IDS)
    def remove(self, ids: list[int]) -> None:
        self.ix.remove(ids, missing="ignore")
        for i in ids:
            self.held.pop(i, None)

    @rule(left=st.integers(0, 60))
    def remove_most(self, left: int) -> None:
        gone = sorted(self.held)[left:]
        assert self.ix.remove(gone) == len(gone)
        for i in gone:
            del self.held[i]

    @rule()
    def compact(self) -> None:
        self.ix.compact()

    @rule()
    def repair(self) -> None:
        report = self.ix.verify(repair=True)
        assert report.ok
        assert report.mended == []

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

    def matching(self, ids: list[int], deny: bool) -> list[int]:
        return sorted(i for i in self.held if (i in ids) != deny)

    def truth(self, Q: np.ndarray, ids: list[int]) -> np.ndarray:
        """The distance of each query from each of these ids."""
        rows = np.array([self.held[i] for i in ids]).reshape(-1, DIM)
        return distances(self.metric, self.dtype, Q, rows)

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
        match = self.matching(ids, deny)
        if again:
            ix.search(Q, k, filter=allowed, plan="scan", missing="ignore")
        r = ix.search(Q, k, filter=allowed, plan=plan, missing="ignore", counters=True)
        assert r.counters is not None
        assert set(r.counters.plan) <= {"graph", "two-hop", "scan", "graph+scan"}
        assert set(r.counters.matching) == {len(match)}
        assert set(r.counts) == {min(k, len(match))}
        if not match:
            return
        truth = self.truth(Q, match)
        for ids_found, measured, true, way in zip(
            r.ids, r.distances, truth, r.counters.plan, strict=True
        ):
            count = min(k, len(match))
            ours = self.true_of(ids_found[:count], measured[:count], match, true)
            if "scan" in str(way):
                np.testing.assert_allclose(ours, np.sort(true)[:count], rtol=1e-6, atol=1e-6)

    def true_of(
        self, ids: np.ndarray, measured: np.ndarray, match: list[int], true: np.ndarray
    ) -> np.ndarray:
        """Hold ids to be distinct, to match, and to be measured rightly; give their distances."""
        place = {i: column for column, i in enumerate(match)}
        found = ids.tolist()
        assert len(set(found)) == len(found)
        ours = true[[place[i] for i in found]]  # KeyError: not among those that match
        np.testing.assert_allclose(measured, ours, rtol=1e-3, atol=2e-3)
        assert (np.diff(measured) >= 0).all()
        return ours

    @rule(ids=IDS, deny=st.booleans(), at=st.floats(0, 1), limit=st.sampled_from([None, 5]))
    def search_radius(self, ids: list[int], deny: bool, at: float, limit: int | None) -> None:
        Q, match = self.vectors(2), self.matching(ids, deny)
        true = self.truth(Q, match)
        r = float(np.quantile(true, at)) + 0.0101 if match else 1.0
        found = self.ix.search_radius(
            Q, r, limit=limit, filter=vicinal.IdSet(ids, deny=deny), missing="ignore"
        )
        for (near, measured), own in zip(found, true, strict=True):
            self.true_of(near, measured, match, own)
            # Rounding may put a vector on either side of a radius that runs through it.
            least, most = ((own <= r + slack).sum() for slack in (-2e-3, 2e-3))
            if limit is not None:
                least, most = min(least, limit), min(most, limit)
            assert least <= len(near) <= most

    @rule(ids=IDS, exact=st.booleans())
    def iterate(self, ids: list[int], exact: bool) -> None:
        q, match = self.vectors(1)[0], self.matching(ids, True)
        walk = self.ix.iter_search(
            q, batch=3, exact=exact, filter=vicinal.IdSet(ids, deny=True), missing="ignore"
        )
        near, measured = walk.take(200)
        true = self.truth(q[None], match)[0]
        ours = self.true_of(near, measured, match, true)
        if exact:
            np.testing.assert_allclose(ours, np.sort(true)[:200], rtol=1e-6, atol=1e-6)

    @rule(k=st.sampled_from([1, 4]), count=st.integers(0, 9))
    def join(self, k: int, count: int) -> None:
        other = self.made()
        other.add(self.vectors(count))
        joined = other.join(self.ix, k, exact=True)
        match = sorted(self.held)
        assert (joined.counts == min(k, len(match))).all()
        asked = other.get(other.ids())
        asked = np.unpackbits(asked, axis=1, count=DIM) if self.dtype == "bits" else asked
        for row, own in enumerate(self.truth(asked, match)):
            ours = self.true_of(
                joined.neighbors[row, : joined.counts[row]],
                joined.distances[row, : joined.counts[row]],
                match,
                own,
            )
            np.testing.assert_allclose(ours, np.sort(own)[: len(ours)], rtol=1e-6, atol=1e-6)
        if self.held:
            back = self.ix.join(other, k)
            assert sorted(back.ids.tolist()) == match
            assert (back.counts == min(k, count)).all()

    @precondition(lambda self: len(self.held) < MANY)
    @rule(k=st.sampled_from([1, 4]))
    def knn_graph(self, k: int) -> None:
        graph = self.ix.knn_graph(k, exact=True)
        ids = self.ix.ids().tolist()
        assert sorted(ids) == sorted(self.held)
        true = self.truth(np.array([self.held[i] for i in ids]).reshape(-1, DIM), ids)
        np.fill_diagonal(true, np.inf)
        for row, own in enumerate(true):
            columns = graph.indices[graph.indptr[row] : graph.indptr[row + 1]]
            assert row not in columns
            near = np.sort(own)[: min(k, len(ids) - 1)]
            np.testing.assert_allclose(np.sort(own[columns]), near, rtol=1e-6, atol=2e-3)

    @rule(ids=IDS, k=st.sampled_from([1, 3, 5]), share=st.sampled_from([0.0, 0.5, 1.0]))
    def diverse_and_grouped(self, ids: list[int], k: int, share: float) -> None:
        Q, match = self.vectors(2), self.matching(ids, True)
        allowed = vicinal.IdSet(ids, deny=True)
        varied = self.ix.search(Q, k, mmr=share, filter=allowed, missing="ignore", plan="scan")
        labels = np.arange(FIRST + MANY) % 4
        best = self.ix.search(Q, k, group_by=labels, filter=allowed, missing="ignore", exact=True)
        groups = {i % 4 for i in match}
        assert set(best.counts) == {min(k, len(groups))}
        assert set(varied.counts) == {min(k, len(match))}
        for row, own in enumerate(self.truth(Q, match)):
            some = varied.ids[row, : varied.counts[row]].tolist()
            assert len(set(some)) == len(some)
            assert set(some) <= set(match)
            found = best.ids[row, : best.counts[row]]
            ours = self.true_of(found, best.distances[row, : len(found)], match, own)
            assert len(set(labels[found].tolist())) == len(found)
            numbers = labels[match]
            least = sorted(own[numbers == group].min() for group in groups)[:k]
            np.testing.assert_allclose(ours, least, rtol=1e-6, atol=1e-6)
            if match:
                assert own[match.index(some[0])] <= own.min() + 1e-6

    @invariant()
    def it_is_whole(self) -> None:
        if hasattr(self, "ix"):
            assert len(self.ix) == len(self.held)
            assert self.ix.verify().ok


TestIndex = Machine.TestCase
TestIndex.settings = settings(
    max_examples=max(30, settings.default.max_examples // 2), stateful_step_count=20, deadline=None
)
