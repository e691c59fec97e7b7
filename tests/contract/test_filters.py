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
            for way in {plan, "scan", "auto", "two-hop"}:
                r = ix.search(Q, K, filter=allowed, plan=way, ef_search=100, counters=True)
                assert_array_equal(r.counts, min(K, matching), f"{kind} {way}")
                found = r.ids[:, : min(K, matching)]
                rows = row_of[found]
                assert mask[rows].all()
                assert r.counters is not None
                assert_array_equal(r.counters.matching, matching)
                assert way != "scan" or set(r.counters.plan) == {"scan"}
                # A walk by matches alone needs some of them around.
                surely = metric != "ip" and kind in ("half", "a tenth", "all")
                if matching and (way != "two-hop" or surely):
                    least = 1.0 if way == "scan" else 0.95
                    assert recall(rows, among, min(K, matching)) >= least, f"{kind} {way}"


@pytest.mark.parametrize(("M", "least"), [(2, 0.3), (3, 0.8), (4, 0.95), (5, 0.95)])
def test_rows_of_few_links_are_looked_through(
    rng: np.random.Generator, M: int, least: float
) -> None:
    X = make_rows(rng, "f32", N, DIM)
    ix = vicinal.Index(DIM, M=M, ef_construction=60)
    ix.add(X, threads=1)  # what so few links can give is not left to chance, too
    mask = rng.random(N) < 0.3
    r = ix.search(X[:20], K, filter=mask, plan="two-hop", ef_search=200, counters=True)
    assert set(r.counters.plan) <= {"two-hop", "graph+scan"}
    assert mask[r.ids].all()
    truth = np.where(mask, distances("l2", "f32", X[:20], X), np.inf)
    assert recall(r.ids, truth, K) >= least


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
    with pytest.raises(vicinal.InvalidInputError, match="choose one of auto, graph, two-hop, scan"):
        ix.search(X[0], 3, plan="guess")
    for plan in ("graph", "two-hop"):
        with pytest.raises(vicinal.InvalidInputError, match="not exact"):
            ix.search(X[0], 3, plan=plan, exact=True)
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


def matching(
    rng: np.random.Generator, truth: NDArray[np.float64], kind: str, count: int
) -> NDArray[np.bool_]:
    """A mask for each query: anywhere, the nearest to it, or the farthest from it."""
    masks = np.zeros(truth.shape, bool)
    for mask, order in zip(masks, np.argsort(truth, axis=1), strict=True):
        chosen = {"near": order[:count], "far": order[len(order) - count :]}
        mask[chosen.get(kind, rng.permutation(len(order))[:count])] = True
    return masks


@pytest.mark.parametrize("layout", ["compact", "fast"])
@pytest.mark.parametrize("metric", ["l2", "cosine", "ip"])
def test_recall_holds_at_every_selectivity_near_far_and_anywhere(
    rng: np.random.Generator, metric: str, layout: str
) -> None:
    """Each plan where it may be taken: at this size most is scanned if nothing else is said."""
    n = 6000
    X, Q = make_rows(rng, "f32", n, 48), make_rows(rng, "f32", 25, 48)
    ix = vicinal.Index(48, metric, layout=layout)
    ix.add(X)
    truth = distances(metric, "f32", Q, X)
    for share in (0.001, 0.01, 0.05, 0.2, 0.5, 0.9, 1.0):
        count = max(1, int(share * n))
        for kind in ("anywhere", "near", "far"):
            masks = matching(rng, truth, kind, count)
            k, among = min(K, count), np.where(masks, truth, np.inf)
            # Too few matches, or all far away, are nothing to walk by.
            plans = ["auto"]
            if share >= 0.05:
                plans += ["graph"] if kind == "far" or metric == "ip" else ["graph", "two-hop"]
            for plan in plans:
                found = np.array(
                    [
                        ix.search(q, K, filter=m, plan=plan).ids
                        for q, m in zip(Q, masks, strict=True)
                    ]
                )
                # Told to walk to what all lies far away, it does not get as near.
                least = 0.95
                assert recall(found[:, :k], among, k) >= least, (share, kind, plan)


@pytest.fixture(scope="module", params=["compact", "fast"])
def large(request: pytest.FixtureRequest) -> tuple[vicinal.Index, NDArray[np.float32]]:
    """Enough vectors for a walk to be cheaper than a scan, at a short list."""
    X = make_rows(np.random.default_rng(7), "f32", 30_000, 32)
    ix = vicinal.Index(32, ef_construction=60, layout=request.param)
    ix.add(X)
    return ix, X


def test_the_cheapest_plan_is_taken(
    rng: np.random.Generator, large: tuple[vicinal.Index, NDArray[np.float32]]
) -> None:
    ix, X = large
    plans = {}
    for share in (0.01, 0.1, 0.2, 0.9):
        some = vicinal.IdSet(np.flatnonzero(rng.random(len(X)) < share))
        for _ in range(2):  # rows are copied for the second search
            c = ix.search(X[0] + 0.1, 1, ef_search=8, filter=some, counters=True).counters
        assert c is not None
        plans[share] = c.plan
        way = ix.explain(X[0] + 0.1, 1, ef_search=8, filter=some)
        assert set(way.expected) == {"scan", "graph", "two-hop"}
        surest = min(way.expected[plan] for plan in ("scan", "graph"))
        assert way.expected[str(c.plan)] == surest == c.expected_cost
    assert plans[0.01] == "scan"
    assert plans[0.9] == "graph"
    everyone = ix.search(X[0], 1, counters=True, plan="two-hop").counters
    assert everyone is not None
    assert everyone.plan == "graph"  # nothing to look through


def test_queries_that_come_together_are_scanned_for_sooner(
    rng: np.random.Generator, large: tuple[vicinal.Index, NDArray[np.float32]]
) -> None:
    ix, _ = large
    Q = make_rows(rng, "f32", 500, 32)
    plans = {}
    for queries in (1, 500):
        c = ix.search(Q[:queries], 10, ef_search=64, counters=True).counters
        assert c is not None
        (plans[queries],) = set(c.plan)
    assert plans == {1: "graph", 500: "scan"}
    forced = ix.search(Q, 10, ef_search=64, counters=True, plan="graph").counters
    assert forced is not None
    assert set(forced.plan) == {"graph"}


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_a_walk_that_meets_few_matches_gives_up_for_a_scan(
    rng: np.random.Generator, large: tuple[vicinal.Index, NDArray[np.float32]], share: float
) -> None:
    ix, X = large
    Q = make_rows(rng, "f32", 20, 32)
    truth = distances("l2", "f32", Q, X)
    scanned = 0
    for q, mask, of_query in zip(
        Q, matching(rng, truth, "far", int(share * len(X))), truth, strict=True
    ):
        r = ix.search(q, 1, ef_search=8, filter=mask, counters=True)
        assert r.counters is not None
        if r.counters.plan == "graph+scan":
            scanned += 1
            assert_array_equal(r.ids, np.flatnonzero(mask)[of_query[mask].argmin()])
            # The walk before it was short.
            assert r.counters.distance_evaluations < 1.4 * mask.sum()
    assert scanned >= 0.8 * len(Q)


@pytest.mark.parametrize("layout", ["compact", "fast"])
def test_copies_of_rows_follow_the_index(rng: np.random.Generator, layout: str) -> None:
    """A set that is used again has the rows that match side by side."""
    X = make_rows(rng, "f32", 3000, DIM)
    ix = vicinal.Index(DIM, ef_construction=40, layout=layout)
    ix.add(X)
    some = vicinal.IdSet(range(0, 3000, 50))

    def check(rows: NDArray[np.float32]) -> None:
        for Q in (X[:1], X[:20]):
            r = ix.search(Q, K, filter=some, plan="scan", missing="ignore")
            for q, ids, found in zip(Q, r.ids, r.distances, strict=True):
                listed = [i for i in some.to_ids().tolist() if i in ix]
                true = np.sort(distances("l2", "f32", q[None], rows[listed])[0])[:K]
                np.testing.assert_allclose(found[: len(true)], true, rtol=1e-5)
                assert set(ids[: len(true)].tolist()) <= set(listed)

    for _ in range(3):
        check(X)
    changed = X.copy()
    changed[::50] = X[::50] + 1
    ix.upsert(changed[::50], ids=np.arange(0, 3000, 50))
    for _ in range(3):
        check(changed)
    ix.remove(range(0, 3000, 100))
    ix.compact()
    for _ in range(3):
        check(changed)
