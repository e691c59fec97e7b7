"""Filters as dicts write them, in the manner of MongoDB and Chroma."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vicinal.checks import described
from vicinal.errors import InvalidInputError, InvalidTypeError
from vicinal.filters import door
from vicinal.filters.conditions import COMPARISONS, Condition, Exists, IsNull
from vicinal.filters.paths import Path, parse_path, path_text
from vicinal.filters.schema import check, near_misses
from vicinal.filters.tree import MAX_DEPTH, And, Expr, Leaf, Not, Or

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vicinal.filters.schema import FieldKind

SIGNS = {spelling: sign for sign, spelling in COMPARISONS.items()}
CONNECTIVES = ("$and", "$or", "$not")


def parse(filter: Any, *, fields: Mapping[str, FieldKind] | None = None) -> Expr | None:  # noqa: A002
    """Read a filter in either spelling.

    Parameters
    ----------
    filter : Expr, dict or None
        ``field.year >= 2020``, or ``{"year": {"$gte": 2020}}``.
    fields : mapping of str to str, optional
        The declared fields and their kinds (`FIELD_KINDS`). If given, the filter may name no other,
        and compare each with its own kind only.

    Returns
    -------
    Expr or None
        None for no filter: None and ``{}``.

    Raises
    ------
    InvalidTypeError
        Neither of the spellings; a value of a type that can't be compared with.
    InvalidInputError
        An unknown operator or field, a value out of range, too deep, too many conditions.

    Examples
    --------
    >>> parse({"cat": "x", "year": {"$gte": 2020, "$lt": 2024}})
    (f.cat == 'x') & (f.year >= 2020) & (f.year < 2024)
    """
    if filter is None:
        return None
    if isinstance(filter, Expr):
        expr = filter
    elif isinstance(filter, dict):
        if not filter:
            return None
        expr = _object(filter, 0)
    else:
        raise InvalidTypeError(
            "a filter is made of fields, as in (field.year >= 2020) & (field.cat == 'x'), "
            f'or a dict, as in {{"year": {{"$gte": 2020}}}}, not {described(filter)}'
        )
    if fields is not None:
        check(expr, fields)
    return expr


def _object(spelled: Any, depth: int) -> Expr:
    """Read a dict of fields and connectives, all of which must hold."""
    if not isinstance(spelled, dict):
        raise InvalidTypeError(f"a filter inside a filter is a dict, not {described(spelled)}")
    if not spelled:
        raise InvalidInputError("a filter inside a filter can't be empty")
    _refuse_too_deep(depth)
    return And.of(*(_entry(name, value, depth) for name, value in spelled.items()))


def _entry(name: Any, value: Any, depth: int) -> Expr:
    if name == "$not":
        return ~_object(value, depth + 1)
    if name in ("$and", "$or"):
        if not isinstance(value, (list, tuple)) or not value:
            raise InvalidTypeError(f"{name} takes a list of filters, not {described(value)}")
        join = And if name == "$and" else Or
        return join.of(*(_object(part, depth + 1) for part in value))
    if isinstance(name, str) and name.startswith("$"):
        if name in OPERATORS:
            raise InvalidInputError(f'{name} stands behind a field: {{"field": {{"{name}": ...}}}}')
        raise InvalidInputError(
            f"unknown operator {name}{near_misses(name, CONNECTIVES)}; "
            rf"a field of that name is written \{name}"
        )
    path = parse_path(name)
    if isinstance(value, dict) and set(value) != {"$date"}:
        return _operators(path, value, depth)
    return _equal(path, value)


def _operators(path: Path, spelled: dict[Any, Any], depth: int) -> Expr:
    """Read what stands behind a field: operators, all of which must hold."""
    name = path_text(path)
    if not spelled:
        raise InvalidInputError(f"field {name} is asked nothing: {{}} has no operator")
    _refuse_too_deep(depth)
    parts = []
    for operator, argument in spelled.items():
        if operator == "$not":
            if not isinstance(argument, dict):
                raise InvalidTypeError(
                    f"field {name}, $not: takes operators, as in "
                    f'{{"$not": {{"$gt": 5}}}}, not {described(argument)}'
                )
            parts.append(~_operators(path, argument, depth + 1))
        elif operator in OPERATORS:
            parts.append(OPERATORS[operator](path, argument))
        elif isinstance(operator, str) and operator.startswith("$"):
            raise InvalidInputError(
                f"field {name}: unknown operator {operator}"
                f"{near_misses(operator, (*OPERATORS, '$not'))}"
            )
        else:
            raise InvalidInputError(
                f"field {name}: {operator!r} is no operator; "
                f'a field inside an object is written "{name}.{operator}"'
            )
    return And.of(*parts)


def _refuse_too_deep(depth: int) -> None:
    # The tree has bounds of its own; this is for what is read before there is one.
    if depth > MAX_DEPTH:
        raise InvalidInputError(f"a filter may nest {MAX_DEPTH} levels; this one has more")


def _where(path: Path, operator: str) -> str:
    return f"field {path_text(path)}, {operator}"


def _equal(path: Path, value: Any) -> Expr:
    if value is None:
        return door.nothing(path)
    return Leaf(path, door.compare("==", value, _where(path, "$eq")))


def _one_of(path: Path, values: Any) -> Expr:
    return Leaf(path, door.one_of(values, _where(path, "$in")))


def _ordered(operator: str) -> Callable[[Path, Any], Expr]:
    def read(path: Path, value: Any) -> Expr:
        return Leaf(path, door.compare(SIGNS[operator], value, _where(path, operator)))

    return read


def _between(path: Path, ends: Any) -> Expr:
    where = _where(path, "$between")
    if not isinstance(ends, (list, tuple)) or len(ends) != 2:
        raise InvalidTypeError(f"{where} takes [low, high], not {described(ends)}")
    return Leaf(path, door.between(ends[0], ends[1], where))


def _near(path: Path, circle: Any) -> Expr:
    where = _where(path, "$near")
    if not isinstance(circle, dict) or set(circle) != {"lat", "lon", "km"}:
        raise InvalidTypeError(
            f'{where} takes {{"lat": ..., "lon": ..., "km": ...}}, not {described(circle)}'
        )
    return Leaf(path, door.near((circle["lat"], circle["lon"]), circle["km"], where))


def _yes_or_no(operator: str, condition: Condition) -> Callable[[Path, Any], Expr]:
    def read(path: Path, wanted: Any) -> Expr:
        if not isinstance(wanted, bool):
            raise InvalidTypeError(
                f"{_where(path, operator)} takes true or false, not {described(wanted)}"
            )
        leaf = Leaf(path, condition)
        return leaf if wanted else Not(leaf)

    return read


#: What may stand behind a field, besides $not.
OPERATORS: dict[Any, Callable[[Path, Any], Expr]] = {
    "$eq": _equal,
    "$ne": lambda path, value: ~_equal(path, value),
    "$gt": _ordered("$gt"),
    "$gte": _ordered("$gte"),
    "$lt": _ordered("$lt"),
    "$lte": _ordered("$lte"),
    "$in": _one_of,
    "$nin": lambda path, values: ~_one_of(path, values),
    "$between": _between,
    "$contains": lambda path, value: Leaf(path, door.contains(value, _where(path, "$contains"))),
    "$prefix": lambda path, value: Leaf(path, door.startswith(value, _where(path, "$prefix"))),
    "$near": _near,
    "$exists": _yes_or_no("$exists", Exists()),
    "$null": _yes_or_no("$null", IsNull()),
}
