"""The declared fields of a collection's payloads, indexed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
from pyroaring import BitMap

from vicinal import checks
from vicinal.errors import InvalidInputError
from vicinal.filters.bitmaps.field import FieldIndex
from vicinal.filters.bitmaps.selection import Selection, joined, negated
from vicinal.filters.bitmaps.tree import bitmap_of
from vicinal.filters.paths import lookup, parse_path
from vicinal.filters.schema import FIELD_KINDS
from vicinal.filters.tree import And, Leaf, Not, Or

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vicinal.filters.paths import Path
    from vicinal.filters.schema import FieldKind
    from vicinal.filters.tree import Expr

#: Payloads that are read before columns are told of them.
BATCH = 1 << 17


class PayloadIndex:
    """Bitmaps of the declared fields, equal to what `Expr.matches` says at any time.

    Any number of threads may use it.

    Parameters
    ----------
    fields : mapping of str to {"keyword", "number", "bool", "datetime", "geo"}
        The declared fields, by their names as dicts of filters spell them. Arrays of the first four
        are indexed too. Values of another kind are allowed: filters that ask for them are left to
        SQL, as are those on fields not declared.
    """

    def __init__(self, fields: Mapping[str, FieldKind]) -> None:
        self._fields: dict[Path, FieldIndex] = {}
        for name, kind in fields.items():
            path = parse_path(name)
            if path in self._fields:
                raise InvalidInputError(f"field {name} is declared twice")
            checks.choice(f"kind of field {name}", kind, FIELD_KINDS)
            self._fields[path] = FieldIndex(kind)
        self._lock = threading.Lock()

    def update(self, rows: Iterable[tuple[int, Any]]) -> None:
        """Index payloads.

        Parameters
        ----------
        rows : iterable of (int, dict or None)
            Slots and their payloads. What a slot had before is forgotten.
        """
        batch: dict[int, Any] = {}
        for slot, payload in rows:
            batch[slot] = payload
            if len(batch) >= BATCH:
                self._take(batch)
                batch = {}
        self._take(batch)

    def _take(self, batch: dict[int, Any]) -> None:
        slots = bitmap_of(np.fromiter(batch, np.uint32, len(batch)))
        with self._lock:
            for path, field in self._fields.items():
                field.discard(slots)
                field.add({slot: lookup(payload, path) for slot, payload in batch.items()})

    def remove(self, slots: Iterable[int]) -> None:
        """Forget slots; some of them may not be there."""
        gone = slots if isinstance(slots, BitMap) else BitMap(sorted(slots))
        with self._lock:
            for field in self._fields.values():
                field.discard(gone)

    def select(self, expr: Expr, universe: BitMap) -> Selection:
        """Return which slots of ``universe``, all of them indexed, ``expr`` selects."""
        with self._lock:
            return self._select(expr, universe)

    def _select(self, expr: Expr, universe: BitMap) -> Selection:
        match expr:
            case Not(part):
                return negated(self._select(part, universe), expr, universe)
            case And(parts) | Or(parts):
                return joined([(part, self._select(part, universe)) for part in parts], expr)
            case Leaf(path, condition) if path in self._fields:
                sure, maybe = self._fields[path].select(condition)
                return Selection.of(sure & universe, maybe & universe, expr)
        return Selection.of(BitMap(), universe, expr)
