"""Replacing and removing: all of a call or nothing, and what is refused says why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import vicinal
from support import make_rows

if TYPE_CHECKING:
    from collections.abc import Callable

DIM = 8


@pytest.fixture(params=["compact", "fast"])
def index(request: pytest.FixtureRequest, rng: np.random.Generator) -> vicinal.Index:
    made = vicinal.Index(DIM, layout=request.param, ef_construction=40)
    made.add(make_rows(rng, "f32", 400, DIM))
    return made


def resident() -> Any:
    """Bytes of memory that this process has, where the system tells."""
    statm = Path("/proc/self/statm")
    return (
        int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else None
    )


def saved(index: vicinal.Index, folder: Path) -> bytes:
    index.save(folder / "state")
    return (folder / "state").read_bytes()


def test_ids_that_are_not_there_are_named_and_nothing_is_removed(
    index: vicinal.Index, tmp_path: Path
) -> None:
    before = saved(index, tmp_path)
    with pytest.raises(vicinal.NotFoundError, match="400, 777"):
        index.remove([3, 400, 5, 777])
    with pytest.raises(KeyError):
        index.remove(-1)
    assert saved(index, tmp_path) == before
    assert index.remove([3, 400, 5, 777, 3], missing="ignore") == 2
    assert index.remove([3, 5], missing="ignore") == 0
    assert 3 not in index
    assert len(index) == 398


@pytest.mark.parametrize("ids", [["a"], [1.5], [True], None, "7", [[1], [2, 3]], object()])
def test_what_is_no_id_removes_nothing(index: vicinal.Index, ids: Any) -> None:
    with pytest.raises(vicinal.VicinalError):
        index.remove(ids)
    assert len(index) == 400


def test_removing_says_what_missing_may_be(index: vicinal.Index) -> None:
    with pytest.raises(vicinal.InvalidInputError, match="raise, ignore"):
        index.remove([1], missing="skip")
    with pytest.raises(vicinal.InvalidTypeError):
        index.remove([1], missing=True)  # type: ignore[arg-type]


def test_removing_nothing_is_allowed(index: vicinal.Index) -> None:
    assert index.remove([]) == 0
    assert index.compact() == vicinal.Compacted(0, 0, 0)


@pytest.mark.parametrize(("component", "number"), [(np.nan, 9), (np.inf, 9), (0, 7), (0, -7)])
def test_one_bad_row_among_thousands_leaves_all_as_it_was(
    index: vicinal.Index, rng: np.random.Generator, tmp_path: Path, component: float, number: int
) -> None:
    X, ids = make_rows(rng, "f32", 3_000, DIM), np.arange(3_000)
    X[2_500, 3] = component
    ids[2_500] = 2_500 if number == 9 else number
    before = saved(index, tmp_path)
    with pytest.raises(vicinal.InvalidInputError, match="row 2500"):
        index.upsert(X, ids)
    assert saved(index, tmp_path) == before


def test_shapes_that_do_not_fit_are_refused(index: vicinal.Index) -> None:
    for X, ids in [(np.ones((2, DIM)), [1]), (np.ones((2, 3)), [1, 2]), (np.ones(DIM), [1, 2])]:
        with pytest.raises(vicinal.InvalidInputError):
            index.upsert(X, ids)
    assert len(index) == 400


def test_an_upsert_replaces_and_adds(index: vicinal.Index, rng: np.random.Generator) -> None:
    X = make_rows(rng, "f32", 300, DIM)
    ids = np.concatenate([np.arange(100), np.arange(900, 1_100)])
    assert_array_equal(index.upsert(X, ids), ids)
    assert len(index) == 600
    assert_array_equal(index.get(ids), X)
    assert_array_equal(index.search(X, 1, plan="graph").ids[:, 0], ids)
    # Ids that are left to the index follow the largest there ever was.
    index.remove(ids[-1])
    assert_array_equal(index.add(X[0]), [1_100])


@pytest.mark.parametrize("layout", ["compact", "fast"])
@pytest.mark.parametrize("share", [1.0, 0.9, 0.3])
def test_all_of_an_index_may_be_replaced_in_one_call(
    rng: np.random.Generator, layout: str, share: float
) -> None:
    n = 2_000
    X = make_rows(rng, "f32", 2 * n, 48)
    index, fresh = (vicinal.Index(48, layout=layout, ef_construction=30) for _ in range(2))
    index.add(X[:n])
    left = int((1 - share) * n)
    index.upsert(X[n : 2 * n - left], np.arange(n - left))
    fresh.add(index.get(np.arange(n)))
    Q = X[n : n + 200] + np.float32(0.1)
    truth = fresh.search(Q, 10, exact=True).distances
    recalls = [
        (made.search(Q, 10, ef_search=64, plan="graph").distances == truth).mean()
        for made in (index, fresh)
    ]
    assert recalls[0] > recalls[1] - 0.02, recalls
    assert index.verify().ok


def test_after_clear_it_is_as_new(index: vicinal.Index, rng: np.random.Generator) -> None:
    X = make_rows(rng, "f32", 50, DIM)
    index.clear()
    assert len(index) == 0
    assert index.search(X[0]).counts == 0
    assert index.stats().entry_point is None
    assert_array_equal(index.add(X), np.arange(50))
    assert index.verify().ok


@pytest.mark.parametrize("which", ["oldest", "newest", "any"])
def test_what_most_of_an_index_took_is_given_back(rng: np.random.Generator, which: str) -> None:
    n, left = 12_000, 1_000
    X = make_rows(rng, "f32", n, 48)
    index, fresh = (vicinal.Index(48, layout="fast", ef_construction=30) for _ in range(2))
    index.add(X)
    ids, some = np.arange(n), np.sort(rng.choice(n, left, replace=False))
    stay = {"oldest": ids[-left:], "newest": ids[:left], "any": some}
    index.remove(np.setdiff1d(ids, stay[which]))
    size = sum(index.stats().bytes.values())
    before = resident()
    done = index.compact()
    assert done.moved <= left
    given_back = size - sum(index.stats().bytes.values())
    assert given_back > 0.85 * size
    assert (index.stats().dead, index.stats().free) == (0, 0)
    # Half of it at least is gone from the process as well: the rest of Python's heap moves, too.
    assert before is None or before - resident() > 0.5 * given_back
    fresh.add(X[stay[which]], ids=stay[which])
    assert sum(index.stats().bytes.values()) <= sum(fresh.stats().bytes.values()) + 16 * left
    assert_array_equal(np.sort(index.ids()), stay[which])
    assert_array_equal(index.get(stay[which]), X[stay[which]])
    assert index.verify().ok
    near = index.search(X[:200], 10, ef_search=100, plan="graph")
    assert (near.distances == fresh.search(X[:200], 10, exact=True).distances).mean() > 0.98
    # It grows again, into memory that it gave back.
    index.upsert(X[:3_000], ids[:3_000])
    assert_array_equal(index.get(ids[:3_000]), X[:3_000])
    assert index.verify().ok


def test_clearing_gives_memory_back() -> None:
    index = vicinal.Index(256, M=2, ef_construction=4)
    index.add(np.random.default_rng(0).random((20_000, 256), dtype=np.float32))
    before = resident()
    index.clear()
    assert before is None or before - resident() > 15_000_000
    assert sum(index.stats().bytes.values()) == 0


def test_a_map_is_not_changed(index: vicinal.Index, tmp_path: Path) -> None:
    saved(index, tmp_path)
    mapped = vicinal.Index.open(tmp_path / "state", mmap=True)
    changes: list[Callable[[], object]] = [
        lambda: mapped.remove([1]),
        lambda: mapped.upsert(np.ones(DIM), [1]),
        mapped.clear,
        mapped.compact,
        lambda: mapped.verify(repair=True),
    ]
    for change in changes:
        with pytest.raises(vicinal.ReadOnlyError):
            change()
    assert mapped.verify().ok


def test_a_map_keeps_its_view_of_a_file_that_is_replaced(
    index: vicinal.Index, rng: np.random.Generator, tmp_path: Path
) -> None:
    saved(index, tmp_path)
    mapped = vicinal.Index.open(tmp_path / "state", mmap=True)
    Q = make_rows(rng, "f32", 20, DIM)
    before = mapped.search(Q, plan="graph")
    index.remove(np.arange(350))
    index.upsert(Q, np.arange(390, 410))
    index.compact()
    saved(index, tmp_path)
    after = mapped.search(Q, plan="graph")
    assert_array_equal(after.ids, before.ids)
    assert_array_equal(after.distances, before.distances)
    assert mapped.verify().ok
    assert len(vicinal.Index.open(tmp_path / "state", mmap=True)) == 60


DAMAGE = """
import sys
import numpy as np, vicinal
index, report = vicinal.Index.salvage(sys.argv[1])
assert report.ok and report.mended, report
assert (index.ids() == np.arange(400)).all()
"""


def test_a_file_whose_links_are_damaged_is_salvaged(index: vicinal.Index, tmp_path: Path) -> None:
    whole = saved(index, tmp_path)
    path = tmp_path / "damaged"
    for seed in range(8):
        rng = np.random.default_rng(seed)
        # From the links on: vectors come before them, and the sums of blocks after them.
        data = bytearray(whole)
        start = 4096 + 2 * 4096 * -(-400 * DIM * 2 // 4096)
        for at in rng.integers(start, len(data) - 2 * 4096, size=3):
            data[at : at + 40] = rng.bytes(40)
        path.write_bytes(data)
        with pytest.raises(vicinal.CorruptionError):
            vicinal.Index.open(path)
        mended, report = vicinal.Index.salvage(path)
        assert report.ok
        assert report.reachable == 400
        assert report.mended
        assert_array_equal(mended.get(mended.ids()), index.get(index.ids()))
        assert path.read_bytes() == data
    subprocess.run([sys.executable, "-c", DAMAGE, str(path)], check=True)


def test_a_file_whose_vectors_are_damaged_is_not(index: vicinal.Index, tmp_path: Path) -> None:
    data = bytearray(saved(index, tmp_path))
    data[4096 + 100] ^= 1
    (tmp_path / "damaged").write_bytes(data)
    with pytest.raises(vicinal.CorruptionError, match="walk"):
        vicinal.Index.salvage(tmp_path / "damaged")


def test_what_is_whole_needs_no_repair(index: vicinal.Index, tmp_path: Path) -> None:
    index.remove(np.arange(100))
    before = saved(index, tmp_path)
    report = index.verify(repair=True)
    assert report.ok
    assert report.mended == []
    assert saved(index, tmp_path) == before
    _, report = vicinal.Index.salvage(tmp_path / "state")
    assert report.mended == []


def test_equal_vectors_that_were_removed_need_no_repair() -> None:
    index = vicinal.Index(4)
    index.add(np.repeat(np.eye(4, dtype=np.float32), 5, axis=0))
    index.remove([1, 2, 7, 10, 11, 12, 13, 14])
    report = index.verify(repair=True)
    assert report.ok
    assert report.mended == []
    assert len(index) == 12
