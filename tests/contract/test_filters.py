"""A filter says who may be found; how it is written, and which way the search goes, is all one."""

from __future__ import annotations

import pickle
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import vicinal
from support import SPACES, distances, make_rows, recall

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

N, DIM, K = 1200, 24, 10


def roaring32(ids: list[int]) -> bytes:
    """A roaring bitmap of 32 bits as the format's specification writes it, in array containers."""
    keys = sorted({number >> 16 for number in ids})
    parts = [sorted({number & 0xFFFF for number in ids if number >> 16 == key}) for key in keys]
    head = struct.pack("<II", 12346, len(keys))
    head += b"".join(
        struct.pack("<HH", key, len(p) - 1) for key, p in zip(keys, parts, strict=True)
    )
    start = len(head) + 4 * len(keys)
    for part in parts:
        head += struct.pack("<I", start)
        start += 2 * len(part)
    return head + b"".join(struct.pack(f"<{len(part)}H", *part) for part in parts)


def layouts(dtype: str) -> list[str]:
    return ["compact"] if dtype == "bits" else ["compact", "fast"]


def choices(
    rng: np.random.Generator, truth: NDArray[np.float64]
) -> dict[str, tuple[NDArray[np.bool_], str]]:
    """Masks of many kinds, by the first query's distances where they are near or far."""
    order = np.argsort(truth[0])
    near, far = np.zeros(len(order), bool), np.zeros(len(order), bool)
    near[order[:60]] = far[order[-60:]] = True
    few = np.zeros(len(order), bool)
    few[rng.choice(len(order), 4, replace=False)] = True
    return {
        "half": (rng.random(len(order)) < 0.5, "graph"),
        "a tenth": (rng.random(len(order)) < 0.1, "graph"),
        "near": (near, "graph"),
        "far": (far, "graph"),
        "fewer than k": (few, "graph"),
        "one": (order == order[-1], "auto"),
        "all": (np.ones(len(order), bool), "auto"),
        "none": (np.zeros(len(order), bool), "auto"),
    }


@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_only_those_that_match_are_found_and_never_fewer_than_there_are(
    rng: np.random.Generator, metric: str, dtype: str
) -> None:
    X, Q = make_rows(rng, dtype, N, DIM), make_rows(rng, dtype, 20, DIM)
    truth = distances(metric, dtype, Q, X)
    names = rng.permutation(10 * N)[:N]
    row_of = np.full(10 * N, -1)
    row_of[names] = np.arange(N)
    for layout in layouts(dtype):
        ix = vicinal.Index(DIM, metric, dtype, ef_construction=60, layout=layout)
        ix.add(X, ids=names)
        for kind, (mask, plan) in choices(rng, truth).items():
            matching = int(mask.sum())
            allowed = vicinal.IdSet(names[mask])
            among = np.where(mask, truth, np.inf)
            for way in {plan, "scan", "auto"}:
                r = ix.search(Q, K, filter=allowed, plan=way, ef_search=100, counters=True)
                assert_array_equal(r.counts, min(K, matching), f"{kind} {way}")
                found = r.ids[:, : min(K, matching)]
                rows = row_of[found]
                assert mask[rows].all()
                assert r.counters is not None
                assert_array_equal(r.counters.matching, matching)
                assert way != "scan" or set(r.counters.plan) == {"scan"}
                if matching:
                    least = 1.0 if way == "scan" else 0.95
                    assert recall(rows, among, min(K, matching)) >= least, f"{kind} {way}"


def test_all_ways_of_writing_a_filter_agree(rng: np.random.Generator) -> None:
    X = make_rows(rng, "f32", N, DIM)
    ix = vicinal.Index(DIM, ef_construction=40)
    ix.add(X)
    mask = rng.random(N) < 0.3
    ids = np.flatnonzero(mask)
    ways: list[Any] = [
        mask,
        mask.tolist(),
        np.concatenate([mask, np.ones(50, bool)]),  # more than there are ids
        ids,
        ids[::-1].astype(np.uint16),
        ids.tolist(),
        set(ids.tolist()),
        np.repeat(ids, 2),
        roaring32(ids.tolist()),
        bytearray(roaring32(ids.tolist())),
        vicinal.IdSet(ids).serialize(),
        vicinal.IdSet(mask),
        vicinal.IdSet(~mask, deny=True),
        vicinal.IdSet(np.flatnonzero(~mask), deny=True),
        ~vicinal.IdSet(~mask),
        vicinal.IdSet(range(N)) - vicinal.IdSet(~mask),
    ]
    expected = ix.search(X[:9], K, filter=ids)
    for way in ways:
        found = ix.search(X[:9], K, filter=way)
        assert_array_equal(found.ids, expected.ids)
        assert_array_equal(found.distances, expected.distances)
    assert_array_equal(ix.search(X[0], 5, filter=range(10, 15)).ids % 5 + 10 >= 10, True)


def test_copies_of_a_vector_are_told_apart_by_their_ids(rng: np.random.Generator) -> None:
    X = make_rows(rng, "f32", 400, DIM)
    X[100:300] = X[100]
    for layout in ("compact", "fast"):
        ix = vicinal.Index(DIM, ef_construction=40, layout=layout)
        ix.add(X, threads=1)
        for allowed in ([299], [150, 298], [5, 100], [5, 6, 7]):
            for plan in ("graph", "scan"):
                r = ix.search(X[100], K, filter=allowed, plan=plan)
                assert sorted(r.ids[: len(allowed)].tolist()) == allowed
                assert r.counts == len(allowed)


def test_a_set_knows_which_index_and_which_state_it_was_looked_up_for(
    rng: np.random.Generator,
) -> None:
    X = make_rows(rng, "f32", 300, DIM)
    some = vicinal.IdSet([0, 5, 250])
    a, b = vicinal.Index(DIM), vicinal.Index(DIM)
    a.add(X)
    b.add(X[::-1], ids=np.arange(300)[::-1] + 3)
    for _ in range(2):
        assert_array_equal(np.sort(a.search(X[0], 3, filter=some).ids), [0, 5, 250])
        found = b.search(X[0], 3, filter=some, missing="ignore")
        assert_array_equal(np.sort(found.ids[:2]), [5, 250])
    c = vicinal.Index(DIM)
    c.add(X[:100])
    assert c.search(X[0], 9, filter=some, missing="ignore").counts == 2
    c.add(X[100:])
    assert c.search(X[0], 9, filter=some).counts == 3
    everyone_else = ~some
    assert c.search(X[0], 400, filter=everyone_else).counts == 297
    c.add(X[:1] + 1, ids=[1000])
    assert c.search(X[0], 400, filter=everyone_else).counts == 298


def test_a_mapped_file_is_filtered_too(rng: np.random.Generator, tmp_path: Path) -> None:
    X = make_rows(rng, "f32", 500, DIM)
    names = rng.permutation(2000)[:500]
    ix = vicinal.Index(DIM)
    ix.add(X, ids=names)
    ix.save(tmp_path / "a.vicinal")
    mapped = vicinal.Index.open(tmp_path / "a.vicinal", mmap=True)
    for plan in ("graph", "scan"):
        for allowed in (names[:50], names[:3], np.arange(2000) % 2 == 0):
            ours, theirs = (i.search(X[:5], K, filter=allowed, plan=plan) for i in (ix, mapped))
            assert_array_equal(ours.ids, theirs.ids)


def test_what_can_not_be_meant_is_refused(rng: np.random.Generator) -> None:
    X = make_rows(rng, "f32", 50, DIM)
    ix = vicinal.Index(DIM)
    ix.add(X, ids=np.arange(50) * 2)
    bad: list[tuple[Any, type[Exception], str]] = [
        (np.ones(98, bool), vicinal.InvalidInputError, r"98 places, but the largest id is 98"),
        (vicinal.IdSet(np.ones(3, bool)), vicinal.InvalidInputError, "3 places"),
        (~vicinal.IdSet(np.ones(3, bool)), vicinal.InvalidInputError, "3 places"),
        (np.ones((2, 99), bool), vicinal.InvalidInputError, "one dimension"),
        ([0, 2, 3], vicinal.NotFoundError, r'id 3 is not in the index; missing="ignore"'),
        (~vicinal.IdSet([0, 99]), vicinal.NotFoundError, "id 99"),
        ([4, -1], vicinal.InvalidInputError, "row 1: id -1 is negative"),
        ([1.5], vicinal.InvalidTypeError, "integers"),
        ("12", vicinal.InvalidTypeError, "ids, bools or bytes"),
        (b"12345678", vicinal.InvalidInputError, "8 bytes that are no roaring bitmap"),
        (b"", vicinal.InvalidInputError, "0 bytes that are no"),
        (roaring32([1, 2])[:-1], vicinal.InvalidInputError, "no roaring bitmap"),
        (roaring32([1, 2]) + b"x", vicinal.InvalidInputError, "no roaring bitmap"),
    ]
    for value, error, message in bad:
        for plan in ("auto", "graph", "scan"):
            with pytest.raises(error, match=message):
                ix.search(X[0], 3, filter=value, plan=plan)
    assert ix.search(X[0], 3, filter=np.ones(99, bool)).counts == 3
    assert ix.search(X[0], 3, filter=[0, 2, 3], missing="ignore").counts == 2
    assert ix.search(X[0], 3, filter=[]).counts == 0
    with pytest.raises(vicinal.InvalidInputError, match="choose one of raise, ignore"):
        ix.search(X[0], 3, filter=[0], missing="maybe")
    with pytest.raises(vicinal.InvalidInputError, match="choose one of auto, graph, scan"):
        ix.search(X[0], 3, plan="guess")
    with pytest.raises(vicinal.InvalidInputError, match="not exact"):
        ix.search(X[0], 3, plan="graph", exact=True)
    assert vicinal.Index(DIM).search(X[0], 3, filter=np.zeros(0, bool)).counts == 0


SETS = st.sets(st.integers(0, 20) | st.integers(2**31, 2**31 + 3) | st.integers(2**40, 2**40 + 3))


@given(a=SETS, b=SETS, deny_a=st.booleans(), deny_b=st.booleans())
def test_sets_do_what_sets_of_python_do(
    a: set[int], b: set[int], deny_a: bool, deny_b: bool
) -> None:
    universe = {*range(21), *range(2**31, 2**31 + 4), *range(2**40, 2**40 + 4), 2**63 - 1}
    x, y = vicinal.IdSet(a, deny=deny_a), vicinal.IdSet(sorted(b), deny=deny_b)
    p, q = (universe - a if deny_a else a), (universe - b if deny_b else b)

    def members(s: vicinal.IdSet) -> set[int]:
        return {i for i in universe if i in s}

    assert members(x) == p
    assert members(x & y) == p & q
    assert members(x | y) == p | q
    assert members(x - y) == p - q
    assert members(~x) == universe - p
    assert (x == y) == ((a, deny_a) == (b, deny_b))
    assert pickle.loads(pickle.dumps(x)) == x
    assert -1 not in x
    assert "a" not in x
    assert hash(vicinal.IdSet(x)) == hash(x)
    if deny_a:
        for ends in (len, vicinal.IdSet.to_ids, vicinal.IdSet.serialize, list):
            with pytest.raises(vicinal.InvalidInputError, match="has no end"):
                ends(x)
        assert x
    else:
        assert x.to_ids().tolist() == list(x) == sorted(a)
        assert len(x) == len(a)
        assert bool(x) == bool(a)
        assert vicinal.IdSet(x.serialize()) == x


@given(data=st.binary(max_size=80))
def test_any_bytes_are_a_set_or_refused(data: bytes) -> None:
    try:
        read = vicinal.IdSet(data)
    except vicinal.InvalidInputError:
        return
    assert vicinal.IdSet(read.serialize()) == read


@pytest.mark.parametrize("layout", ["compact", "fast"])
@pytest.mark.parametrize("metric", ["l2", "cosine", "ip"])
def test_recall_holds_at_every_selectivity_near_far_and_anywhere(
    rng: np.random.Generator, metric: str, layout: str
) -> None:
    n = 6000
    X, Q = make_rows(rng, "f32", n, 48), make_rows(rng, "f32", 25, 48)
    ix = vicinal.Index(48, metric, layout=layout)
    ix.add(X)
    truth = distances(metric, "f32", Q, X)
    plans = set()
    for share in (0.001, 0.01, 0.05, 0.2, 0.5, 0.9, 1.0):
        count = max(1, int(share * n))
        for kind in ("anywhere", "near", "far"):
            masks = np.zeros((len(Q), n), bool)
            for mask, order in zip(masks, np.argsort(truth, axis=1), strict=True):
                chosen = {"near": order[:count], "far": order[n - count :]}
                mask[chosen.get(kind, rng.permutation(n)[:count])] = True
            found = [
                ix.search(q, K, filter=m, counters=True) for q, m in zip(Q, masks, strict=True)
            ]
            plans |= {f.counters.plan for f in found if f.counters is not None}
            k = min(K, count)
            among = np.where(masks, truth, np.inf)
            assert recall(np.array([f.ids[:k] for f in found]), among, k) >= 0.95, (share, kind)
    assert plans >= {"graph", "scan"}
