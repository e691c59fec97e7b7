"""Makes conditions of what users give, or says what is wrong with it, and where."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal import checks
from vicinal.checks import described
from vicinal.errors import InvalidInputError, InvalidTypeError
from vicinal.filters.conditions import (
    Between,
    Compare,
    Condition,
    Contains,
    Exists,
    IsNull,
    Near,
    OneOf,
    StartsWith,
)
from vicinal.filters.tree import Expr, Leaf, Not, Or
from vicinal.filters.values import Value, checked_value

if TYPE_CHECKING:
    from vicinal.filters.paths import Path


def nothing(path: Path) -> Expr:
    """Return the filter for a field that is null or missing: what equals None, as in MongoDB."""
    return Or((Leaf(path, IsNull()), Not(Leaf(path, Exists()))))


def compare(sign: str, value: Any, where: str) -> Condition:
    """``== < <= > >=`` a value."""
    checked = _some(value, where)
    if checked.kind == "bool" and sign != "==":
        raise InvalidTypeError(f"{where}: True and False have no order; compare with == or !=")
    return Compare(sign, checked)


def one_of(values: Any, where: str) -> Condition:
    """Equal to one of several values."""
    if isinstance(values, (str, bytes, dict)) or not np.iterable(values):
        raise InvalidTypeError(f"{where} takes a list of values, not {described(values)}")
    return OneOf(tuple(_some(value, f"{where}, value {i}") for i, value in enumerate(values)))


def between(low: Any, high: Any, where: str) -> Condition:
    """From one value to another."""
    ends = _some(low, f"{where}, low"), _some(high, f"{where}, high")
    if ends[0].kind != ends[1].kind or ends[0].kind == "bool":
        raise InvalidTypeError(
            f"{where} takes two numbers, two texts or two datetimes, not {low!r} and {high!r}"
        )
    if ends[0].key > ends[1].key:  # type: ignore[operator]
        raise InvalidInputError(f"{where}: {low!r} is above {high!r}; the lower end comes first")
    return Between(*ends)


def contains(value: Any, where: str) -> Condition:
    """An array with an element."""
    return Contains(_some(value, where))


def startswith(prefix: Any, where: str) -> Condition:
    """Text with a beginning."""
    checked = _some(prefix, where)
    if checked.kind != "text":
        raise InvalidTypeError(f"{where} takes text, not {described(prefix)}")
    return StartsWith(str(checked.key))


def near(point: Any, km: Any, where: str) -> Condition:
    """Within a radius."""
    if not isinstance(point, (tuple, list, np.ndarray)) or len(point) != 2:
        raise InvalidTypeError(f"{where} takes (latitude, longitude), not {described(point)}")
    lat = _from_to(point[0], -90, 90, f"{where}: the latitude")
    lon = _from_to(point[1], -180, 180, f"{where}: the longitude")
    return Near(lat, lon, _from_to(km, 0, math.inf, f"{where}: km"))


def _some(value: Any, where: str) -> Value:
    if value is None:
        raise InvalidTypeError(
            f"{where} can't be None: ask is_null() or exists() of the field ($null, $exists)"
        )
    return checked_value(value, where)


def _from_to(value: Any, low: float, high: float, what: str) -> float:
    number = checks.number(what, value)
    if not low <= number <= high or math.isinf(number):
        ends = f"from {low:g} to {high:g}" if high < math.inf else f"{low:g} or more, and finite"
        raise InvalidInputError(f"{what} must be {ends}, not {number!r}")
    return number
