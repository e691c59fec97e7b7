"""What can't be taken is refused: the message names the first bad row, and nothing is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal

import vicinal
from vicinal import DuplicateIdError, InvalidInputError, InvalidTypeError, NotFoundError

DIM = 4
GOOD = np.arange(20, dtype=np.float32).reshape(5, DIM) + 1


def spoiled(row: int, component: int, value: float, dtype: Any = np.float32) -> Any:
    rows = GOOD.astype(dtype)
    rows[row, component] = value
    return rows


class Broken:
    """An array of a library that can't give its data away, as a tensor on a GPU."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise RuntimeError("can't convert cuda:0 device type tensor to numpy")


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
    "null list": (
        pa.array([[1, 2, 3, 4], None, [1, 2, 3, 4]], pa.list_(pa.float32(), DIM)),
        InvalidInputError,
        r"row 1 is null",
    ),
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
    "a table": (pa.table({"a": [1.0]}), InvalidTypeError, r"pass one column, not a Table"),
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


CHANGED: list[tuple[str, float, str]] = [
    ("u8", 256, r"row 2, component 1 is 256.*u8 holds the integers from 0 to 255"),
    ("u8", -1, r"row 2, component 1 is -1"),
    ("i8", 128, r"row 2, component 1 is 128.*i8 holds the integers from -128 to 127"),
    ("i8", -129, r"row 2, component 1 is -129"),
    ("i8", 0.5, r"row 2, component 1 is 0\.5.*choose dtype='f32'"),
    ("u8", np.nan, r"row 2, component 1 is nan"),
    ("u8", np.inf, r"row 2, component 1 is inf"),
    ("u8", 2.0**60, r"row 2, component 1 is 1\.?15292"),
    ("f16", 70_000, r"row 2, component 1 is 70000.*beyond what f16 holds \(±65504"),
    ("f16", -(2.0**40), r"row 2, component 1 is -1099511"),
    ("bf16", 1e39, r"row 2, component 1 is 1e\+39, beyond"),
]


def holds(source: type[Any], value: float) -> bool:
    """Whether an array of ``source`` can have the value at all."""
    if source is np.int64:
        return np.isfinite(value) and value == int(value) and abs(value) < 2**63
    return source is np.float64 or not 1e38 < abs(value) < np.inf


@pytest.mark.parametrize(
    ("source", "dtype", "value", "message"),
    [
        (source, *case)
        for case in CHANGED
        for source in (np.float64, np.float32, np.int64)
        if holds(source, case[1])
    ],
)
def test_values_that_would_change_are_refused(
    source: type[Any], dtype: str, value: float, message: str
) -> None:
    index = vicinal.Index(DIM, dtype=dtype)
    with pytest.raises(InvalidInputError, match=message):
        index.add(spoiled(2, 1, value, source))
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
