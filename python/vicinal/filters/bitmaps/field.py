"""One declared field: its values by kind, and what a condition selects of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pyroaring import BitMap

from vicinal.filters.bitmaps.ordered import Bound, Ordered
from vicinal.filters.bitmaps.places import Places
from vicinal.filters.bitmaps.tree import bitmap_of
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
    point_of,
)
from vicinal.filters.paths import MISSING
from vicinal.filters.schema import COMPARED, asked_kinds
from vicinal.filters.values import key_of

if TYPE_CHECKING:
    from vicinal.filters.schema import FieldKind

NOTHING = BitMap()

#: Where a range begins and ends, by the sign of a comparison: at the key, after it, or open.
RANGES: dict[str, tuple[bool | None, bool | None]] = {
    "<": (None, False),
    "<=": (None, True),
    ">": (True, None),
    ">=": (False, None),
}


class FieldIndex:
    """Slots by the values that they have in one field."""

    def __init__(self, kind: FieldKind) -> None:
        self._kind = COMPARED[kind]
        self._there, self._null, self._other = BitMap(), BitMap(), BitMap()
        self._places = Places()
        # A place is compared with nothing, so of these its field has none.
        self._scalars = Ordered(self._kind or "number", single=True)
        self._elements = Ordered(self._kind or "number", single=False)

    def add(self, values: dict[int, Any]) -> None:
        """Index the values of slots that have none yet; `MISSING` is none."""
        there, null, other = [], [], []
        scalars: tuple[list[Any], list[int]] = ([], [])
        elements: tuple[list[Any], list[int]] = ([], [])
        places: tuple[list[Any], list[int]] = ([], [])
        for slot, value in values.items():
            if value is MISSING:
                continue
            there.append(slot)
            if value is None:
                null.append(slot)
            elif self._kind is None:
                point = point_of(value)
                if point is None:
                    other.append(slot)
                else:
                    places[0].append(point)
                    places[1].append(slot)
            elif isinstance(value, (list, tuple)):
                keys = {key_of(self._kind, element) for element in value}
                if None in keys:
                    other.append(slot)
                keys.discard(None)
                elements[0].extend(keys)
                elements[1].extend([slot] * len(keys))
            elif (key := key_of(self._kind, value)) is not None:
                scalars[0].append(key)
                scalars[1].append(slot)
            else:
                other.append(slot)
        self._there |= bitmap_of(np.array(there, np.uint32))
        self._null |= bitmap_of(np.array(null, np.uint32))
        self._other |= bitmap_of(np.array(other, np.uint32))
        self._places.add(*places)
        self._scalars.add(*scalars)
        self._elements.add(*elements)

    def discard(self, slots: BitMap) -> None:
        """Forget slots; some of them may not be there."""
        if self._there.isdisjoint(slots):
            return
        self._there -= slots
        self._null -= slots
        self._other -= slots
        for part in (self._places, self._scalars, self._elements):
            part.discard(slots)

    def select(self, condition: Condition) -> tuple[BitMap, BitMap]:
        """Return the slots for which ``condition`` holds, and those for which SQL must tell."""
        match condition:
            case Exists():
                return self._there, NOTHING
            case IsNull():
                return self._null, NOTHING
        asked = asked_kinds(condition)
        foreign = asked - {self._kind or "geo"}
        sure = self._own(condition) if asked - foreign else NOTHING
        if not foreign:
            return sure, NOTHING
        # Text may read as a moment, and a moment is text: each is foreign to the other's field,
        # and yet among its values.
        if self._kind in ("text", "moment") and foreign & {"text", "moment"}:
            return sure, self._there
        return sure, self._other

    def _own(self, condition: Condition) -> BitMap:
        """Return what a condition on the field's own kind selects."""
        match condition:
            case Compare("==", value):
                return self._scalars.equal(value.key)
            case Compare(sign, value):
                low, high = (None if at is None else Bound(value.key, at) for at in RANGES[sign])
                return self._scalars.between(low, high)
            case Between(low_value, high_value):
                ends = Bound(low_value.key, False), Bound(high_value.key, True)
                return self._scalars.between(*ends)
            case OneOf():
                keys = condition.keys[self._kind] if self._kind else ()
                return BitMap.union(NOTHING, *(self._scalars.equal(key) for key in keys))
            case Contains(value):
                return self._elements.equal(value.key)
            case StartsWith(prefix):
                after = condition.after()
                return self._scalars.between(
                    Bound(prefix, False), None if after is None else Bound(after, False)
                )
            case Near():
                return self._places.near(condition)
        raise AssertionError(condition)
