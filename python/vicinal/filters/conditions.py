"""What a filter asks of one value of a payload: whether it holds, in Python and in SQL.

A value of another kind than the one asked for, and a missing one, hold nothing; there are no
errors and no third truth value, so that "not" is always the other half of the records.
"""

from __future__ import annotations

import json
import operator
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from vicinal.filters import geo
from vicinal.filters.paths import MISSING, sql_path
from vicinal.filters.sql import ELEMENT, Fragment, Operand, joined
from vicinal.filters.values import Kind, Value, key_of, sql_key

#: As operators and as dicts spell them.
COMPARISONS: Final = {"==": "$eq", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}
FUNCTIONS: Final = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

#: The last of the code points that no text has: they stand for halves of others.
LAST_SURROGATE = 0xDFFF
LAST_CODE_POINT = 0x10FFFF


class Condition(ABC):
    """A question about one value."""

    __slots__ = ()

    #: The operator of a dict.
    spelling: ClassVar[str]

    @abstractmethod
    def holds(self, value: Any) -> bool:
        """Whether ``value``, which may be `MISSING`, is as asked."""

    @abstractmethod
    def sql(self, operand: Operand) -> Fragment:
        """Return the same in SQL; NULL counts as false."""

    @property
    @abstractmethod
    def argument(self) -> Any:
        """What stands behind the operator in a dict, as JSON."""

    @abstractmethod
    def shown(self, name: str) -> str:
        """Return the condition on the field ``name`` as Python writes it."""


@dataclass(frozen=True, slots=True)
class Compare(Condition):
    """``==``, ``<``, ``<=``, ``>`` or ``>=`` a value; text by code point."""

    sign: str
    value: Value

    @property
    def spelling(self) -> str:  # type: ignore[override] # noqa: D102
        return COMPARISONS[self.sign]

    def holds(self, value: Any) -> bool:  # noqa: D102
        key = key_of(self.value.kind, value)
        return key is not None and bool(FUNCTIONS[self.sign](key, self.value.key))

    def sql(self, operand: Operand) -> Fragment:  # noqa: D102
        guard, key = sql_key(self.value.kind, operand)
        sign = "=" if self.sign == "==" else self.sign
        return f"({guard} AND {key} {sign} ?)", [self.value.key]

    @property
    def argument(self) -> Any:  # noqa: D102
        return self.value.spelled

    def shown(self, name: str) -> str:  # noqa: D102
        return f"{name} {self.sign} {self.value.plain!r}"


@dataclass(frozen=True, slots=True)
class Between(Condition):
    """From one value to another of its kind, both included."""

    spelling: ClassVar[str] = "$between"
    low: Value
    high: Value

    def holds(self, value: Any) -> bool:  # noqa: D102
        key = key_of(self.low.kind, value)
        return key is not None and self.low.key <= key <= self.high.key  # type: ignore[operator]

    def sql(self, operand: Operand) -> Fragment:  # noqa: D102
        guard, key = sql_key(self.low.kind, operand)
        return f"({guard} AND {key} BETWEEN ? AND ?)", [self.low.key, self.high.key]

    @property
    def argument(self) -> Any:  # noqa: D102
        return [self.low.spelled, self.high.spelled]

    def shown(self, name: str) -> str:  # noqa: D102
        return f"{name}.between({self.low.plain!r}, {self.high.plain!r})"


@dataclass(frozen=True, slots=True)
class OneOf(Condition):
    """Equal to one of the values, which may be of several kinds."""

    spelling: ClassVar[str] = "$in"
    values: tuple[Value, ...]

    keys: dict[Kind, frozenset[Any]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        keys: dict[Kind, set[Any]] = {}
        for value in self.values:
            keys.setdefault(value.kind, set()).add(value.key)
        frozen = {kind: frozenset(of_kind) for kind, of_kind in keys.items()}
        object.__setattr__(self, "keys", frozen)

    def holds(self, value: Any) -> bool:  # noqa: D102
        # A key is never None, so a value that has no key of the kind is in no list.
        return any(key_of(kind, value) in keys for kind, keys in self.keys.items())

    def sql(self, operand: Operand) -> Fragment:  # noqa: D102
        parts: list[Fragment] = []
        for kind, keys in self.keys.items():
            guard, key = sql_key(kind, operand)
            listed = json.dumps([int(k) if kind == "bool" else k for k in keys])
            # One question mark for any number of values: SQLite bounds how many a statement has.
            parts.append((f"({guard} AND {key} IN (SELECT value FROM json_each(?)))", [listed]))
        return joined(parts, "OR") if parts else ("0", [])

    @property
    def argument(self) -> Any:  # noqa: D102
        return [value.spelled for value in self.values]

    def shown(self, name: str) -> str:  # noqa: D102
        return f"{name}.is_in({[value.plain for value in self.values]!r})"


@dataclass(frozen=True, slots=True)
class Contains(Condition):
    """An array with an element equal to the value."""

    spelling: ClassVar[str] = "$contains"
    value: Value

    def holds(self, value: Any) -> bool:  # noqa: D102
        if not isinstance(value, (list, tuple)):
            return False
        return any(key_of(self.value.kind, one) == self.value.key for one in value)

    def sql(self, operand: Operand) -> Fragment:  # noqa: D102
        equal, params = Compare("==", self.value).sql(ELEMENT)
        elements = f"json_each(r.payload, {sql_path(operand.path)}) AS e"
        return (
            f"({operand.type} = 'array' AND EXISTS (SELECT 1 FROM {elements} WHERE {equal}))",
            params,
        )

    @property
    def argument(self) -> Any:  # noqa: D102
        return self.value.spelled

    def shown(self, name: str) -> str:  # noqa: D102
        return f"{name}.contains({self.value.plain!r})"


@dataclass(frozen=True, slots=True)
class StartsWith(Condition):
    """Text that begins so."""

    spelling: ClassVar[str] = "$prefix"
    prefix: str

    def after(self) -> str | None:
        """Return the first text that is after all that begin so, None if all text is before."""
        stem = self.prefix.rstrip(chr(LAST_CODE_POINT))
        if not stem:
            return None
        code = ord(stem[-1]) + 1
        # The code before the surrogates is followed by the one after them.
        after = LAST_SURROGATE + 1 if 0xD800 <= code <= LAST_SURROGATE else code
        return stem[:-1] + chr(after)

    def holds(self, value: Any) -> bool:  # noqa: D102
        return isinstance(value, str) and value.startswith(self.prefix)

    def sql(self, operand: Operand) -> Fragment:  # noqa: D102
        guard, key = sql_key("text", operand)
        after = self.after()
        if after is None:
            return f"({guard} AND {key} >= ?)", [self.prefix]
        return f"({guard} AND {key} >= ? AND {key} < ?)", [self.prefix, after]

    @property
    def argument(self) -> Any:  # noqa: D102
        return self.prefix

    def shown(self, name: str) -> str:  # noqa: D102
        return f"{name}.startswith({self.prefix!r})"


@dataclass(frozen=True, slots=True)
class Near(Condition):
    """An object with numbers ``lat`` and ``lon``, in degrees, within ``km`` of a point."""

    spelling: ClassVar[str] = "$near"
    lat: float
    lon: float
    km: float

    def holds(self, value: Any) -> bool:  # noqa: D102
        point = point_of(value)
        if point is None:
            return False
        return geo.haversine(*point, self.lat, self.lon) <= geo.bound(self.km)

    def sql(self, operand: Operand) -> Fragment:  # noqa: D102
        lat, lon = (Operand.at((*operand.path, axis)) for axis in ("lat", "lon"))
        on_globe = [
            f"{sql_key('number', axis)[0]} AND {axis.value} BETWEEN -{end} AND {end}"
            for axis, end in ((lat, 90), (lon, 180))
        ]
        near, params = geo.sql_within(lat.value, lon.value, self.lat, self.lon, self.km)
        return f"({' AND '.join(on_globe)} AND {near})", params

    @property
    def argument(self) -> Any:  # noqa: D102
        return {"lat": self.lat, "lon": self.lon, "km": self.km}

    def shown(self, name: str) -> str:  # noqa: D102
        return f"{name}.near(({self.lat!r}, {self.lon!r}), km={self.km!r})"


@dataclass(frozen=True, slots=True)
class Exists(Condition):
    """There, be it null."""

    spelling: ClassVar[str] = "$exists"

    def holds(self, value: Any) -> bool:  # noqa: D102
        return value is not MISSING

    def sql(self, operand: Operand) -> Fragment:  # noqa: D102
        return f"{operand.type} IS NOT NULL", []

    @property
    def argument(self) -> Any:  # noqa: D102
        return True

    def shown(self, name: str) -> str:  # noqa: D102
        return f"{name}.exists()"


@dataclass(frozen=True, slots=True)
class IsNull(Condition):
    """There, and null."""

    spelling: ClassVar[str] = "$null"

    def holds(self, value: Any) -> bool:  # noqa: D102
        return value is None

    def sql(self, operand: Operand) -> Fragment:  # noqa: D102
        return f"{operand.type} = 'null'", []

    @property
    def argument(self) -> Any:  # noqa: D102
        return True

    def shown(self, name: str) -> str:  # noqa: D102
        return f"{name}.is_null()"


def point_of(value: Any) -> tuple[float, float] | None:
    """Return latitude and longitude of a payload's object, None if it has none on the globe."""
    if not isinstance(value, dict):
        return None
    lat, lon = key_of("number", value.get("lat")), key_of("number", value.get("lon"))
    if lat is None or lon is None or not (-90 <= lat <= 90 and -180 <= lon <= 180):  # type: ignore[operator]
        return None
    return float(lat), float(lon)
