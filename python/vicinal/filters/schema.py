"""Declared fields: which there are, of which kind, and what a filter may ask of each."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final, Literal

from vicinal.errors import InvalidInputError, InvalidTypeError
from vicinal.filters.conditions import (
    Between,
    Compare,
    Condition,
    Contains,
    Near,
    OneOf,
    StartsWith,
)
from vicinal.filters.paths import parse_path, path_text
from vicinal.filters.tree import leaves

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vicinal.filters import values
    from vicinal.filters.tree import Expr

#: What a declared field may be.
FieldKind = Literal["keyword", "number", "bool", "datetime", "geo"]

#: What is compared with each; places are only asked whether they are near.
COMPARED: Final[dict[FieldKind, values.Kind | None]] = {
    "keyword": "text",
    "number": "number",
    "bool": "bool",
    "datetime": "moment",
    "geo": None,
}
FIELD_KINDS: Final = tuple(COMPARED)


def check(expr: Expr, fields: Mapping[str, FieldKind]) -> None:
    """Refuse a filter that names fields not declared, or compares one with what it never is.

    Parameters
    ----------
    expr : Expr
    fields : mapping of str to str
        The kind of each declared field, by its name as a dict spells it.
    """
    kinds = {parse_path(name): kind for name, kind in fields.items()}
    for leaf in leaves(expr):
        kind = kinds.get(leaf.path)
        name = path_text(leaf.path)
        if kind is None:
            raise InvalidInputError(f"unknown field {name}{near_misses(name, fields)}")
        wrong = sorted(asked_kinds(leaf.condition) - {COMPARED[kind] or kind})
        if wrong:
            raise InvalidTypeError(
                f"field {name} is declared as {kind}, which {leaf!r} never holds for: "
                f"it asks for {' and '.join(wrong)}"
            )


def asked_kinds(condition: Condition) -> set[str]:
    """Return the kinds of value that a condition may hold for; empty if that is not its point."""
    match condition:
        case Compare(_, value) | Contains(value) | Between(value, _):
            return {value.kind}
        case OneOf():
            return set(condition.keys)
        case StartsWith():
            return {"text"}
        case Near():
            return {"geo"}
    return set()


def near_misses(name: str, known: Iterable[Any]) -> str:
    """Return what may have been meant, as the end of a message."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f": did you mean {' or '.join(close)}?"
    return f"; there is {', '.join(names)}" if names else "; none is declared"
