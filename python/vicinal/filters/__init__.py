"""Filters over payloads: one expression tree, written with operators or as a dict.

`field` and `parse` make it; `Expr.matches` is what it means, in plain Python, and `Expr.sql` the
same to SQLite.
"""

from vicinal.filters.fields import Field, field
from vicinal.filters.parse import parse
from vicinal.filters.schema import FIELD_KINDS, FieldKind, check
from vicinal.filters.tree import And, Expr, Leaf, Not, Or

__all__ = [
    "FIELD_KINDS",
    "And",
    "Expr",
    "Field",
    "FieldKind",
    "Leaf",
    "Not",
    "Or",
    "check",
    "field",
    "parse",
]
