"""Anything array-like, made into the rows that the engine reads: converted or refused.

The engine takes C-contiguous, aligned, native arrays of the stored dtype (queries of the float
dtypes: float32). An array that is so already passes without a copy. The values themselves (finite,
not too long, not zero under cosine) are judged by the engine, which reads them anyway.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vicinal.arrow import first_row, lists_as_rows
from vicinal.errors import InvalidInputError, InvalidTypeError

Array: TypeAlias = NDArray[Any]

#: numpy's dtype of a stored row; bf16 travels as the uint16 of its bits.
STORED: dict[str, np.dtype[Any]] = {
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(np.uint16),
    "i8": np.dtype(np.int8),
    "u8": np.dtype(np.uint8),
    "bits": np.dtype(np.uint8),
}

#: numpy's dtype of a query.
QUERY = {name: STORED["f32" if name in ("f16", "bf16") else name] for name in STORED}

#: Components that a vector may have.
MAX_DIM = 65_536

PACK = "; np.packbits(X, axis=-1) packs bools"

#: Elements converted at a time where a conversion needs copies to check itself.
BLOCK = 1 << 20


def stored_rows(values: ArrayLike, dim: int, dtype: str) -> Array:
    """Rows to store, as the engine takes them: (n, dim), or (n, ceil(dim / 8)) for bits."""
    rows = np.atleast_2d(_shaped(to_array(values, "rows"), dim, dtype, "rows"))
    if dtype == "bf16" and rows.dtype.name == "bfloat16":
        return _plain(rows.view(np.uint16), STORED[dtype])
    if dtype == "bf16":
        return _to_bf16(_converted(rows, STORED["f32"], "f32", "row"))
    return _converted(rows, STORED[dtype], dtype, "row")


def query_rows(values: ArrayLike, dim: int, dtype: str) -> Array:
    """Queries as the engine takes them; one query keeps its single dimension."""
    rows = _shaped(to_array(values, "queries"), dim, dtype, "queries")
    return _converted(rows, QUERY[dtype], dtype, "query")


def one_query(values: ArrayLike, dim: int, dtype: str) -> Array:
    """The one query that is asked about, as the engine takes it: (dim,)."""
    rows = query_rows(values, dim, dtype)
    if rows.ndim == 2 and len(rows) != 1:
        raise InvalidInputError(
            f"one query is explained at a time, not {len(rows):,}: pass a row of them"
        )
    return rows.reshape(-1)


def to_array(values: ArrayLike, name: str) -> Array:
    """``values`` as a numeric array of any dtype and stride, without a copy where possible."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        row = first_row(np.ma.getmaskarray(values))
        raise InvalidInputError(f"{name}: row {row} has masked elements; fill or drop them")
    if type(values).__module__.partition(".")[0] == "pyarrow":
        values = lists_as_rows(values, name)
    array = _read(values, name)
    if array.dtype.kind in "fiub":
        return array
    if array.dtype.kind == "V" and array.dtype.name.startswith(("bfloat", "float", "int", "uint")):
        # The small types of ml_dtypes: float32 holds every value of each.
        return array if array.dtype.name == "bfloat16" else array.astype(np.float32)
    hint = "; np.stack(...) makes one array of a list of arrays" if array.dtype.kind == "O" else ""
    raise InvalidTypeError(
        f"{name} must be numbers, not an array of dtype {array.dtype.name}{hint}"
    )


def id_array(ids: Any, rows: int | None = None) -> NDArray[np.int64]:
    """Ids as contiguous int64, one for each of ``rows`` rows where that is given."""
    array = _read(ids, "ids")
    if array.size == 0 and array.dtype.kind == "f":
        array = array.astype(np.int64)  # numpy's reading of an empty list
    if array.ndim > 1:
        raise InvalidInputError(f"ids must have one dimension, not the shape {array.shape}")
    array = array.reshape(-1)
    if array.dtype.kind not in "iu" or (array.dtype == np.uint64 and (array >> 63).any()):
        # A list with large ints is read as objects, as uint64, or even as floats.
        numbers = np.asarray(ids, object).reshape(-1)
        for row, number in enumerate(numbers):
            if type(number) is int and not -(2**63) <= number < 2**63:
                raise InvalidInputError(f"ids: row {row} holds {number}, beyond 2^63 - 1")
    if array.dtype.kind not in "iu":
        raise InvalidTypeError(f"ids must be integers, not an array of dtype {array.dtype.name}")
    if rows is not None and array.size != rows:
        raise InvalidInputError(f"{array.size:,} ids for {rows:,} rows; give one id for each row")
    return np.ascontiguousarray(array, dtype=np.int64)


def from_stored(values: NDArray[np.uint8], dim: int, dtype: str) -> Array:
    """The engine's bytes as rows: bf16 widened to float32, bits packed as they are."""
    rows: Array = values.view(STORED[dtype]).reshape(-1, row_width(dim, dtype))
    if dtype == "bf16":
        wide: NDArray[np.uint32] = rows.astype(np.uint32) << np.uint32(16)
        return wide.view(np.float32)
    return rows


def row_width(dim: int, dtype: str) -> int:
    """Elements of a row: its components, or the bytes that pack them."""
    return -(-dim // 8) if dtype == "bits" else dim


def _shaped(array: Array, dim: int, dtype: str, name: str) -> Array:
    """``array`` if its shape is (dim,) or (n, dim); bools for bits are packed."""
    if array.shape == (0,):
        kind = bool if dtype == "bits" else array.dtype  # an empty list has no kind of its own
        array = array.reshape(0, dim).astype(kind)
    if array.ndim not in (1, 2):
        raise InvalidInputError(
            f"{name} must have the shape (n, {dim}) or ({dim},), not {array.ndim} dimensions "
            f"{array.shape}"
        )
    width = dim
    if dtype == "bits":
        if array.dtype.kind not in "iub":
            raise InvalidTypeError(
                f"{name} of bits must be bools (n, {dim}) or packed uint8 "
                f"(n, {row_width(dim, dtype)}), not {array.dtype.name}; `X > threshold` makes bools"
            )
        width = dim if array.dtype.kind == "b" else row_width(dim, dtype)
    if array.shape[-1] != width:
        unit, hint = ("components", "") if width == dim else ("packed bytes", PACK)
        raise InvalidInputError(
            f"{name} have {array.shape[-1]:,} {unit} each, not {width:,} (dim={dim}){hint}"
        )
    return np.packbits(array, axis=-1) if dtype == "bits" and array.dtype.kind == "b" else array


def _converted(rows: Array, target: np.dtype[Any], dtype: str, what: str) -> Array:
    """``rows`` as ``target``, or the first row that would lose its meaning."""
    if rows.dtype == target:
        return _plain(rows, target)
    if rows.dtype.kind == "V":
        rows = rows.astype(np.float32)  # bfloat16
    if target.kind != "f":
        return _to_integers(rows, target, dtype, what)
    try:
        with np.errstate(over="raise", under="ignore", invalid="ignore"):
            return _plain(rows, target)
    except FloatingPointError:
        pass
    with np.errstate(all="ignore"):
        lost = np.isinf(rows.astype(target)) & np.isfinite(rows)
    raise InvalidInputError(
        f"{_place(lost, what)} is {rows[lost][0]}, beyond what {dtype} holds "
        f"(±{np.finfo(target).max}); scale the data"
    )


def _to_integers(rows: Array, target: np.dtype[Any], dtype: str, what: str) -> Array:
    converted = np.empty(rows.shape, target)
    step = max(1, BLOCK // max(1, rows.shape[-1])) if rows.ndim == 2 else rows.size
    for start in range(0, len(rows), step):
        source, block = rows[start : start + step], converted[start : start + step]
        with np.errstate(invalid="ignore"):
            block[...] = source.astype(target)
        lost = source != block  # a value out of range, with a fraction, or NaN
        if lost.any():
            holds = np.iinfo(target)
            raise InvalidInputError(
                f"{_place(lost, what, start)} is {source[lost][0]}, but {dtype} holds the integers "
                f"from {holds.min} to {holds.max}; scale and round the data, or choose dtype='f32'"
            )
    return converted


def _to_bf16(rows: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The high halves, rounded to nearest even. The engine sees NaN and infinity as such."""
    converted = np.empty(rows.shape, np.uint16)
    step = max(1, BLOCK // max(1, rows.shape[-1]))
    for start in range(0, len(rows), step):
        bits = rows[start : start + step].view(np.uint32)
        rounded = bits + (np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1)))
        nan = (bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
        rounded[nan] = 0x7FC00000  # or the carry would make it a number
        converted[start : start + step] = rounded >> np.uint32(16)
    return converted


def _plain(rows: Array, target: np.dtype[Any]) -> Array:
    """C-contiguous, aligned, of native byte order; a copy only where it must be."""
    return np.require(rows, target, ["C_CONTIGUOUS", "ALIGNED"])


def _read(values: Any, name: str) -> Array:
    """``values`` as numpy reads them."""
    try:
        if hasattr(values, "__dlpack__") and not hasattr(values, "__array__"):
            return np.from_dlpack(values)
        return np.asarray(values)
    except MemoryError:
        raise
    except Exception as error:  # whatever a foreign __array__ raises
        raise _unreadable(values, name, error) from error


def _unreadable(values: Any, name: str, error: Exception) -> InvalidTypeError | InvalidInputError:
    """Why numpy could not read ``values``: rows of different lengths, or something foreign."""
    if isinstance(values, (list, tuple)) and isinstance(error, ValueError):
        sizes = [len(row) if isinstance(row, (list, tuple)) else np.size(row) for row in values]
        if (uneven := np.array(sizes) != sizes[0]).any():
            row = first_row(uneven)
            return InvalidInputError(
                f"{name}: row {row} has {sizes[row]} components, row 0 has {sizes[0]}"
            )
        return InvalidInputError(f"{name} can't be read as an array: {error}")
    return InvalidTypeError(f"{name}: a {type(values).__name__} can't be read as an array: {error}")


def _place(bad: Array, what: str, start: int = 0) -> str:
    """Where the first true element of ``bad`` is."""
    *row, component = np.argwhere(bad)[0]
    return f"{what} {int(row[0]) + start if row else 0:,}, component {int(component):,}"
