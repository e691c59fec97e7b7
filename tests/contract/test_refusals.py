"""What can't be taken is refused: the message names the first bad row, and nothing is written."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal

import vicinal
from vicinal import DuplicateIdError, InvalidInputError, InvalidTypeError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

DIM = 4
GOOD = np.arange(20, dtype=np.float32).reshape(5, DIM) + 1


def spoiled(row: int, component: int, value: float, dtype: Any = np.float32) -> Any:
    rows = GOOD.astype(dtype)
    rows[row, component] = value
    return rows


def nulls(array: Any, mask: list[bool]) -> Any:
    return pa.FixedSizeListArray.from_arrays(array, DIM, mask=pa.array(mask))


class Broken:
    """An array of a library that can't give its data away, as a tensor on a GPU."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise RuntimeError("can't convert cuda:0 device type tensor to numpy")


FLAT = pa.array(GOOD[:3].ravel())

#: Rows, the error, what its message says; rows and queries are judged alike.
VALUES: dict[str, tuple[Any, type[Exception], str]] = {
    "NaN": (spoiled(3, 2, np.nan), InvalidInputError, r"{row} 3.*component 2.*NaN"),
    "infinity": (spoiled(1, 0, np.inf), InvalidInputError, r"{row} 1.*component 0.*inf"),
    "minus infinity": (spoiled(4, 3, -np.inf), InvalidInputError, r"{row} 4.*component 3.*-inf"),
    "NaN in float64": (
        spoiled(2, 1, np.nan, "f8"),
        InvalidInputError,
        r"{row} 2.*component 1.*NaN",
    ),
    "beyond float32": (
        spoiled(2, 1, 1e300, "f8"),
        InvalidInputError,
        r"{row} 2, component 1 is 1e\+300, beyond what f32 holds",
    ),
    "too long": (spoiled(2, 1, 3e19), InvalidInputError, r"{row} 2.*length.*too large.*scale"),
    "two are bad": (
        np.where(np.arange(5)[:, None] >= 2, np.nan, GOOD),
        InvalidInputError,
        r"{row} 2.*NaN",
    ),
    "wrong dimension": (GOOD[:, :3], InvalidInputError, r"{rows} have 3 components each, not 4"),
    "no components": (np.empty((5, 0)), InvalidInputError, r"{rows} have 0 components each, not 4"),
    "empty but too wide": (np.empty((0, 5)), InvalidInputError, r"5 components each, not 4"),
    "wrong single vector": (np.ones(5), InvalidInputError, r"{rows} have 5 components each, not 4"),
    "0-d": (np.float32(3), InvalidInputError, r"shape \(n, 4\) or \(4,\), not 0 dimensions \(\)"),
    "3-d": (GOOD[None], InvalidInputError, r"shape \(n, 4\).*not 3 dimensions \(1, 5, 4\)"),
    "strings": ([["a", "b", "c", "d"]], InvalidTypeError, r"{rows} must be numbers, not .* str"),
    "bytes": (b"abcd", InvalidTypeError, r"{rows} must be numbers, not .* bytes"),
    "complex": (GOOD.astype(complex), InvalidTypeError, r"must be numbers, not .* complex128"),
    "dates": (GOOD.astype("m8[s]"), InvalidTypeError, r"must be numbers, not .* timedelta64"),
    "records": (np.zeros(3, "f4,f4"), InvalidTypeError, r"must be numbers, not .* void"),
    "objects": (GOOD.astype(object), InvalidTypeError, r"must be numbers, not .* object"),
    "list of arrays as objects": (
        np.array([None, *GOOD], object)[1:],
        InvalidTypeError,
        r"object; np\.stack",
    ),
    "None": (None, InvalidTypeError, r"{rows} must be numbers"),
    "a dict": ({"a": 1}, InvalidTypeError, r"{rows} must be numbers"),
    "a generator": ((row for row in GOOD), InvalidTypeError, r"{rows} must be numbers"),
    "ragged": ([[1, 2, 3, 4], [1, 2, 3]], InvalidInputError, r"row 1 has 3 .*row 0 has 4"),
    "ragged arrays": ([GOOD[0], GOOD[1, :2]], InvalidInputError, r"row 1 has 2 .*row 0 has 4"),
    "ragged inside": (
        [[1, 2, 3, 4], [1, 2, 3, [4]]],
        InvalidInputError,
        r"{rows} can't be read as an array",
    ),
    "masked": (
        np.ma.masked_equal(GOOD, 10.0),
        InvalidInputError,
        r"row 2 has masked elements; fill or drop",
    ),
    "a tensor elsewhere": (Broken(), InvalidTypeError, r"a Broken can't be read.*cuda:0"),
    "null list": (nulls(FLAT, [False, True, False]), InvalidInputError, r"row 1 is null"),
    "null component": (
        pa.FixedSizeListArray.from_arrays(pa.array([*range(9), None, 1, 2], pa.float32()), DIM),
        InvalidInputError,
        r"row 2 has a null component",
    ),
    "uneven lists": (
        pa.array([[1.0, 2, 3, 4], [1.0, 2, 3, 4], [1.0]]),
        InvalidInputError,
        r"row 2 has 1 components, row 0 has 4",
    ),
    "a table": (pa.table({"a": [1.0]}), InvalidTypeError, r"pass one column"),
}


@pytest.mark.parametrize("what", VALUES)
def test_bad_rows_are_refused_and_none_is_written(what: str) -> None:
    rows, error, message = VALUES[what]
    index = vicinal.Index(DIM)
    index.add(GOOD, ids=[10, 11, 12, 13, 14])
    with pytest.raises(error, match=message.format(row="row", rows="rows")):
        index.add(rows)
    assert_array_equal(index.ids(), [10, 11, 12, 13, 14])
    assert_array_equal(index.search(GOOD, 1).ids[:, 0], index.ids())
    assert index.verify().ok


@pytest.mark.parametrize("what", [name for name in VALUES if name != "a generator"])
@pytest.mark.parametrize("exact", [False, True])
def test_bad_queries_are_refused(what: str, exact: bool) -> None:
    rows, error, message = VALUES[what]
    index = vicinal.Index(DIM)
    index.add(GOOD)
    expected = message.format(row="query", rows="queries")
    with pytest.raises(error, match=expected):
        index.search(rows, exact=exact)
    with pytest.raises(error, match=expected):
        vicinal.knn(GOOD, rows)
    with pytest.raises(error, match=expected):
        index.measure_recall(rows)


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "i8", "u8"])
def test_zero_vectors_have_no_direction(dtype: str) -> None:
    rows = GOOD.copy()
    rows[3] = 0
    index = vicinal.Index(DIM, "cosine", dtype)
    with pytest.raises(InvalidInputError, match=r"row 3.*zero vector.*cosine"):
        index.add(rows)
    index.add(GOOD)
    for exact in (False, True):
        with pytest.raises(InvalidInputError, match=r"query 3.*zero vector"):
            index.search(rows, exact=exact)
    with pytest.raises(InvalidInputError, match=r"row 3.*zero vector"):
        vicinal.knn(rows, GOOD, metric="cosine", dtype=dtype)
    assert len(vicinal.Index(DIM, "ip", dtype).add(rows)) == 5


def test_almost_zero_vectors_have_no_direction_either() -> None:
    with pytest.raises(InvalidInputError, match=r"row 1.*too small for cosine"):
        vicinal.Index(2, "cosine").add([[1.0, 0.0], [1e-20, 0.0]])


@pytest.mark.parametrize(
    ("dtype", "value", "message"),
    [
        ("u8", 256, r"row 2, component 1 is 256.*u8 holds the integers from 0 to 255"),
        ("u8", -1, r"row 2, component 1 is -1"),
        ("i8", 128, r"row 2, component 1 is 128.*i8 holds the integers from -128 to 127"),
        ("i8", -129, r"row 2, component 1 is -129"),
        ("i8", 0.5, r"row 2, component 1 is 0\.5.*choose dtype='f32'"),
        ("u8", np.nan, r"row 2, component 1 is nan"),
        ("u8", np.inf, r"row 2, component 1 is inf"),
        ("u8", 2.0**64, r"row 2, component 1 is 1\.8446744"),
        ("f16", 70_000, r"row 2, component 1 is 70000.*beyond what f16 holds \(±65504"),
        ("f16", -1e30, r"row 2, component 1 is -1e\+30"),
        ("bf16", 1e39, r"row 2, component 1 is 1e\+39, beyond"),
    ],
)
@pytest.mark.parametrize("source", [np.float64, np.float32, np.int64])
def test_values_that_would_change_are_refused(
    dtype: str, value: float, message: str, source: Any
) -> None:
    if source is np.int64 and not (value == value // 1 and abs(value) < 2**63):
        pytest.skip("no integer")
    if source is np.float32 and abs(value) > 1e38 and np.isfinite(value):
        pytest.skip("no float32")
    rows = spoiled(2, 1, value, source)
    if source is np.float32:
        message = message.replace(r"-1e\+30", r"-1").replace(r"\.8446744", r"\.844674")
    index = vicinal.Index(DIM, dtype=dtype)
    with pytest.raises(InvalidInputError, match=message):
        index.add(rows)
    assert len(index) == 0


def test_late_rows_are_named_by_their_number_in_the_whole() -> None:
    rows = np.ones((300_000, DIM))
    rows[290_001, 3] = 0.25
    for dtype in ("i8", "u8"):
        with pytest.raises(InvalidInputError, match=r"row 290,001, component 3 is 0\.25"):
            vicinal.Index(DIM, dtype=dtype).add(rows)
    rows[290_001, 3] = np.nan
    for dtype in ("f32", "f16", "bf16"):
        with pytest.raises(InvalidInputError, match=r"row 290,?001.*component 3.*NaN"):
            vicinal.Index(DIM, dtype=dtype).add(rows)


BITS: dict[str, tuple[Any, type[Exception], str]] = {
    "floats": (np.ones((2, 12)), InvalidTypeError, r"bools \(n, 12\) or packed uint8 \(n, 2\)"),
    "unpacked bytes": (
        np.ones((2, 12), "u1"),
        InvalidInputError,
        r"12 packed bytes .*not 2.*packbits",
    ),
    "too few bools": (np.ones((2, 11), bool), InvalidInputError, r"11 components each, not 12"),
    "padding": ([[255, 0], [0, 0b0001_0000], [0, 8]], InvalidInputError, r"{row} 2.*last 4 bits"),
    "beyond a byte": ([[1, 16], [256, 0]], InvalidInputError, r"{row} 1, component 0 is 256"),
}


@pytest.mark.parametrize("what", BITS)
def test_bad_bits_are_refused(what: str) -> None:
    rows, error, message = BITS[what]
    index = vicinal.Index(12, "jaccard", "bits")
    with pytest.raises(error, match=message.format(row="row")):
        index.add(rows)
    assert len(index) == 0
    with pytest.raises(error, match=message.format(row="query")):
        index.search(rows)


IDS: dict[str, tuple[Any, type[Exception], str]] = {
    "too few": ([1, 2], InvalidInputError, r"2 ids for 5 rows; give one id for each row"),
    "too many": (range(6), InvalidInputError, r"6 ids for 5 rows"),
    "none": ([], InvalidInputError, r"0 ids for 5 rows"),
    "negative": ([1, 2, -3, 4, -5], InvalidInputError, r"row 2.*id -3 is negative"),
    "twice": ([1, 2, 3, 2, 1], DuplicateIdError, r"row 3.*id 2 is twice"),
    "there already": ([1, 77, 3, 78, 5], DuplicateIdError, r"row 1.*id 77 is already in the index"),
    "floats": ([1.0, 2, 3, 4, 5], InvalidTypeError, r"ids must be integers, not .* float64"),
    "bools": ([True, False, True, False, True], InvalidTypeError, r"ids must be integers.*bool"),
    "strings": (list("abcde"), InvalidTypeError, r"ids must be integers.*str"),
    "objects": ([1, 2, None, 4, 5], InvalidTypeError, r"ids must be integers.*object"),
    "too large": (
        [1, 2, 2**63, 4, 5],
        InvalidInputError,
        r"row 2 holds 9223372036854775808, beyond 2\^63 - 1",
    ),
    "much too large": ([1, 2**80, 3, 4, 5], InvalidInputError, r"row 1 holds 12089.*, beyond"),
    "large unsigned": (
        np.array([1, 2, 3, 4, 2**64 - 1], np.uint64),
        InvalidInputError,
        r"row 4 holds 18446744073709551615, beyond",
    ),
    "two dimensions": (
        [[1, 2, 3, 4, 5]],
        InvalidInputError,
        r"one dimension, not the shape \(1, 5\)",
    ),
    "ragged": ([[1], 2, 3, 4, 5], InvalidInputError, r"ids can't be read as an array"),
}


@pytest.mark.parametrize("what", IDS)
def test_bad_ids_are_refused_and_nothing_is_written(what: str) -> None:
    ids, error, message = IDS[what]
    index = vicinal.Index(DIM)
    index.add(GOOD[:2], ids=[77, 78])
    with pytest.raises(error, match=message):
        index.add(GOOD, ids=ids)
    assert_array_equal(index.ids(), [77, 78])
    assert_array_equal(index.add(GOOD[:1]), [79])


def test_ids_that_are_not_there_are_not_found() -> None:
    index = vicinal.Index(DIM)
    index.add(GOOD)
    for ids in (5, [0, 5], [-1], [2**63 - 1]):
        with pytest.raises(
            NotFoundError, match=r"id (5|-1|9223372036854775807) is not in the index"
        ):
            index.get(ids)
    with pytest.raises(InvalidTypeError, match="ids must be integers"):
        index.get([0.5])
    with pytest.raises(InvalidInputError, match="one dimension"):
        index.get([[0]])


CONSTRUCTOR: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"dim": 0}, InvalidInputError, r"dim must be from 1 to 65,536, not 0"),
    ({"dim": -1}, InvalidInputError, r"dim must be from 1 to 65,536, not -1"),
    ({"dim": 65_537}, InvalidInputError, r"dim must be from 1 to 65,536, not 65,537"),
    ({"dim": 2**70}, InvalidInputError, r"dim must be from 1 to 65,536"),
    ({"dim": 4.0}, InvalidTypeError, r"dim must be an integer, not 4\.0 of type float"),
    ({"dim": True}, InvalidTypeError, r"dim must be an integer, not True of type bool"),
    ({"dim": "4"}, InvalidTypeError, r"dim must be an integer, not '4' of type str"),
    ({"dim": None}, InvalidTypeError, r"dim must be an integer, not None"),
    ({"dim": np.array([4, 4])}, InvalidTypeError, r"dim must be an integer"),
    ({"metric": "L2"}, InvalidInputError, r'unknown metric "L2"; choose one of l2, sqeuclidean'),
    ({"metric": 2}, InvalidTypeError, r"metric must be a string, not 2"),
    ({"dtype": "float32"}, InvalidInputError, r"unknown dtype .float32.; choose one of f32, f16"),
    ({"dtype": np.float32}, InvalidTypeError, r"dtype must be a string"),
    (
        {"metric": "l2", "dtype": "bits"},
        InvalidInputError,
        r'metric "l2" does not go with dtype "bits"',
    ),
    ({"metric": "hamming"}, InvalidInputError, r'metric "hamming" does not go with dtype "f32"'),
    ({"M": 1}, InvalidInputError, r"M must be from 2 to 512, not 1"),
    ({"M": 513}, InvalidInputError, r"M must be from 2 to 512, not 513"),
    ({"M": 16.0}, InvalidTypeError, r"M must be an integer"),
    ({"ef_construction": 0}, InvalidInputError, r"ef_construction must be from 1 to 100,000"),
    ({"seed": -1}, InvalidInputError, r"seed must be from 0"),
    ({"seed": 2**64}, InvalidInputError, r"seed must be from 0"),
    ({"seed": None}, InvalidTypeError, r"seed must be an integer"),
    ({"level_p": 0.0}, InvalidInputError, r"level_p must be above 0 and at most 0\.9, not 0"),
    ({"level_p": 1.0}, InvalidInputError, r"level_p must be above 0 and at most 0\.9, not 1"),
    ({"level_p": float("nan")}, InvalidInputError, r"level_p must be above 0"),
    ({"level_p": "x"}, InvalidTypeError, r"level_p must be a number, not 'x'"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), CONSTRUCTOR)
def test_bad_parameters_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        vicinal.Index(**{"dim": DIM, **arguments})


@pytest.mark.parametrize("dim", [1, 65_536])
def test_the_smallest_and_largest_dimension_work(dim: int) -> None:
    index = vicinal.Index(dim, dtype="u8")
    index.add(np.eye(3, dim, dtype=np.uint8) * 255)
    assert index.search(np.eye(1, dim, dtype=np.uint8) * 255, 1).ids == [[0]]


SEARCH: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"k": 0}, InvalidInputError, r"k must be from 1 to 2,147,483,647, not 0"),
    ({"k": -3}, InvalidInputError, r"k must be from 1 .*, not -3"),
    ({"k": 2**31}, InvalidInputError, r"k must be from 1"),
    ({"k": 2**80}, InvalidInputError, r"k must be from 1"),
    ({"k": 1.0}, InvalidTypeError, r"k must be an integer, not 1\.0"),
    ({"k": True}, InvalidTypeError, r"k must be an integer, not True"),
    ({"k": None}, InvalidTypeError, r"k must be an integer, not None"),
    ({"ef_search": 0}, InvalidInputError, r"ef_search must be from 1 .*, not 0"),
    ({"ef_search": "64"}, InvalidTypeError, r"ef_search must be an integer"),
    ({"threads": -1}, InvalidInputError, r"threads must be from 0 to 1,024, not -1"),
    ({"threads": 10**6}, InvalidInputError, r"threads must be from 0 to 1,024"),
    ({"threads": 1.5}, InvalidTypeError, r"threads must be an integer"),
    ({"threads": False}, InvalidTypeError, r"threads must be an integer, not False"),
    ({"exact": 1}, InvalidTypeError, r"exact must be True or False, not 1"),
    ({"counters": "yes"}, InvalidTypeError, r"counters must be True or False, not 'yes'"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), SEARCH)
def test_bad_search_arguments_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    index = vicinal.Index(DIM)
    index.add(GOOD)
    calls: list[Callable[..., Any]] = [index.search]
    if not arguments.keys() & {"exact", "counters"}:
        calls.append(index.measure_recall)
        if "ef_search" not in arguments:
            calls.append(lambda Q, **given: vicinal.knn(GOOD, Q, **given))
        if "threads" in arguments:
            calls.append(index.add)
    for call in calls:
        with pytest.raises(error, match=message):
            call(GOOD, **arguments)
    assert len(index) == 5


def test_numbers_of_numpy_are_as_good_as_python_s() -> None:
    index = vicinal.Index(np.int32(DIM), M=np.uint8(8), seed=np.int64(3), level_p=np.float32(0.5))
    assert (index.dim, index.M, index.seed, index.level_p) == (4, 8, 3, 0.5)
    index.add(GOOD, threads=np.int8(1))
    found = index.search(GOOD, np.int64(2), ef_search=np.uint16(9), exact=np.True_)  # type: ignore[arg-type]
    assert found.ids.shape == (5, 2)


def test_asking_for_more_than_memory_holds_is_an_error_not_a_crash() -> None:
    index = vicinal.Index(DIM)
    index.add(GOOD)
    queries = np.broadcast_to(GOOD[0], (1_000_000, DIM)).copy()
    for exact in (False, True):
        with pytest.raises((vicinal.OutOfMemoryError, MemoryError), match=r"memory"):
            index.search(queries, 2**31 - 1, exact=exact)
    # However large, ef_search is no more than the vectors there are.
    assert index.search(GOOD, 2, ef_search=2**31 - 1).ids.shape == (5, 2)


@pytest.mark.parametrize("progress", [1, "yes", [], 0])
def test_progress_is_a_flag_or_a_function(progress: Any) -> None:
    with pytest.raises(InvalidTypeError, match=r"progress must be True, False or a function"):
        vicinal.Index(DIM).add(GOOD, progress=progress)


@pytest.mark.parametrize("bad", [GOOD[0], GOOD[None], 3.0])
def test_knn_wants_rows_in_two_dimensions(bad: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"X must have the shape \(n, dim\), not \("):
        vicinal.knn(bad, GOOD)


def test_an_index_is_saved_not_pickled() -> None:
    index = vicinal.Index(DIM)
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(InvalidTypeError, match=r"save\(\) it, and open"):
            copied(index)
