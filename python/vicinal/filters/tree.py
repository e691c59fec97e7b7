"""The expression tree of a filter: conditions on fields, joined by and, or, not."""

from __future__ import annotations

import keyword
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn

from vicinal.errors import InvalidInputError, InvalidTypeError
from vicinal.filters.conditions import Compare, Condition, OneOf
from vicinal.filters.paths import Path, lookup, path_text
from vicinal.filters.sql import Operand, joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyroaring import BitMap

    from vicinal.filters.bitmaps import PayloadIndex, Selection
    from vicinal.filters.sql import Fragment

#: How deep and how wide a filter may be, so that SQLite takes any that is within.
MAX_DEPTH: Final = 32
MAX_CONDITIONS: Final = 1_000


class Expr(ABC):
    """A filter. Join filters with ``&``, ``|`` and ``~``; they are values, equal and hashable."""

    __slots__ = ()

    #: How many levels of and, or, not are above the lowest condition, and how many of these it has.
    depth: int
    conditions: int

    @abstractmethod
    def matches(self, payload: dict[str, Any]) -> bool:
        """Whether ``payload`` is among what the filter lets through."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the filter as `parse` reads it back, in nothing but JSON."""

    @abstractmethod
    def sql(self) -> Fragment:
        """Return the filter as a condition of SQL.

        Returns
        -------
        where : str
            An expression over ``r.payload``, the JSON text of a payload: 1 where `matches`, else 0.
        params : list
            The values of its question marks, in order.
        """

    def bitmap(self, fields: PayloadIndex, universe: BitMap) -> Selection:
        """Return which slots of ``universe`` the filter selects, as far as declared fields tell.

        Parameters
        ----------
        fields : PayloadIndex
            The declared fields, of all slots in ``universe``.
        universe : pyroaring.BitMap
            The slots in question.

        Returns
        -------
        Selection
            Slots that are selected for sure, others that may be, and what of the filter decides
            these: to be asked as `sql` or `matches`.
        """
        return fields.select(self, universe)

    def __and__(self, other: Any) -> Expr:
        return And.of(self, other) if isinstance(other, Expr) else _not_a_filter("&", other)

    def __or__(self, other: Any) -> Expr:
        return Or.of(self, other) if isinstance(other, Expr) else _not_a_filter("|", other)

    def __rand__(self, other: Any) -> NoReturn:
        _not_a_filter("&", other)

    def __ror__(self, other: Any) -> NoReturn:
        _not_a_filter("|", other)

    def __invert__(self) -> Expr:
        return Not(self)

    def __bool__(self) -> NoReturn:
        raise InvalidTypeError(
            f"a filter is neither true nor false by itself: {self!r}. Write & | ~ where and, or, "
            "not stand, with each comparison in parentheses; for a < field < b write "
            "field.between(a, b) or (field > a) & (field < b)"
        )


@dataclass(frozen=True, slots=True, repr=False)
class Leaf(Expr):
    """A condition on the field at a path."""

    path: Path
    condition: Condition
    depth: int = field(default=0, init=False, compare=False)
    conditions: int = field(default=1, init=False, compare=False)

    def matches(self, payload: dict[str, Any]) -> bool:  # noqa: D102
        return self.condition.holds(lookup(payload, self.path))

    def sql(self) -> Fragment:  # noqa: D102
        text, params = self.condition.sql(Operand.at(self.path))
        return f"({text} IS TRUE)", params

    def to_dict(self) -> dict[str, Any]:  # noqa: D102
        return {path_text(self.path): {self.condition.spelling: self.condition.argument}}

    def __repr__(self) -> str:
        return self.condition.shown(shown_path(self.path))


@dataclass(frozen=True, slots=True, repr=False)
class _Joined(Expr):
    """Two filters or more, joined by one word."""

    parts: tuple[Expr, ...]
    depth: int = field(init=False, compare=False)
    conditions: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        _measure(self, self.parts)

    @classmethod
    def of(cls, *parts: Expr) -> Expr:
        """Join ``parts``; what is already joined by the same word is taken apart first."""
        flat = [inner for part in parts for inner in (part.parts if type(part) is cls else (part,))]
        return flat[0] if len(flat) == 1 else cls(tuple(flat))

    def _joined(self, connective: str) -> Fragment:
        return joined([part.sql() for part in self.parts], connective)

    def _shown(self, sign: str) -> str:
        return f" {sign} ".join(f"({part!r})" for part in self.parts)


@dataclass(frozen=True, slots=True, repr=False)
class And(_Joined):
    """All of the parts."""

    def matches(self, payload: dict[str, Any]) -> bool:  # noqa: D102
        return all(part.matches(payload) for part in self.parts)

    def sql(self) -> Fragment:  # noqa: D102
        return self._joined("AND")

    def to_dict(self) -> dict[str, Any]:  # noqa: D102
        return {"$and": [part.to_dict() for part in self.parts]}

    def __repr__(self) -> str:
        return self._shown("&")


@dataclass(frozen=True, slots=True, repr=False)
class Or(_Joined):
    """Any of the parts."""

    def matches(self, payload: dict[str, Any]) -> bool:  # noqa: D102
        return any(part.matches(payload) for part in self.parts)

    def sql(self) -> Fragment:  # noqa: D102
        return self._joined("OR")

    def to_dict(self) -> dict[str, Any]:  # noqa: D102
        return {"$or": [part.to_dict() for part in self.parts]}

    def __repr__(self) -> str:
        return self._shown("|")


@dataclass(frozen=True, slots=True, repr=False)
class Not(Expr):
    """All that the part does not let through."""

    part: Expr
    depth: int = field(init=False, compare=False)
    conditions: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        _measure(self, (self.part,))

    def matches(self, payload: dict[str, Any]) -> bool:  # noqa: D102
        return not self.part.matches(payload)

    def sql(self) -> Fragment:  # noqa: D102
        text, params = self.part.sql()
        return f"(NOT {text})", params

    def to_dict(self) -> dict[str, Any]:  # noqa: D102
        match self.part:
            case Leaf(path, Compare("==", value)):
                return {path_text(path): {"$ne": value.spelled}}
            case Leaf(path, OneOf() as one_of):
                return {path_text(path): {"$nin": one_of.argument}}
        return {"$not": self.part.to_dict()}

    def __invert__(self) -> Expr:
        return self.part

    def __repr__(self) -> str:
        match self.part:
            case Leaf(path, Compare("==", value)):
                return f"{shown_path(path)} != {value.plain!r}"
        return f"~({self.part!r})"


def leaves(expr: Expr) -> Iterator[Leaf]:
    """Yield the conditions of a filter, from the left."""
    match expr:
        case Leaf():
            yield expr
        case Not(part):
            yield from leaves(part)
        case _Joined(parts):
            for part in parts:
                yield from leaves(part)


def shown_path(path: Path) -> str:
    """Return the field at ``path`` as Python writes it."""
    key = path[0]
    plain = key.isidentifier() and not keyword.iskeyword(key) and not key.startswith("__")
    return f"f.{key}" if len(path) == 1 and plain else f"f[{path_text(path)!r}]"


def _measure(node: Not | _Joined, parts: tuple[Expr, ...]) -> None:
    depth = 1 + max(part.depth for part in parts)
    conditions = sum(part.conditions for part in parts)
    if depth > MAX_DEPTH:
        raise InvalidInputError(
            f"a filter may nest {MAX_DEPTH} levels of and, or, not; this one has more"
        )
    if conditions > MAX_CONDITIONS:
        raise InvalidInputError(
            f"a filter may have {MAX_CONDITIONS:,} conditions, not {conditions:,}; "
            "many values of one field are one condition: is_in, $in"
        )
    object.__setattr__(node, "depth", depth)
    object.__setattr__(node, "conditions", conditions)


def _not_a_filter(sign: str, other: Any) -> NoReturn:
    raise InvalidTypeError(
        f"{sign} joins filters, and {other!r} is none: put each comparison in parentheses, "
        f"as in (f.a == 1) {sign} (f.b == 2)"
    )
