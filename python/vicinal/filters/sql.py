"""Pieces of SQL over the JSON text of payloads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vicinal.filters.paths import sql_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vicinal.filters.paths import Path

#: An expression of SQL and the values of its question marks.
Fragment = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Operand:
    """A value of a payload, as SQL sees it.

    Attributes
    ----------
    type : str
        SQL of its JSON type, NULL where it is missing.
    value : str
        SQL of the value: text, number, 0 or 1, or the JSON text of an array or object.
    path : tuple of str
        Where in the payload it is; empty for an element of an array.
    """

    type: str
    value: str
    path: Path

    @classmethod
    def at(cls, path: Path) -> Operand:
        """Return the value at ``path`` of the column payload of table ``r``."""
        place = f"r.payload, {sql_path(path)}"
        return cls(f"json_type({place})", f"json_extract({place})", path)


#: The element that json_each, named e, is at.
ELEMENT = Operand("e.type", "e.value", ())


def joined(fragments: Sequence[Fragment], connective: str) -> Fragment:
    """Join by AND or OR, as a balanced tree: SQLite bounds how deep an expression may be."""
    if len(fragments) == 1:
        return fragments[0]
    half = len(fragments) // 2
    left, right = joined(fragments[:half], connective), joined(fragments[half:], connective)
    return f"({left[0]} {connective} {right[0]})", left[1] + right[1]
