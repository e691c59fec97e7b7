"""Rows from pyarrow, without importing it: an array of lists would come to numpy as objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from vicinal.errors import InvalidInputError, InvalidTypeError


def lists_as_rows(values: Any, name: str) -> Any:
    """Make one array of a pyarrow array of lists of one length, chunked or not.

    Fixed-size lists of numbers are not copied. An array of plain numbers is left to numpy.
    """
    if hasattr(values, "combine_chunks"):
        values = values.combine_chunks()
    values = getattr(values, "storage", values)  # a tensor extension's lists
    if not hasattr(values, "null_count"):
        raise InvalidTypeError(f"{name}: pass one column, not a {type(values).__name__}")
    if values.null_count:
        row = first_row(values.is_null().to_numpy(zero_copy_only=False))
        raise InvalidInputError(f"{name}: row {row} is null; drop it")
    if not hasattr(values, "value_lengths"):
        return values
    lengths = values.value_lengths().to_numpy(zero_copy_only=False)
    if not len(lengths):
        return np.empty(0)
    if (uneven := lengths != lengths[0]).any():
        row = first_row(uneven)
        raise InvalidInputError(
            f"{name}: row {row} has {lengths[row]} components, row 0 has {lengths[0]}"
        )
    flat = values.flatten()
    if flat.null_count:
        nulls = flat.is_null().to_numpy(zero_copy_only=False)
        row = first_row(nulls.reshape(len(lengths), -1))
        raise InvalidInputError(f"{name}: row {row} has a null component; fill or drop it")
    return flat.to_numpy(zero_copy_only=False).reshape(len(lengths), lengths[0])


def first_row(bad: Any) -> int:
    """Find the first row (first axis) with anything true in it."""
    return int(np.argmax(np.asarray(bad).reshape(len(bad), -1).any(axis=1)))
