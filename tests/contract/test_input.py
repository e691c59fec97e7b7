"""Whatever converts without losing its meaning is taken; the index keeps the values given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal

import vicinal
from support import SPACES, as_stored, make_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

INTEGERS = np.arange(12).reshape(3, 4) * 7 + 1


def kept(rows: Any, dtype: str = "f32", dim: int = 4) -> NDArray[Any]:
    """What an index gives back of ``rows``; searching with them must find them."""
    index = vicinal.Index(dim, "hamming" if dtype == "bits" else "l2", dtype)
    ids = index.add(rows)
    for exact in (False, True):
        found = index.search(rows, 1, exact=exact)
        assert_array_equal(found.ids[:, 0], ids)
        assert_array_equal(found.distances, 0)
    return index.get(ids)


@pytest.mark.parametrize("source", [*"bhilqBHILQefdg", ">f4", ">f8", ">i2", ">u4", "<f2", ">f2"])
@pytest.mark.parametrize("target", ["f32", "f16", "bf16", "i8", "u8"])
def test_every_real_dtype_converts_to_every_other(source: str, target: str) -> None:
    assert_array_equal(kept(INTEGERS.astype(source), target), INTEGERS)


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "uint4"])
@pytest.mark.parametrize("target", ["f32", "f16", "bf16", "i8", "u8"])
def test_the_small_types_of_ml_dtypes_convert(name: str, target: str) -> None:
    rows = (np.arange(12).reshape(3, 4) % 5 + np.eye(3, 4)).astype(getattr(ml_dtypes, name))
    assert_array_equal(kept(rows, target), rows.astype(np.float32))


@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_stored_vectors_come_back_as_they_were(
    rng: np.random.Generator, metric: str, dtype: str
) -> None:
    X = make_rows(rng, dtype, 200, 19)
    index = vicinal.Index(19, metric, dtype, ef_construction=20)
    ids = index.add(X, rng.permutation(1000)[:200])
    order = rng.permutation(200)
    back = index.get(ids[order])
    expected = np.packbits(X, axis=-1) if dtype == "bits" else as_stored(X, dtype)
    assert_array_equal(back, expected[order])
    assert back.dtype == {"bf16": np.float32, "bits": np.uint8}.get(dtype, X.dtype)


LAYOUTS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "fortran order": np.asfortranarray,
    "every second": lambda x: np.repeat(np.repeat(x, 2, axis=0), 2, axis=1)[::2, ::2],
    "negative strides": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    "unaligned": lambda x: np.frombuffer(b"\0" + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
    "broadcast": lambda x: np.broadcast_to(x[0], x.shape),
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "np.matrix": np.asmatrix,
    "unmasked np.ma": np.ma.asarray,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "i8", "u8"])
@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_every_memory_layout_is_read_right(layout: str, dtype: str) -> None:
    native = {"f16": np.float16, "i8": np.int8, "u8": np.uint8}.get(dtype, np.float32)
    rows = LAYOUTS[layout](INTEGERS.astype(native))
    index = vicinal.Index(4, dtype=dtype)
    assert_array_equal(index.get(index.add(rows)), rows)
    assert_array_equal(index.search(rows, 1).distances, 0)
    assert_array_equal(index.search(rows[0], 1).distances.ravel(), 0)
    assert_array_equal(vicinal.knn(rows, rows, 1).distances, 0)


def test_a_mapped_file_is_read_in_place(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", INTEGERS.astype(np.float32))
    assert_array_equal(kept(np.load(tmp_path / "x.npy", mmap_mode="r")), INTEGERS)


def test_lists_and_nested_sequences_are_rows() -> None:
    assert_array_equal(kept(INTEGERS.tolist()), INTEGERS)
    assert_array_equal(kept(tuple(map(tuple, INTEGERS.tolist())), "u8"), INTEGERS)
    assert_array_equal(kept(list(INTEGERS.astype(np.float64))), INTEGERS)


class ThroughArray:
    """As torch on the CPU."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return INTEGERS.astype(np.float32 if dtype is None else dtype)


class ThroughDLPack:
    """As any library of the array API standard."""

    def __init__(self) -> None:
        self.array = INTEGERS.astype(np.float32)

    def __dlpack__(self, **arguments: Any) -> Any:
        return self.array.__dlpack__(**arguments)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


class ThroughInterface:
    """As PIL, and much that is older."""

    def __init__(self) -> None:
        self.array = INTEGERS.astype(np.float32)

    @property
    def __array_interface__(self) -> Any:
        return self.array.__array_interface__


@pytest.mark.parametrize("foreign", [ThroughArray, ThroughDLPack, ThroughInterface])
@pytest.mark.parametrize("dtype", ["f32", "bf16", "u8"])
def test_arrays_of_other_libraries_are_read_through_the_protocols(
    foreign: Callable[[], Any], dtype: str
) -> None:
    assert_array_equal(kept(foreign(), dtype), INTEGERS)


def test_torch_tensors_are_read() -> None:
    torch = pytest.importorskip("torch")
    for kind in (torch.float32, torch.float64, torch.float16, torch.int64):
        assert_array_equal(kept(torch.tensor(INTEGERS).to(kind)), INTEGERS)
    assert_array_equal(kept(torch.tensor(INTEGERS.T.astype(np.float32)).T), INTEGERS)


FLAT = pa.array(INTEGERS.astype(np.float32).ravel())
FIXED = pa.FixedSizeListArray.from_arrays(FLAT, 4)
ARROWS = {
    "fixed lists": FIXED,
    "lists": FIXED.cast(pa.list_(pa.float32())),
    "large lists": FIXED.cast(pa.large_list(pa.float32())),
    "half floats": pa.FixedSizeListArray.from_arrays(pa.array(INTEGERS.astype("f2").ravel()), 4),
    "bytes": pa.FixedSizeListArray.from_arrays(pa.array(INTEGERS.astype("u1").ravel()), 4),
    "a slice": pa.concat_arrays([FIXED, FIXED])[3:],
    "chunks": pa.chunked_array([FIXED[:1], FIXED[1:1], FIXED[1:]]),
    "a table's column": pa.table({"v": FIXED})["v"],
    "tensors": pa.FixedShapeTensorArray.from_numpy_ndarray(INTEGERS.astype(np.float32)),
}


@pytest.mark.parametrize("kind", ARROWS)
def test_arrow_lists_are_rows(kind: str) -> None:
    assert_array_equal(kept(ARROWS[kind]), INTEGERS)
    assert_array_equal(vicinal.knn(ARROWS[kind], INTEGERS, 1).ids, [[0], [1], [2]])


def test_arrow_arrays_without_rows_are_empty() -> None:
    index = vicinal.Index(4)
    for empty in (FIXED[:0], pa.chunked_array([], FIXED.type)):
        assert len(index.add(empty)) == 0
    index.add(FLAT[:4])  # one vector, as a plain array
    assert len(index) == 1


def test_bits_are_bools_or_packed_bytes(rng: np.random.Generator) -> None:
    bools = rng.random((20, 21)) < 0.5
    packed = np.packbits(bools, axis=-1)
    for given in (bools, packed, packed.tolist(), packed.astype(np.int64), bools.tolist()):
        assert_array_equal(kept(given, "bits", 21), packed)
    index = vicinal.Index(21, "jaccard", "bits")
    index.add(bools)
    for query in (bools[5], packed[5]):
        assert index.search(query, 1).ids == [5]
    assert_array_equal(vicinal.knn(packed, packed, 1, metric="hamming").ids[:, 0], np.arange(20))


def test_bf16_rounds_to_the_nearest_and_ties_to_even(rng: np.random.Generator) -> None:
    values = rng.integers(0, 2**32, 40_000, dtype=np.uint32).view(np.float32)
    values = values[np.abs(values) < 1e15].reshape(-1)  # leaves NaN out too
    values = np.concatenate([values, [0.0, -0.0, 1e-45, -1e-40, 1.0 + 2**-8, 1.0 + 3 * 2**-8]])
    values = values.astype(np.float32)
    expected = values.astype(ml_dtypes.bfloat16)
    index = vicinal.Index(len(values), dtype="bf16")
    back = index.get(index.add(values)[0])
    assert_array_equal(back.view(np.uint32), expected.astype(np.float32).view(np.uint32))
    assert_array_equal(index.get(index.add(expected)[0]), back)


def test_no_rows_can_be_added() -> None:
    nothings: list[Any] = [[], np.empty((0, 4)), np.empty((0, 4), np.float32), ()]
    for nothing in nothings:
        index = vicinal.Index(4)
        ids = index.add(nothing)
        assert ids.dtype == np.int64
        assert len(ids) == len(index) == 0
    assert len(vicinal.Index(9, "hamming", "bits").add([])) == 0


def test_one_vector_is_one_row() -> None:
    index = vicinal.Index(4)
    assert_array_equal(index.add([1, 2, 3, 4]), [0])
    assert_array_equal(index.add([1, 2, 3, 5], ids=7), [7])
    assert_array_equal(index.get(7), [1, 2, 3, 5])


@pytest.mark.parametrize("kind", ["i1", "u1", "i4", ">i4", "u8", "i8", "list", "tuple", "strided"])
def test_ids_are_integers_of_any_kind(kind: str) -> None:
    values = [100, 3, 0]
    ids: Any = {"list": values, "tuple": tuple(values), "strided": np.repeat(values, 2)[::2]}.get(
        kind
    )
    index = vicinal.Index(4)
    given = np.array(values, kind) if ids is None else ids
    assert_array_equal(index.add(INTEGERS, ids=given), values)
    assert_array_equal(index.ids(), values)
    assert_array_equal(index.get(given), INTEGERS)
    assert index.get([]).shape == (0, 4)


def test_ids_left_to_the_index_follow_the_largest() -> None:
    index = vicinal.Index(4)
    assert_array_equal(index.add(INTEGERS), [0, 1, 2])
    assert_array_equal(index.add(INTEGERS + 1), [3, 4, 5])
    assert_array_equal(index.add(INTEGERS + 2, ids=[50, 9, 2**62]), [50, 9, 2**62])
    assert_array_equal(index.add(INTEGERS + 3), [2**62 + 1, 2**62 + 2, 2**62 + 3])
    assert_array_equal(index.search(INTEGERS + 3, 1).ids[:, 0], [2**62 + 1, 2**62 + 2, 2**62 + 3])


def test_an_index_knows_its_ids() -> None:
    index = vicinal.Index(4)
    index.add(INTEGERS, ids=[5, 2**63 - 1, 0])
    for present in (5, np.int8(5), np.uint64(5), 2**63 - 1, 0, False):
        assert present in index
    for absent in (1, -1, 2**63, -(2**70), 2**70, "5", None, 5.0, [5], np.array([5, 0])):
        assert absent not in index


def test_input_is_not_changed(rng: np.random.Generator) -> None:
    for dtype in ("f32", "bf16", "i8"):
        X = make_rows(rng, "i8", 30, 5).astype(np.float32)
        before = X.copy()
        index = vicinal.Index(5, "cosine", dtype)
        X[(X == 0).all(axis=1)] = before[(before == 0).all(axis=1)] = 1
        index.add(X)
        index.search(X)
        assert_array_equal(X, before)
