"""Whatever is done to an index, it answers as a plain dictionary of vectors would."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from numpy.testing import assert_allclose, assert_array_equal

import vicinal
from support import METRICS, distances

DIM = 3

#: Small whole numbers: equal vectors, equal distances and zeros come often.
ROWS = hnp.arrays(
    np.float32, st.tuples(st.integers(0, 12), st.just(DIM)), elements=st.integers(-3, 3)
)


class Dictionary(RuleBasedStateMachine):
    """An index beside a dictionary of the same vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.model: dict[int, Any] = {}
        self.next = 0

    @initialize(
        metric=st.sampled_from(METRICS),
        dtype=st.sampled_from(["f32", "f16", "bf16", "i8"]),
        M=st.integers(2, 8),
        ef_construction=st.integers(1, 20),
        seed=st.integers(0, 2**64 - 1),
        layout=st.sampled_from(["compact", "fast"]),
    )
    def make(self, metric: str, dtype: str, **parameters: Any) -> None:
        self.index = vicinal.Index(DIM, metric, dtype, **parameters)

    @rule(rows=ROWS, data=st.data(), threads=st.integers(0, 3))
    def add(self, rows: Any, data: st.DataObject, threads: int) -> None:
        some = st.none() | st.lists(
            st.integers(-1, 40), min_size=len(rows), max_size=len(rows) + (len(rows) == 3)
        )
        ids = data.draw(some)
        refused = self.index.metric == "cosine" and (rows == 0).all(axis=1).any()
        if ids is not None:
            refused = refused or len(ids) != len(rows) or min(ids, default=0) < 0
            refused = refused or len({*ids} - self.model.keys()) != len(rows)
        if refused:
            with pytest.raises(vicinal.InvalidInputError):
                self.index.add(rows, ids, threads=threads)
            return
        given_ids = self.index.add(rows, ids, threads=threads)
        if ids is None:
            ids = list(range(self.next, self.next + len(rows)))
        assert given_ids.tolist() == ids
        self.put(ids, rows)

    def put(self, ids: list[int], rows: Any) -> None:
        self.model.update(zip(ids, rows, strict=True))
        self.next = max([self.next, *(number + 1 for number in ids)])

    @rule(rows=ROWS, data=st.data(), threads=st.integers(0, 3))
    def upsert(self, rows: Any, data: st.DataObject, threads: int) -> None:
        n = len(rows)
        ids = data.draw(st.lists(st.integers(-1, 40), min_size=n, max_size=n + (n == 3)))
        refused = self.index.metric == "cosine" and (rows == 0).all(axis=1).any()
        refused = refused or len({*ids}) != n or len(ids) != n or min(ids, default=0) < 0
        if refused:
            with pytest.raises(vicinal.InvalidInputError):
                self.index.upsert(rows, ids, threads=threads)
            return
        assert self.index.upsert(rows, ids, threads=threads).tolist() == ids
        self.put(ids, rows)

    @rule(ids=st.lists(st.integers(0, 45), max_size=25), threads=st.integers(0, 3))
    def remove(self, ids: list[int], threads: int) -> None:
        there = {*ids} & self.model.keys()
        if there != {*ids}:
            with pytest.raises(vicinal.NotFoundError, match="not in the index"):
                self.index.remove(ids, threads=threads)
        assert self.index.remove(ids, missing="ignore", threads=threads) == len(there)
        for number in there:
            del self.model[number]

    @rule()
    def remove_all(self) -> None:
        assert self.index.remove([*self.model]) == len(self.model)
        self.model.clear()

    @rule()
    def clear(self) -> None:
        self.index.clear()
        self.model.clear()
        self.next = 0

    @rule()
    def compact(self) -> None:
        dead = self.index.stats().dead
        assert self.index.compact().freed <= dead
        assert self.index.verify().dangling_links == 0

    @rule(mmap=st.booleans())
    def reopen(self, mmap: bool) -> None:
        path = Path(self.folder.name) / "a.vicinal"
        self.index.save(path)
        opened = vicinal.Index.open(path, mmap=mmap)
        assert_array_equal(opened.ids(), self.index.ids())
        if not mmap:
            self.index = opened

    @rule(query=hnp.arrays(np.float32, DIM, elements=st.integers(-4, 4)), k=st.integers(1, 60))
    def search(self, query: Any, k: int) -> None:
        if self.index.metric == "cosine" and not query.any():
            query[0] = 1
        vectors = np.array(list(self.model.values()), np.float32).reshape(-1, DIM)
        truth = distances(self.index.metric, "f32", query[None], vectors)[0]
        nearest = np.sort(truth)[:k]
        by_id = dict(zip(self.model, truth, strict=True))
        # A list as long as the index leaves nobody out, if everyone is reachable.
        for plan in ("scan", "graph", "auto"):
            found = self.index.search(query, k, ef_search=1000, plan=plan)
            assert found.counts == min(k, len(self.model))
            ids, measured = found.ids[: found.counts], found.distances[: found.counts]
            assert_allclose(measured, nearest, rtol=1e-5, atol=1e-6)
            assert_allclose(measured, [by_id[i] for i in ids.tolist()], rtol=1e-5, atol=1e-6)
            assert len(set(ids.tolist())) == found.counts
            assert (found.ids[found.counts :] == -1).all()

    @invariant()
    def holds_the_same(self) -> None:
        if not hasattr(self, "index"):
            return
        assert sorted(self.index.ids().tolist()) == sorted(self.model)
        assert_array_equal(
            self.index.get([*self.model]), [*self.model.values()] or np.empty((0, 3))
        )
        report, stats = self.index.verify(), self.index.stats()
        assert report.ok
        assert report.reachable == stats.live == stats.count == len(self.index) == len(self.model)
        assert stats.loose_parts == 0
        assert (stats.entry_point is not None) == bool(self.model)

    def teardown(self) -> None:
        self.folder.cleanup()


TestDictionary = Dictionary.TestCase
TestDictionary.settings = settings(max_examples=40, stateful_step_count=15)


@given(
    array=hnp.arrays(
        hnp.integer_dtypes(endianness="?")
        | hnp.floating_dtypes(endianness="?")
        | hnp.scalar_dtypes(),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    dtype=st.sampled_from(["f32", "f16", "bf16", "i8", "u8"]),
)
@settings(max_examples=120)
@pytest.mark.filterwarnings("error")
def test_any_array_is_kept_as_it_is_or_refused(array: Any, dtype: str) -> None:
    dim = array.shape[-1] if array.ndim and array.shape[-1] else 2
    index = vicinal.Index(dim, dtype=dtype)
    try:
        ids = index.add(array)
    except (vicinal.InvalidInputError, vicinal.InvalidTypeError):
        assert len(index) == 0
        return
    kept = index.get(ids)
    given_rows = array.reshape(-1, dim).astype(np.float64)
    # Half a unit in the last place of each float type; integers are kept exactly.
    rounding = {"f32": 2.0**-24, "f16": 2.0**-11, "bf16": 2.0**-8}.get(dtype, 0.0)
    smallest = {"f32": 2.0**-149, "f16": 2.0**-24, "bf16": 2.0**-133}.get(dtype, 0.0)
    assert_allclose(kept.astype(np.float64), given_rows, rtol=rounding, atol=smallest)


@given(
    ids=st.lists(st.integers(-2, 2**64) | st.sampled_from([2**63 - 1, 2**63]), max_size=4)
    | hnp.arrays(hnp.scalar_dtypes(), st.integers(0, 4))
)
@settings(max_examples=80)
def test_any_ids_are_kept_as_they_are_or_refused(ids: Any) -> None:
    index = vicinal.Index(2)
    try:
        index.add(np.ones((len(ids), 2)), ids=ids)
    except (vicinal.InvalidInputError, vicinal.InvalidTypeError):
        assert len(index) == 0
        return
    assert index.ids().tolist() == list(ids)
    assert all(id in index for id in ids)  # noqa: A001
